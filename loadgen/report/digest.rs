//! The seal of a report: a digest of all of it, so that a figure changed by hand is noticed.
//!
//! Owns what the digest is of: the SHA-256 of the report as compact JSON, members in the order of their names, without the
//! member `digest`. Must never know what a report says.

use serde_json::Value;
use sha2::{Digest, Sha256};

const MEMBER: &str = "digest";

/// The report with its digest, as text for files.
pub(super) fn sealed(mut report: Value) -> String {
    let digest = digest_of(&report);
    report[MEMBER] = Value::String(digest);
    serde_json::to_string_pretty(&report).expect("a value has a JSON form")
}

/// The report without its digest.
///
/// # Errors
/// Text that is no JSON object with a digest, and one that is not the report's.
pub(super) fn unsealed(text: &str) -> Result<Value, String> {
    let mut report: Value =
        serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
    let members = report.as_object_mut().ok_or("this is no report: it is not a JSON object")?;
    let digest = members.remove(MEMBER).ok_or("this is no report of ringmq-bench: it has no digest")?;
    match digest.as_str() {
        Some(digest) if digest == digest_of(&report) => Ok(report),
        _ => Err("the report was changed after it was written: its digest is another".into()),
    }
}

fn digest_of(report: &Value) -> String {
    let text = serde_json::to_string(report).expect("a value has a JSON form");
    let bytes = Sha256::digest(text.as_bytes());
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_keeps_its_seal_whatever_its_layout_and_loses_it_with_any_figure() {
        let report = json!({ "b": 0.1, "a": { "d": 1e-7, "c": [1, 2.5, null] } });
        let text = sealed(report.clone());
        assert_eq!(unsealed(&text), Ok(report.clone()));
        let compact = serde_json::from_str::<Value>(&text).unwrap().to_string();
        assert_eq!(unsealed(&compact), Ok(report));
        let changed = text.replace("2.5", "2.4");
        assert!(unsealed(&changed).is_err_and(|error| error.contains("changed")));
    }

    #[test]
    fn what_is_no_report_is_told_apart() {
        for (text, word) in
            [("", "no JSON"), ("[]", "object"), ("{}", "no digest"), (r#"{"digest":1}"#, "changed")]
        {
            assert!(unsealed(text).is_err_and(|error| error.contains(word)), "{text}");
        }
    }
}
