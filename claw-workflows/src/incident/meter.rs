//! Meters of progress that programs write over and over into one line, before what they have to say.

/// What follows the meter of curl in a text; all of it where there is none or nothing follows.
///
/// Each state of it is a row of sizes and times that ends with a speed: `0 0 0 0 0 0 0 0 --:--:-- --:--:-- --:--:-- 0`, and
/// the message follows in the same line.
pub(super) fn without_meter(text: &str) -> &str {
    let times = |word: &str| {
        word.len() >= 7
            && word.contains(':')
            && word.chars().all(|c| matches!(c, '-' | ':') || c.is_ascii_digit())
    };
    let mut place: usize = 0;
    let mut behind = None;
    let mut row: usize = 0;
    for word in text.split(' ') {
        place = place.saturating_add(word.len());
        row = if times(word) { row.saturating_add(1) } else { 0 };
        if row == 3 {
            behind = Some(place);
        }
        place = place.saturating_add(1);
    }
    let Some(place) = behind else {
        return text;
    };
    let rest = text.get(place..).unwrap_or_default().trim_start();
    let speed = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let said = speed
        .strip_prefix(['k', 'M', 'G'])
        .filter(|rest| rest.starts_with(char::is_whitespace));
    let said = said.unwrap_or(speed).trim();
    if said.is_empty() { text } else { said }
}

#[cfg(test)]
mod tests {
    use super::without_meter;

    #[test]
    fn the_message_follows_the_meter() {
        let row = "0 0 0 0 0 0 0 0 --:--:-- --:--:-- --:--:-- 0";
        let message = "curl: (6) Could not resolve host: backend.shop";
        assert_eq!(without_meter(&format!("{row}{message}")), message);
        assert_eq!(without_meter(&format!("{row} {row}{message}")), message);
        let loaded = "100 612 100 612 0 0 98.1k 0 --:--:-- 0:00:01 0:00:01 119k";
        assert_eq!(without_meter(&format!("{loaded} {message}")), message);
        // Nothing follows, or it is no meter.
        assert_eq!(without_meter(row), row);
        for text in [message, "12:00:01 12:00:02 failed", "", "0 retries left"] {
            assert_eq!(without_meter(text), text);
        }
    }
}
