//! Regular expressions as Go reads them, in which Prometheus and Loki are written.

use regex::Regex;

/// Compiles an expression in which `\d`, `\s`, `\w` and `\b` know ASCII alone, and a brace that counts nothing is a brace.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&ascii(pattern))
}

/// The expression with its classes spelled out. They mean the same inside of brackets.
fn ascii(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == '{' && !counts(characters.as_str()) {
            text.push('\\');
        }
        if character != '\\' {
            text.push(character);
            continue;
        }
        // `\p{Lu}`, `\x{e9}`
        let named = ["p{", "P{", "x{"];
        if named.iter().any(|start| characters.as_str().starts_with(start)) {
            text.push('\\');
            text.extend(characters.by_ref().take(2));
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

/// Whether what follows a brace is a number of times: `3}`, `3,}`, `3,5}`.
fn counts(rest: &str) -> bool {
    let Some((times, _)) = rest.split_once('}') else {
        return false;
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (least, most) = times.split_once(',').unwrap_or((times, ""));
    !least.is_empty() && is_number(least) && is_number(most)
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
            (r"^a{2}b{,3}{x}$", "aab{,3}{x}", true),
            (r"^a{1,2}{$", "aa{", true),
            (r"^\p{Lu}\x{e9}[{}]$", "Eé}", true),
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
