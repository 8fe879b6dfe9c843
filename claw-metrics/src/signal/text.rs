//! Amounts as people write them.

use crate::classify::Unit;

/// `value` in `unit`, with three significant digits.
pub(super) fn amount(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => seconds(value),
        Unit::Milliseconds => seconds(value / 1e3),
        Unit::Microseconds => seconds(value / 1e6),
        Unit::Nanoseconds => seconds(value / 1e9),
        Unit::Bytes => bytes(value, ""),
        Unit::BytesPerSecond => bytes(value, "/s"),
        Unit::Ratio => format!("{} %", digits(value * 100.0)),
        Unit::Percent => format!("{} %", digits(value)),
        Unit::Cores => format!("{} cores", digits(value)),
        Unit::Millicores => format!("{} cores", digits(value / 1e3)),
        Unit::PerSecond => format!("{}/s", digits(value)),
        Unit::PerMinute => format!("{}/min", digits(value)),
        Unit::Count | Unit::Unknown => digits(value),
    }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    if size >= 1.0 || size == 0.0 {
        format!("{} s", digits(value))
    } else if size >= 1e-3 {
        format!("{} ms", digits(value * 1e3))
    } else {
        format!("{} µs", digits(value * 1e6))
    }
}

fn bytes(value: f64, per: &str) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut chosen = "B";
    for unit in UNITS {
        chosen = unit;
        if scaled.abs() < 1024.0 {
            break;
        }
        if unit != "TiB" {
            scaled /= 1024.0;
        }
    }
    format!("{} {chosen}{per}", digits(scaled))
}

/// Three significant digits, without zeros at the end.
fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    let places = usize::try_from(2 - magnitude).unwrap_or(0).min(12);
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        for (value, unit, text) in [
            (0.0123, Unit::Seconds, "12.3 ms"),
            (2.5, Unit::Seconds, "2.5 s"),
            (0.0, Unit::Seconds, "0 s"),
            (250.0, Unit::Microseconds, "250 µs"),
            (0.0531, Unit::Ratio, "5.31 %"),
            (1_073_741_824.0, Unit::Bytes, "1 GiB"),
            (2048.0, Unit::BytesPerSecond, "2 KiB/s"),
            (12345.6, Unit::Count, "12346"),
            (1e300, Unit::Bytes, &format!("{:.0} TiB", 1e300 / 1024f64.powi(4))),
            (-0.5, Unit::Cores, "-0.5 cores"),
        ] {
            assert_eq!(amount(value, unit), text);
        }
    }
}
