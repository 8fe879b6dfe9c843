//! Statuses of HTTP that a text tells by their number alone.

use super::Indicator;

/// Words before a number that say that it counts something, or names it.
const COUNTED: [&str; 24] = [
    "batch", "chunk", "count", "entry", "event", "id", "index", "item", "job", "key", "line", "message",
    "no", "number", "offset", "order", "page", "pid", "port", "record", "request", "row", "user", "worker",
];
/// Words behind a number that say the same.
const OF_WHAT: [&str; 6] = ["b", "kb", "mb", "ms", "of", "s"];

/// Words before a number that say that it is a status.
const STATED: [&str; 8] = [
    "answered",
    "code",
    "got",
    "http",
    "replied",
    "responded",
    "returned",
    "status",
];

/// What the statuses in a text indicate. Numbers that count something are none: `processed item 401 of 900`.
pub(super) fn statuses(text: &str) -> Vec<Indicator> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes
            .iter()
            .skip(at)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            at += 1;
            continue;
        }
        let end = at + digits;
        if digits == 3
            && let Some(indicator) = text.get(at..end).and_then(meaning)
            && !found.contains(&indicator)
            && is_alone(text, at, end)
            && !counts(text, at, end)
        {
            found.push(indicator);
        }
        at = end;
    }
    found
}

fn meaning(number: &str) -> Option<Indicator> {
    Some(match number {
        "401" => Indicator::AuthenticationFailed,
        "403" => Indicator::AccessDenied,
        "429" => Indicator::RateLimited,
        "500" | "502" | "503" | "504" => Indicator::UpstreamError,
        _ => return None,
    })
}

/// Whether the number is no part of a word, a greater number or an address.
fn is_alone(text: &str, start: usize, end: usize) -> bool {
    let (before, after) = (
        text.get(..start).unwrap_or_default(),
        text.get(end..).unwrap_or_default(),
    );
    let within = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = before.chars().rev();
    let (last, one_before) = (before.next(), before.next());
    let mut after = after.chars();
    let (next, one_after) = (after.next(), after.next());
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let part = |c: Option<char>| matches!(c, Some('.' | ',' | ':'));
    let in_a_word = last.is_some_and(within) || next.is_some_and(within);
    let in_a_number = part(last) && digit(one_before) || part(next) && digit(one_after);
    !in_a_word && !in_a_number
}

/// Whether the word before or behind the number says that it counts or names something. Numbers of a path or in brackets stand
/// for themselves.
fn counts(text: &str, start: usize, end: usize) -> bool {
    let beside = |c: char| c.is_whitespace() || "#:=\"'".contains(c);
    let before = text.get(..start).unwrap_or_default().trim_end_matches(beside);
    let after = text.get(end..).unwrap_or_default().trim_start_matches(beside);
    let within = |c: char| !c.is_alphanumeric();
    let last = before.rsplit(within).next().unwrap_or_default();
    let next = after.split(within).next().unwrap_or_default();
    let is_one_of = |word: &str, known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    let stated = is_one_of(last, &STATED);
    let apart = text
        .get(end..)
        .is_some_and(|rest| rest.starts_with(char::is_whitespace));
    let named = after
        .strip_prefix(next)
        .is_some_and(|rest| rest.starts_with([':', '=']));
    is_one_of(last, &COUNTED) || is_one_of(next, &OF_WHAT) || !stated && apart && !named && is_plural(next)
}

/// Whether a word says of what there are several: `500 users`. There are several answers of a status as well.
fn is_plural(word: &str) -> bool {
    const OF_STATUSES: [&str; 11] = [
        "answers",
        "errors",
        "exceptions",
        "failures",
        "has",
        "is",
        "means",
        "replies",
        "responses",
        "statuses",
        "was",
    ];
    let word = word.to_ascii_lowercase();
    let of_letters = word.len() > 2 && word.chars().all(char::is_alphabetic);
    let many = word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us");
    of_letters && many && !OF_STATUSES.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::statuses;
    use crate::logs::indicators::Indicator;

    #[test]
    fn a_status_is_told_from_a_number_of_something() {
        for (text, expected) in [
            ("GET /cart 503 12ms", Some(Indicator::UpstreamError)),
            ("payments answered 401", Some(Indicator::AuthenticationFailed)),
            ("{\"status\":429,\"path\":\"/v1\"}", Some(Indicator::RateLimited)),
            ("HTTP/1.1\" 403 -", Some(Indicator::AccessDenied)),
            ("error (500)", Some(Indicator::UpstreamError)),
            ("processed item 401 of 900", None),
            ("Sent message 401 to topic messages", None),
            ("took 503 ms", None),
            ("user_id=401 logged in", None),
            ("10.0.0.1:500 and 1.503", None),
            ("40401 or 4010", None),
            ("read 500 rows", None),
            ("Loaded 500 users from cache", None),
            ("Accepted 401 connections", None),
            (
                "upstream returned status=503 retries=3",
                Some(Indicator::UpstreamError),
            ),
            ("status 503 headers: none", Some(Indicator::UpstreamError)),
            ("stock returned 503 this time", Some(Indicator::UpstreamError)),
            ("got 503 responses", Some(Indicator::UpstreamError)),
            ("403 access denied", Some(Indicator::AccessDenied)),
        ] {
            assert_eq!(statuses(text).first().copied(), expected, "{text}");
        }
    }
}
