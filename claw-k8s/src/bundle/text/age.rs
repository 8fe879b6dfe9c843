//! Ages as `kubectl` prints them: `5d3h`, `90s`, `3m2s (x5 over 10m)`.

use jiff::{SignedDuration, Timestamp};

/// How often something was seen, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
}

/// Reads `3m2s` or `3m2s (x5 over 10m)`.
pub(super) fn seen(text: &str, present: Timestamp) -> Option<Seen> {
    let (age, repeated) = match text.split_once('(') {
        Some((age, repeated)) => (age, Some(repeated.trim_end().trim_end_matches(')'))),
        None => (text, None),
    };
    let last = before(age, present)?;
    let (count, first) = match repeated.and_then(|text| text.split_once(" over ")) {
        Some((count, over)) => (
            count.trim().trim_start_matches('x').parse().unwrap_or(1),
            before(over, present).unwrap_or(last),
        ),
        None => (1, last),
    };
    Some(Seen {
        first: first.min(last),
        last,
        count,
    })
}

/// The moment that lies the printed age before `present`.
pub(super) fn before(age: &str, present: Timestamp) -> Option<Timestamp> {
    present.checked_sub(duration(age.trim())?).ok()
}

fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds = 0_i64;
    let mut number = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'y' => 31_536_000,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let count: i64 = number.parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
        number.clear();
    }
    // A bare number has no unit and means nothing.
    (number.is_empty() && !text.is_empty()).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ages() {
        for (text, seconds) in [
            ("45s", 45),
            ("3m2s", 182),
            ("5d3h", 442_800),
            ("2y1d", 63_158_400),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "<unknown>", "99999999999999999999d", "1w"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn reads_repetitions() {
        let present: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let seen = seen("2m (x5 over 1h)", present).unwrap();
        assert_eq!(seen.count, 5);
        assert_eq!(seen.first, "2026-03-01T09:00:00Z".parse().unwrap());
        assert_eq!(seen.last, "2026-03-01T09:58:00Z".parse().unwrap());
    }
}
