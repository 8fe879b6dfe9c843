//! Addresses that a log names.

use std::collections::BTreeSet;

use claw_metrics::logs::entries::Entry;

/// Addresses that are kept of one log.
const MAX_ADDRESSES: usize = 64;

/// The hosts with ports that entries name, as they stand there or in a URL. Addresses by number and files with lines are left
/// out.
pub(super) fn addresses(entries: &[Entry]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in entries.iter().flat_map(|entry| words(&entry.message)) {
        if let Some(address) = address(word)
            && found.len() < MAX_ADDRESSES
        {
            found.insert(address);
        }
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;=|".contains(c))
        .filter(|word| word.contains(':'))
}

/// The host and port of a word: `mongodb://user:word@db:27017/a` is `db:27017`.
fn address(word: &str) -> Option<String> {
    let word = word.rsplit_once("://").map_or(word, |(_, rest)| rest);
    let word = word.split(['/', '?']).next().unwrap_or_default();
    let word = word.rsplit_once('@').map_or(word, |(_, rest)| rest);
    let (host, port) = word.trim_end_matches(['.', ':']).rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let name = host.starts_with(|c: char| c.is_ascii_lowercase())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
    (name && port > 0).then(|| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_host_with_a_port_is_an_address() {
        for (word, expected) in [
            ("mongodb-geo:27017", Some("mongodb-geo:27017")),
            (
                "postgres://app:s3cret@orders-db.shop:5432/orders",
                Some("orders-db.shop:5432"),
            ),
            ("http://cart:8080/v1", Some("cart:8080")),
            ("cart:8080.", Some("cart:8080")),
            ("10.0.0.1:80", None),
            ("cmd/rate/main.go:40", None),
            ("Last:1", None),
            ("12:08:12", None),
            ("http://cart/v1", None),
            ("user:word", None),
        ] {
            assert_eq!(address(word).as_deref(), expected, "{word}");
        }
    }
}
