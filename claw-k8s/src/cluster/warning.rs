//! `Warning` headers (RFC 7234, section 5.5), by which the API server says what it thinks of a request that it takes.

use http::HeaderMap;
use http::header::WARNING;

/// Most warnings of one answer that are kept.
const MOST: usize = 20;

/// Longest warning that is kept, in characters.
const CHARS: usize = 500;

/// The code under which Kubernetes warns.
const MISCELLANEOUS: &str = "299";

/// The texts of all warnings. Headers that are none are left out.
pub(super) fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(WARNING).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(parse).take(MOST).collect()
}

/// The warnings of one header: `299 - "text"`, several with commas between them.
fn parse(header: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((head, quoted)) = rest.split_once('"') {
        let Some((text, after)) = unquote(quoted) else {
            break;
        };
        let code = head.trim_start_matches([' ', ',', '\t']).split(' ').next();
        if code == Some(MISCELLANEOUS) {
            let text: String = text.chars().filter(|c| !c.is_control()).take(CHARS).collect();
            found.push(text);
        }
        // After the text there may be a date in quotes.
        rest = match after.trim_start().strip_prefix('"').map(unquote) {
            Some(Some((_, after))) => after,
            Some(None) => break,
            None => after,
        };
    }
    found
}

/// What stands before the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, text.get(at.saturating_add(1)..)?)),
            '\\' => out.push(chars.next()?.1),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_the_api_server_writes() {
        for (header, expected) in [
            (
                r#"299 - "unknown field \"spec.x\"""#,
                vec![r#"unknown field "spec.x""#],
            ),
            (
                r#"299 - "a, b", 299 - "c" "Sat, 25 Aug 2012 23:34:45 GMT""#,
                vec!["a, b", "c"],
            ),
            (r#"199 - "not ours""#, vec![]),
            (r#"299 - "no end"#, vec![]),
            ("", vec![]),
            (r#"299 - """#, vec![""]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
        let mut headers = HeaderMap::new();
        for _ in 0..100 {
            headers.append(
                WARNING,
                format!("299 - \"{}\"", "x".repeat(2000)).parse().unwrap(),
            );
        }
        let found = warnings(&headers);
        assert_eq!((found.len(), found[0].len()), (MOST, CHARS));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn a_quoted_text_comes_back(texts in proptest::collection::vec("[ -~]{0,40}", 0..4), noise in "[ -~]{0,40}") {
            let quoted: Vec<String> = texts
                .iter()
                .map(|text| format!("299 - \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            prop_assert_eq!(parse(&quoted.join(", ")), texts);
            parse(&noise); // ends, whatever it is
        }
    }
}
