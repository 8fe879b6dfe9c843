//! Numbers as Prometheus writes them.

/// The shortest digits that read back as the same number, without an exponent.
pub(crate) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value}")
    }
}

/// As [`plain`], but with an exponent of at least two digits for very small and very large numbers.
pub(crate) fn sample(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-6..1e21).contains(&size) {
        exponential(value)
    } else {
        plain(value)
    }
}

/// As messages show numbers: with an exponent from a million on.
pub(crate) fn go_g(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-4..1e6).contains(&size) {
        exponential(value)
    } else {
        plain(value)
    }
}

fn exponential(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// A time in milliseconds as seconds with at most three decimals.
pub(crate) fn seconds(ms: i64) -> String {
    let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    let sign = if ms < 0 { "-" } else { "" };
    if rest == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_look_like_those_of_prometheus() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e-7, "-2.5e-07"),
            (0.000001, "0.000001"),
            (1e-300, "1e-300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(sample(value), text);
        }
    }

    #[test]
    fn messages_show_large_numbers_with_an_exponent() {
        for (value, text) in [
            (1.5, "1.5"),
            (999_999.5, "999999.5"),
            (1e6, "1e+06"),
            (1.25e19, "1.25e+19"),
            (1e-5, "1e-05"),
        ] {
            assert_eq!(go_g(value), text);
        }
    }

    #[test]
    fn times_have_decimals_only_if_needed() {
        for (ms, text) in [
            (0, "0"),
            (1_500, "1.500"),
            (1_435_781_430_781, "1435781430.781"),
            (-1, "-0.001"),
        ] {
            assert_eq!(seconds(ms), text);
        }
    }
}
