//! Words of CEL, the language of admission policies. Whatever a policy file says comes in here as a literal and no other way.

use std::fmt::Write as _;

/// A text.
pub(super) fn text(value: &str) -> String {
    let plain = |c: char| !matches!(c, '\'' | '\\') && !c.is_control();
    if value.chars().all(plain) {
        return format!("'{value}'");
    }
    let mut quoted = String::from("'");
    for c in value.chars() {
        if plain(c) {
            quoted.push(c);
        } else {
            // Every character has this form; quotes and backslashes too.
            let _ = write!(quoted, "\\U{:08x}", u32::from(c));
        }
    }
    quoted.push('\'');
    quoted
}

/// A list of texts.
pub(super) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| text(value.as_ref())).collect();
    format!("[{}]", values.join(", "))
}

/// A mapping from texts to texts.
pub(super) fn mapping<K: AsRef<str>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> String {
    let entries: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| format!("{}: {}", text(key.as_ref()), text(value.as_ref())))
        .collect();
    format!("{{{}}}", entries.join(", "))
}

/// That one of these holds.
pub(super) fn one_of(conditions: &[String]) -> String {
    let conditions: Vec<String> = conditions.iter().map(|one| format!("({one})")).collect();
    conditions.join(" || ")
}

/// That all of these hold.
pub(super) fn all_of(conditions: &[String]) -> String {
    let conditions: Vec<String> = conditions.iter().map(|one| format!("({one})")).collect();
    conditions.join(" && ")
}

/// That it does not hold.
pub(super) fn not(condition: &str) -> String {
    format!("!({condition})")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_policy_says_stays_a_literal() {
        assert_eq!(text("kube-system"), "'kube-system'");
        assert_eq!(
            text("a' || true || 'b\\\n"),
            r"'a\U00000027 || true || \U00000027b\U0000005c\U0000000a'"
        );
        assert_eq!(texts(["a", "b"]), "['a', 'b']");
        assert_eq!(texts::<&str>([]), "[]");
        assert_eq!(mapping([("dev", "development")]), "{'dev': 'development'}");
        assert_eq!(one_of(&["a".to_owned(), "b && c".to_owned()]), "(a) || (b && c)");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_ends_its_literal(value in any::<String>()) {
            let literal = text(&value);
            let inside = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap();
            prop_assert!(!inside.contains('\'') && !inside.chars().any(char::is_control));
            // Every backslash begins a form that this module writes, so that each text comes back.
            let mut rest = inside;
            let mut back = String::new();
            while let Some(at) = rest.find('\\') {
                back.push_str(&rest[..at]);
                let code = rest[at..].strip_prefix("\\U").map(|code| &code[..8]).unwrap();
                back.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
                rest = &rest[at + 10..];
            }
            back.push_str(rest);
            prop_assert_eq!(back, value);
        }
    }
}
