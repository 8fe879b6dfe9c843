//! Amounts of CPU and memory as Kubernetes writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An amount in Kubernetes notation: `50m`, `64Mi`, `0.5`, `1e3`. Never negative.
///
/// Holds the exact value in thousand-millionths (nano), which is the finest unit that Kubernetes knows, and the text as
/// it was written. Two quantities are equal when their values are: `1000m` is `1`.
#[derive(Clone, Debug)]
pub struct Quantity {
    nano: i128,
    text: String,
}

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no Kubernetes quantity: {reason}")]
pub struct QuantityError {
    /// The text.
    pub text: String,
    /// Why not.
    pub reason: &'static str,
}

impl Quantity {
    /// The value in thousand-millionths of the unit (a core, a byte).
    pub fn nano(&self) -> i128 {
        self.nano
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match nano(text) {
            Ok(nano) => Ok(Self {
                nano,
                text: text.to_owned(),
            }),
            Err(reason) => Err(QuantityError {
                text: text.chars().take(40).flat_map(char::escape_debug).collect(),
                reason,
            }),
        }
    }
}

const TOO_LARGE: &str = "it is larger than any cluster";

/// The value of `text` in thousand-millionths, rounded up as Kubernetes does.
fn nano(text: &str) -> Result<i128, &'static str> {
    if text.starts_with('-') {
        return Err("it is negative");
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err("it does not begin with a number");
    }
    if fraction.contains('.') {
        return Err("it has two decimal points");
    }
    if whole.len().saturating_add(fraction.len()) > 30 {
        return Err("it has too many digits");
    }
    let digits = format!("{whole}{fraction}")
        .parse::<i128>()
        .map_err(|_| TOO_LARGE)?;
    let (factor, tens) = unit(suffix)?;
    // value = digits × factor × 10^(tens - digits after the point), and nine more for nano.
    let fraction = i32::try_from(fraction.len()).map_err(|_| TOO_LARGE)?;
    let exponent = tens.saturating_add(9).saturating_sub(fraction);
    let scaled = digits.checked_mul(factor).ok_or(TOO_LARGE)?;
    if scaled == 0 {
        return Ok(0);
    }
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        power.and_then(|power| scaled.checked_mul(power)).ok_or(TOO_LARGE)
    } else {
        let up = power.map_or(1, |power| {
            let rest = i128::from(scaled.checked_rem(power) != Some(0));
            scaled.checked_div(power).unwrap_or_default().saturating_add(rest)
        });
        Ok(up)
    }
}

/// A suffix as a factor and a power of ten.
fn unit(suffix: &str) -> Result<(i128, i32), &'static str> {
    Ok(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent = suffix
                .strip_prefix(['e', 'E'])
                .filter(|digits| digits.len() <= 4)
                .and_then(|digits| digits.parse::<i32>().ok());
            (
                1,
                exponent.ok_or("its unit is unknown; units are m, k, M, G, T, Ki, Mi, Gi, Ti")?,
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nano_of(text: &str) -> i128 {
        text.parse::<Quantity>().unwrap().nano()
    }

    #[test]
    fn reads_what_kubernetes_writes() {
        const ONE: i128 = 1_000_000_000;
        for (text, nano) in [
            ("0", 0),
            ("1", ONE),
            ("50m", 50_000_000),
            ("0.5", ONE / 2),
            (".5", ONE / 2),
            ("1.", ONE),
            ("+2", 2 * ONE),
            ("100n", 100),
            ("5u", 5_000),
            ("64Mi", 64 * 1024 * 1024 * ONE),
            ("1.5Gi", 3 * 512 * 1024 * 1024 * ONE),
            ("1k", 1_000 * ONE),
            ("2M", 2_000_000 * ONE),
            ("1e3", 1_000 * ONE),
            ("1E-3", ONE / 1000),
            ("1E", ONE * 1_000_000_000_000_000_000),
            ("0.1n", 1),
            ("1Ei", (1 << 60) * ONE),
        ] {
            assert_eq!(nano_of(text), nano, "{text}");
        }
    }

    #[test]
    fn equal_amounts_are_equal_however_written() {
        assert_eq!("1000m".parse::<Quantity>(), "1".parse());
        assert_eq!("1024Ki".parse::<Quantity>(), "1Mi".parse());
        assert_ne!("1M".parse::<Quantity>(), "1Mi".parse());
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in [
            "",
            "m",
            "-1",
            "1 Gi",
            "1GB",
            "1gi",
            "1mi",
            "1..2",
            "1.2.3",
            "0x10",
            "1e",
            "1e99999",
            "1e400",
            "ten",
            "NaN",
            "inf",
            "9999999999999999999999999999999999",
            "1e38",
            "½",
            "1Mib",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn grows_with_its_number(number in 0_u32..1_000_000, suffix in "(m|k|M|G|Ki|Mi|Gi|)") {
            let less = nano_of(&format!("{number}{suffix}"));
            let more = nano_of(&format!("{}{suffix}", number + 1));
            prop_assert!(less < more);
        }
    }
}
