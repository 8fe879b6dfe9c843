//! Times as different programs write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A time in RFC 3339, without a zone (then UTC), or as seconds, milliseconds, microseconds or nanoseconds since 1970.
pub(super) fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => parse_text(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => epoch(whole),
            None => seconds(number.as_f64()?),
        },
        _ => None,
    }
}

pub(super) fn parse_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(whole) = text.parse::<i64>() {
        return epoch(whole);
    }
    if let Ok(fraction) = text.parse::<f64>() {
        return seconds(fraction);
    }
    // As kubectl describe prints times: Tue, 04 Mar 2025 10:00:00 +0100
    if let Ok(time) = jiff::fmt::rfc2822::parse(text) {
        return Some(time.timestamp());
    }
    let civil = text.parse::<DateTime>().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// The unit follows from the magnitude: each covers the years 1970 to about 5138 in seconds.
fn epoch(whole: i64) -> Option<Timestamp> {
    match whole.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_second(whole),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(whole),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(whole),
        _ => Timestamp::from_nanosecond(i128::from(whole)),
    }
    .ok()
}

fn seconds(fraction: f64) -> Option<Timestamp> {
    if !fraction.is_finite() || fraction.abs() >= 1e11 {
        return None;
    }
    // In range by the check above; fractions of a microsecond are of no use here.
    #[allow(clippy::cast_possible_truncation)]
    let micros = (fraction * 1e6).round() as i64;
    Timestamp::from_microsecond(micros).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        let expected: Timestamp = "2025-03-04T09:00:00Z".parse().unwrap();
        for text in [
            "2025-03-04T09:00:00Z",
            "2025-03-04T10:00:00+01:00",
            "2025-03-04 09:00:00",
            "2025-03-04T09:00:00",
            "Tue, 04 Mar 2025 10:00:00 +0100",
            "1741078800",
            "1741078800.0",
            "1741078800000",
            "1741078800000000",
            "1741078800000000000",
        ] {
            assert_eq!(parse_text(text), Some(expected), "{text}");
        }
        assert_eq!(parse(&serde_json::json!(1_741_078_800.0)), Some(expected));
        for text in ["", "soon", "NaN", "1e300", "2025-13-01"] {
            assert_eq!(parse_text(text), None, "{text}");
        }
    }
}
