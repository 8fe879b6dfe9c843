//! Amounts of CPU and memory as Kubernetes writes them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quantity: a number with an optional suffix, for example 500m, 2, 256Mi or 1e9")]
pub struct ParseQuantityError {
    text: String,
}

/// Any quantity, exact where it has at most nine digits after the point.
///
/// Suffixes: `n u m`, none, `k M G T P E`, `Ki Mi Gi Ti Pi Ei`, and decimal exponents `e3`, `E-2`. As in Kubernetes,
/// what is finer than a billionth is rounded up, and what is too large is capped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    nanos: i128,
}

const NANOS: i128 = 1_000_000_000;

impl Quantity {
    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self {
            nanos: i128::from(value).saturating_mul(NANOS),
        }
    }

    /// Thousandths, rounded away from zero.
    pub fn milli(self) -> i64 {
        saturate(div_away(self.nanos, NANOS / 1000))
    }

    /// The whole number, rounded away from zero.
    pub fn value(self) -> i64 {
        saturate(div_away(self.nanos, NANOS))
    }

    /// The nearest floating-point number.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseQuantityError {
            text: text.chars().take(64).flat_map(char::escape_debug).collect(),
        })
    }
}

/// What a suffix stands for: mantissa × 2^binary × 10^decimal.
struct Scale {
    binary: u32,
    decimal: i32,
}

fn parse(text: &str) -> Option<Quantity> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let scale = scale(suffix)?;
    let nanos = magnitude(whole, fraction, &scale);
    Some(Quantity {
        nanos: if negative { nanos.saturating_neg() } else { nanos },
    })
}

fn scale(suffix: &str) -> Option<Scale> {
    let (binary, decimal) = match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let value: i32 = digits
                .parse()
                .unwrap_or(if digits.starts_with('-') { -1000 } else { 1000 });
            (0, value.clamp(-1000, 1000))
        }
    };
    Some(Scale { binary, decimal })
}

/// `whole.fraction` scaled, in billionths, rounded up; capped where it would not fit.
fn magnitude(whole: &str, fraction: &str, scale: &Scale) -> i128 {
    // More digits than these can only be rounding or beyond the cap.
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let mut mantissa: i128 = 0;
    let mut decimal = scale.decimal.saturating_add(9);
    let mut inexact = false;
    let mut kept = 0;
    for (index, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let in_fraction = index >= whole.len();
        if kept < 19 {
            mantissa = mantissa
                .saturating_mul(10)
                .saturating_add(i128::from(digit.saturating_sub(b'0')));
            kept += i32::from(mantissa != 0);
            decimal = decimal.saturating_sub(i32::from(in_fraction));
        } else {
            inexact |= digit != b'0';
            decimal = decimal.saturating_add(i32::from(!in_fraction));
        }
    }
    if mantissa == 0 {
        return 0;
    }
    let cap = i128::from(i64::MAX).saturating_mul(NANOS);
    let mut value = mantissa.saturating_mul(1_i128 << scale.binary.min(60));
    while decimal > 0 && value < cap {
        value = value.saturating_mul(10);
        decimal = decimal.saturating_sub(1);
    }
    while decimal < 0 && value != 0 {
        inexact |= value % 10 != 0;
        value /= 10;
        decimal = decimal.saturating_add(1);
    }
    value.saturating_add(i128::from(inexact)).min(cap)
}

fn div_away(value: i128, by: i128) -> i128 {
    let quotient = value / by;
    if value % by == 0 {
        quotient
    } else {
        quotient.saturating_add(value.signum())
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Processor time in thousandths of a core.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Cpu(pub i64);

/// Memory or storage in bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Memory(pub i64);

impl Cpu {
    /// Thousandths of a core.
    pub fn milli(self) -> i64 {
        self.0
    }

    /// Cores.
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Memory {
    /// Bytes.
    pub fn bytes(self) -> i64 {
        self.0
    }
}

impl From<Quantity> for Cpu {
    fn from(cores: Quantity) -> Self {
        Self(cores.milli())
    }
}

impl From<Quantity> for Memory {
    fn from(bytes: Quantity) -> Self {
        Self(bytes.value())
    }
}

impl FromStr for Cpu {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(<Self as From<Quantity>>::from)
    }
}

impl FromStr for Memory {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(<Self as From<Quantity>>::from)
    }
}

impl fmt::Display for Cpu {
    /// As Kubernetes writes it: `2` or `500m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 == 0 {
            write!(f, "{}", self.0 / 1000)
        } else {
            write!(f, "{}m", self.0)
        }
    }
}

impl fmt::Display for Memory {
    /// As Kubernetes writes it: with the largest binary suffix that keeps it exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffixes = [
            (60, "Ei"),
            (50, "Pi"),
            (40, "Ti"),
            (30, "Gi"),
            (20, "Mi"),
            (10, "Ki"),
        ];
        for (shift, suffix) in suffixes {
            let unit = 1_i64 << shift;
            if self.0 != 0 && self.0 % unit == 0 {
                return write!(f, "{}{suffix}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpu(text: &str) -> i64 {
        text.parse::<Cpu>().unwrap().milli()
    }

    fn memory(text: &str) -> i64 {
        text.parse::<Memory>().unwrap().bytes()
    }

    #[test]
    fn reads_all_suffixes() {
        assert_eq!(cpu("500m"), 500);
        assert_eq!(cpu("2"), 2000);
        assert_eq!(cpu("0.1"), 100);
        assert_eq!(cpu(".5"), 500);
        assert_eq!(cpu("5."), 5000);
        assert_eq!(cpu("156340000n"), 157);
        assert_eq!(cpu("1500u"), 2);
        assert_eq!(cpu("1k"), 1_000_000);
        assert_eq!(cpu("+1e-1"), 100);
        assert_eq!(memory("256Mi"), 268_435_456);
        assert_eq!(memory("1.5Gi"), 1_610_612_736);
        assert_eq!(memory("1Ki"), 1024);
        assert_eq!(memory("1M"), 1_000_000);
        assert_eq!(memory("1e9"), 1_000_000_000);
        assert_eq!(memory("1E3"), 1000);
        assert_eq!(memory("1E"), 1_000_000_000_000_000_000);
        assert_eq!(memory("128974848000m"), 128_974_848);
        assert_eq!(memory("-1Ki"), -1024);
        assert_eq!(memory("0"), 0);
    }

    #[test]
    fn rounds_up_and_caps_like_kubernetes() {
        assert_eq!(memory("0.5"), 1);
        assert_eq!(cpu("0.1m"), 1);
        assert_eq!(memory("8Ei"), i64::MAX);
        assert_eq!(memory("1e400"), i64::MAX);
        assert_eq!(memory("99999999999999999999999999"), i64::MAX);
        assert_eq!(memory("1e-400"), 1);
        assert_eq!(memory("0e400"), 0);
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        for text in [
            "", "m", "1.2.3", "1 Gi", "1gi", "1Kib", "e3", "1e", "1e+", "--1", "0x1", "1,5", "½", ".",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn is_written_as_kubernetes_writes_it() {
        assert_eq!(Cpu(1500).to_string(), "1500m");
        assert_eq!(Cpu(2000).to_string(), "2");
        assert_eq!(Memory(268_435_456).to_string(), "256Mi");
        assert_eq!(Memory(1000).to_string(), "1000");
        assert_eq!(Memory(0).to_string(), "0");
    }

    proptest! {
        #[test]
        fn takes_any_text(text in "\\PC*") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn takes_anything_like_a_quantity(text in "[+-]?[0-9]{0,30}\\.?[0-9]{0,30}(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,12})") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn cpu_and_memory_survive_a_round_trip(value in any::<i64>()) {
            // `i64::MIN` is capped to the negated greatest value, as in Kubernetes.
            prop_assume!(value != i64::MIN);
            prop_assert_eq!(Cpu(value).to_string().parse(), Ok(Cpu(value)));
            prop_assert_eq!(Memory(value).to_string().parse(), Ok(Memory(value)));
        }

        #[test]
        fn whole_numbers_keep_their_value(value in 0..i64::MAX / 1024) {
            prop_assert_eq!(memory(&value.to_string()), value);
            prop_assert_eq!(memory(&format!("{value}Ki")), value * 1024);
            prop_assert_eq!(memory(&format!("{value}000m")), value);
        }

        #[test]
        fn order_follows_the_number(a in 0..1_000_000_i64, b in 0..1_000_000_i64) {
            let (x, y): (Quantity, Quantity) = (format!("{a}m").parse().unwrap(), format!("{b}m").parse().unwrap());
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        }
    }
}
