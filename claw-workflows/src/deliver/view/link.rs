//! Which addresses become links.

/// Longest address of a link.
const ADDRESS: usize = 500;

/// Whether it is an address of a page of which no character means anything in Markdown, HTML or Slack's markup.
pub(super) fn can_be_linked(place: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&+,;=%".contains(c);
    let rest = place
        .strip_prefix("https://")
        .or_else(|| place.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        && place.len() <= ADDRESS
        && place.chars().all(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_pages_are_links() {
        for place in [
            "https://runbooks.example.com/kube/pod?x=1&y=2#top",
            "http://10.0.0.1:8080/a",
        ] {
            assert!(can_be_linked(place), "{place}");
        }
        for place in [
            "runbooks/cart.md",
            "javascript:alert(1)",
            "https://",
            "https://a.example/)[x](javascript:1",
            "https://a.example/\"onclick=1",
            "https://a.example/a b",
            "https://a.example/|<!channel>",
        ] {
            assert!(!can_be_linked(place), "{place}");
        }
    }
}
