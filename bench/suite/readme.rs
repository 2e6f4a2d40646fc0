//! The part of the README that is generated: what stands between two marks.
//!
//! Owns the marks. Must never know what it puts there.

/// The lines around what is generated.
const BEGIN: &str = "<!-- figures: written by scripts/bench.sh report -->";
const END: &str = "<!-- figures: end -->";

/// `text` with `inside` between its marks.
///
/// # Errors
/// It has no such marks.
pub(crate) fn replaced(text: &str, inside: &str) -> Result<String, String> {
    let missing = || format!("README.md has no lines {BEGIN} and {END}");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", inside.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replaced(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&new, "new"), Ok(new.clone()));
        assert!(replaced("nothing", "new").is_err());
    }
}
