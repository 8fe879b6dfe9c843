//! The words of names that people give to the same thing in different ways.

/// Words that say of a name what kind of thing it is, or where it runs, but not which one it is.
const EMPTY: [&str; 35] = [
    "service",
    "services",
    "svc",
    "srv",
    "microservice",
    "application",
    "deployment",
    "deploy",
    "config",
    "configs",
    "configuration",
    "configmap",
    "settings",
    "secret",
    "secrets",
    "chart",
    "helm",
    "values",
    "release",
    "manifest",
    "manifests",
    "repo",
    "repository",
    "gitops",
    "infra",
    "flag",
    "flags",
    "env",
    "environment",
    "prod",
    "production",
    "staging",
    "stage",
    "dev",
    "yaml",
];

/// Words that mostly say no more, yet tell apart what else is called alike.
const WEAK: [&str; 3] = ["api", "app", "server"];

/// Endings that some write without a hyphen.
const FUSED: [&str; 2] = ["service", "svc"];

/// The words of a name in lower case, without numbers of versions: `TaxService`, `tax-svc:2.14.3` and `tax_service v2` have
/// `tax` first.
pub(super) fn words(name: &str) -> Vec<String> {
    name.split(|c: char| c.is_whitespace() || matches!(c, '@' | ':'))
        .filter(|token| !is_version(token))
        .flat_map(|token| token.split(|c: char| !c.is_alphanumeric()))
        .flat_map(humps)
        .filter(|word| !is_major(word))
        .flat_map(unfused)
        .collect()
}

/// `2.14.3`, `v2`, `1.0-rc1`.
fn is_version(token: &str) -> bool {
    let number = token.strip_prefix(['v', 'V']).unwrap_or(token);
    let whole = number.split(['.', '-', '+']).next().unwrap_or(number);
    let digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    digits && (number.len() < token.len() || number.contains('.'))
}

/// `v2`.
fn is_major(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(is_number)
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// `GeoDbService` is three words, `HTTPProxy` two.
fn humps(part: &str) -> Vec<String> {
    let letters: Vec<char> = part.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index.saturating_add(1));
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        match words.last_mut() {
            Some(word) if !begins => word.extend(letter.to_lowercase()),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    words
}

fn unfused(word: String) -> Vec<String> {
    if EMPTY.contains(&word.as_str()) {
        return vec![word];
    }
    let parts = FUSED.iter().find_map(|ending| {
        let rest = word.strip_suffix(*ending).filter(|rest| rest.len() > 1)?;
        Some(vec![rest.to_owned(), (*ending).to_owned()])
    });
    parts.unwrap_or_else(|| vec![word])
}

/// The words that tell which one is meant.
pub(super) fn telling(words: &[String]) -> Vec<String> {
    without(words, |word| EMPTY.contains(&word))
}

/// Those of [`telling`] that are left without what only distinguishes variants, without numbers, and without `known`, which
/// is told elsewhere: the namespace.
pub(super) fn core(words: &[String], known: &[String], numbers: bool) -> Vec<String> {
    without(words, |word| {
        EMPTY.contains(&word)
            || WEAK.contains(&word)
            || (!numbers && is_number(word))
            || known.iter().any(|known| known == word)
    })
}

fn without(words: &[String], test: impl Fn(&str) -> bool) -> Vec<String> {
    words.iter().filter(|word| !test(word)).cloned().collect()
}

/// Whether two words are the same but for the plural.
pub(super) fn same_stem(one: &str, other: &str) -> bool {
    fn stem(word: &str) -> &str {
        word.strip_suffix('s').unwrap_or(word)
    }
    stem(one) == stem(other)
}

/// Whether a word can tell a thing in a text that is not its name.
pub(super) fn is_distinct(word: &str) -> bool {
    word.chars().count() >= 3 && !is_number(word) && !EMPTY.contains(&word) && !WEAK.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words_however_they_are_written() {
        for (name, expected) in [
            ("TaxService", "tax service"),
            ("tax-svc:2.14.3", "tax svc"),
            ("tax_service v2", "tax service"),
            ("GeoDbService", "geo db service"),
            ("HTTPProxy", "http proxy"),
            ("adservice", "ad service"),
            ("tax.regions-2026", "tax regions 2026"),
            ("acme/tax", "acme tax"),
            ("cart-2", "cart 2"),
            ("tax-v2", "tax"),
            ("tax v2.14.3-rc1", "tax"),
            ("service", "service"),
            ("", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn what_tells_which_one_is_meant_is_left() {
        let left = |name: &str| telling(&words(name)).join(" ");
        assert_eq!(left("tax-service-prod"), "tax");
        assert_eq!(left("ledger-api"), "ledger api");
        assert_eq!(left("config-service"), "");
        assert_eq!(
            core(&words("shop-ledger-api-2"), &words("shop"), false),
            ["ledger"]
        );
    }
}
