//! Regular expressions as Go reads them, in which Prometheus and Loki are written.

use regex::Regex;

/// Compiles an expression in which `\d`, `\s`, `\w` and `\b` know ASCII alone, as in RE2.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&ascii(pattern))
}

/// The expression with its classes spelled out. They mean the same inside of brackets.
fn ascii(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => text.push_str("[0-9]"),
            Some('D') => text.push_str("[^0-9]"),
            Some('s') => text.push_str(r"[\t\n\f\r ]"),
            Some('S') => text.push_str(r"[^\t\n\f\r ]"),
            Some('w') => text.push_str("[0-9A-Za-z_]"),
            Some('W') => text.push_str("[^0-9A-Za-z_]"),
            Some('b') => text.push_str(r"(?-u:\b)"),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_know_ascii_alone() {
        for (pattern, text, matches) in [
            (r"^\w+$", "zurich", true),
            (r"^\w+$", "zürich", false),
            (r"^z\Wrich$", "zürich", true),
            (r"^[\w.-]+$", "v1.2-x", true),
            (r"^[^\d]$", "٣", true),
            (r"^\d$", "٣", false),
            (r"^\s$", "\u{a0}", false),
            (r"^\S\s\S$", "a b", true),
            (r"\bcat\b", "a cat", true),
            (r"\\d", r"\d", true),
        ] {
            assert_eq!(
                compile(pattern).unwrap().is_match(text),
                matches,
                "{pattern} {text}"
            );
        }
        assert!(compile("(").is_err());
        assert!(compile("a\\").is_err());
    }
}
