//! The licences of everything that is built: those that deny.toml allows.

use std::process::Command;

use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use toml::Table;

use super::findings::Findings;
use super::tree;

/// The licences that deny.toml allows, for all packages and for one.
struct Allowed {
    everywhere: Vec<String>,
    exceptions: Vec<(String, Vec<String>)>,
}

impl Allowed {
    fn read() -> Allowed {
        let deny: Table = tree::read("deny.toml").parse().expect("deny.toml is TOML");
        let licences = &deny["licenses"];
        let texts =
            |value: &toml::Value| -> Vec<String> { value.clone().try_into().expect("a list of licences") };
        let exceptions = licences.get("exceptions").and_then(toml::Value::as_array);
        let exception = |row: &toml::Value| {
            let package = row["crate"].as_str().expect("a package").to_owned();
            (package, texts(&row["allow"]))
        };
        Allowed {
            everywhere: texts(&licences["allow"]),
            exceptions: exceptions.into_iter().flatten().map(exception).collect(),
        }
    }

    fn permits(&self, package: &str, expression: &Expression) -> bool {
        let own = self.exceptions.iter().filter(|(of, _)| of == package).flat_map(|(_, licences)| licences);
        let licensee =
            |text: &String| Licensee::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let allowed: Vec<Licensee> = self.everywhere.iter().chain(own).map(licensee).collect();
        expression.evaluate(|required| allowed.iter().any(|licence| licence.satisfies(required)))
    }
}

/// All packages that are built on this machine, tests included, as `cargo metadata` tells.
fn packages() -> Vec<Value> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(tree::root())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let Value::Array(packages) = metadata["packages"].take() else { panic!("cargo metadata has packages") };
    packages
}

#[test]
fn licences_are_allowed() {
    let mut findings = Findings::of(
        "Every package has a licence that deny.toml allows: one that asks for no more than being named. Choose another \
         package, or widen deny.toml with a reason.",
    );
    let allowed = Allowed::read();
    let packages = packages();
    assert!(packages.len() > 100, "cargo metadata tells of {} packages only", packages.len());
    for package in &packages {
        let (name, licence) = (package["name"].as_str().unwrap_or_default(), package["license"].as_str());
        let expression = licence.and_then(|text| Expression::parse_mode(text, ParseMode::LAX).ok());
        if !expression.is_some_and(|expression| allowed.permits(name, &expression)) {
            findings.about(name, licence.unwrap_or("no licence"));
        }
    }
    findings.conclude();
}
