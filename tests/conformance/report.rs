//! The table of what is proved, by which test, and why the rest is not: `docs/CONFORMANCE.md`.
//!
//! Owns the table's form and the tests that keep it honest. `UPDATE=1 cargo test -p ringmq-tests --test conformance
//! report` writes it anew. Must never know how a test proves what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::registry::Proof;
use crate::statements::{self, Chapter, REASONS, Statement};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CONFORMANCE.md");

const HEAD: &str = "# Conformance\n\n\
    Every numbered statement of MQTT 5.0 and 3.1.1 that binds a server, every error of 5.0 with its reaction, and the\n\
    rules that have no number; each with the tests that prove it, or the reason why none does. The tests are in\n\
    `tests/conformance`; each is run on one shard and on three, with clients at different homes, and over a network\n\
    that cuts bytes at any place. This page is written by\n\
    `UPDATE=1 cargo test -p ringmq-tests --test conformance report`, and a test fails when it is out of date.\n";

/// What the table says of a statement.
enum Standing<'a> {
    Proved(Vec<&'a Proof>),
    /// Proved but for something that is named.
    ProvedInPart(Vec<&'a Proof>, &'static str),
    Explained(&'static str),
    NotTestable,
    Open,
}

/// Proofs and reasons by the statement they belong to.
struct Evidence {
    proofs: BTreeMap<&'static str, Vec<&'static Proof>>,
    /// Why it is not proved here at all.
    reasons: BTreeMap<&'static str, &'static str>,
    /// What of it is not proved here.
    gaps: BTreeMap<&'static str, &'static str>,
}

impl Evidence {
    fn gather() -> Evidence {
        let mut proofs: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for proof in crate::AREAS.iter().flat_map(|area| area.iter()) {
            for id in proof.ids {
                proofs.entry(*id).or_default().push(proof);
            }
        }
        let of_kind =
            |kind| statements::rows(REASONS).filter(move |row| row[1] == kind).map(|row| (row[0], row[2]));
        Evidence { proofs, reasons: of_kind("whole").collect(), gaps: of_kind("part").collect() }
    }

    fn standing(&self, statement: &Statement) -> Standing<'_> {
        let id = statement.id.as_str();
        match (self.proofs.get(id), self.reasons.get(id)) {
            (Some(proofs), _) => match self.gaps.get(id) {
                Some(gap) => Standing::ProvedInPart(proofs.clone(), gap),
                None => Standing::Proved(proofs.clone()),
            },
            (None, Some(reason)) => Standing::Explained(reason),
            (None, None) if !statement.is_testable => Standing::NotTestable,
            (None, None) => Standing::Open,
        }
    }
}

/// The whole page.
fn page(evidence: &Evidence) -> String {
    let chapters = statements::chapters();
    let mut page = String::from(HEAD);
    page.push_str("\n| | statements | proved | in part | explained | not testable on a server | open |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for chapter in &chapters {
        page.push_str(&totals(chapter, evidence));
    }
    for chapter in &chapters {
        write!(page, "\n## {}\n\n| statement | says | shown by |\n| --- | --- | --- |\n", chapter.title)
            .expect("text takes text");
        for statement in &chapter.statements {
            page.push_str(&line(statement, evidence));
        }
    }
    page
}

fn totals(chapter: &Chapter, evidence: &Evidence) -> String {
    let mut counts = [0; 5];
    for statement in &chapter.statements {
        counts[match evidence.standing(statement) {
            Standing::Proved(_) => 0,
            Standing::ProvedInPart(..) => 1,
            Standing::Explained(_) => 2,
            Standing::NotTestable => 3,
            Standing::Open => 4,
        }] += 1;
    }
    let [proved, in_part, explained, not_testable, open] = counts;
    let all = chapter.statements.len();
    format!("| {} | {all} | {proved} | {in_part} | {explained} | {not_testable} | {open} |\n", chapter.title)
}

fn line(statement: &Statement, evidence: &Evidence) -> String {
    let shown = match evidence.standing(statement) {
        Standing::Proved(proofs) => names(&proofs),
        Standing::ProvedInPart(proofs, gap) => format!("{}; not here: {gap}", names(&proofs)),
        Standing::Explained(reason) => format!("not here: {reason}"),
        Standing::NotTestable => String::from("not testable on a server"),
        Standing::Open => String::from("**open**"),
    };
    let id = statement.id.split_once(':').map_or(statement.id.as_str(), |(_, id)| id);
    format!("| {id} | {} | {shown} |\n", statement.text.replace('|', "\\|"))
}

/// Tests by area and name.
fn names(proofs: &[&Proof]) -> String {
    let tests = proofs.iter().map(|proof| format!("`{}::{}`", area(proof), proof.test));
    tests.collect::<Vec<_>>().join(", ")
}

/// The file that a test is in.
fn area(proof: &Proof) -> &'static str {
    proof.area.rsplit("::").next().unwrap_or(proof.area)
}

fn all_ids() -> BTreeSet<String> {
    statements::chapters()
        .into_iter()
        .flat_map(|chapter| chapter.statements)
        .map(|statement| statement.id)
        .collect()
}

#[test]
fn every_proof_and_every_reason_names_a_statement() {
    let known = all_ids();
    let evidence = Evidence::gather();
    let named = evidence.proofs.keys().chain(evidence.reasons.keys()).chain(evidence.gaps.keys());
    let unknown: Vec<_> = named.filter(|id| !known.contains(**id)).collect();
    assert!(unknown.is_empty(), "there are no such statements: {unknown:?}");
}

#[test]
fn no_statement_is_both_proved_and_explained_away() {
    let evidence = Evidence::gather();
    let both: Vec<_> = evidence.reasons.keys().filter(|id| evidence.proofs.contains_key(**id)).collect();
    assert!(both.is_empty(), "proved by now, so the reason is out of date: {both:?}");
    let kinds = statements::rows(REASONS).all(|row| ["whole", "part"].contains(&row[1]));
    assert!(kinds, "a reason is for the whole statement or for part of it");
}

#[test]
fn every_testable_statement_is_proved_or_explained() {
    let evidence = Evidence::gather();
    let chapters = statements::chapters();
    let all = chapters.iter().flat_map(|chapter| &chapter.statements);
    let open: Vec<_> = all
        .filter(|statement| matches!(evidence.standing(statement), Standing::Open))
        .map(|s| &s.id)
        .collect();
    assert!(open.is_empty(), "{} statements with neither test nor reason: {open:#?}", open.len());
}

#[test]
fn the_page_is_up_to_date() {
    let page = page(&Evidence::gather());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, &page).expect("docs can be written");
    }
    for line in
        page.lines().skip_while(|line| !line.starts_with("| |")).take_while(|line| line.starts_with('|'))
    {
        println!("{line}");
    }
    let written = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(written == page, "docs/CONFORMANCE.md is out of date: run with UPDATE=1");
}
