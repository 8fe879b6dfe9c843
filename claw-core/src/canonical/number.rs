//! Numbers as ECMAScript writes them (`Number::toString`, radix 10).

use serde_json::Number;

/// The double that a number is; `None` for an integer that no double holds.
pub(super) fn exact(number: &Number) -> Option<f64> {
    let double = number.as_f64()?;
    // Compared as integers of 128 bits, which hold every integer of 64 bits and the doubles that one is rounded to.
    let integer = match (number.as_u64(), number.as_i64()) {
        (Some(integer), _) => i128::from(integer),
        (None, Some(integer)) => i128::from(integer),
        (None, None) => return Some(double),
    };
    (double as i128 == integer).then_some(double)
}

/// Writes a finite double.
pub(super) fn write(double: f64, out: &mut String) {
    if double == 0.0 {
        out.push('0');
        return;
    }
    if double < 0.0 {
        out.push('-');
    }
    let text = shortest(double.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    place_point(&digits, exponent.saturating_add(1), out);
}

/// The shortest digits that read back as the same, in the form `d.ddde-7`. Of two that are as short, the closer one; of two
/// that are as close, the even one.
fn shortest(double: f64) -> String {
    let text = format!("{double:e}");
    // Of two that are as close, Rust takes the upper one when it looks for the shortest, and the even one when it rounds to
    // a number of digits. What is rounded may not read back, next to a power of two.
    let digits = text.split('e').next().unwrap_or_default();
    let digits = digits.bytes().filter(u8::is_ascii_digit).count();
    let rounded = format!("{double:.*e}", digits.saturating_sub(1));
    if rounded.parse() == Ok(double) {
        rounded
    } else {
        text
    }
}

/// Writes 0.`digits` · 10^`point`.
fn place_point(digits: &str, point: i32, out: &mut String) {
    let count = digits.len();
    match usize::try_from(point) {
        Ok(before) if count <= before && before <= 21 => {
            out.push_str(digits);
            out.extend(std::iter::repeat_n('0', before - count));
        }
        Ok(before) if 0 < before && before <= 21 => {
            let (whole, fraction) = digits.split_at_checked(before).unwrap_or((digits, ""));
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        _ if -6 < point && point <= 0 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
            out.push_str(digits);
        }
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
            out.push_str(first);
            if !rest.is_empty() {
                out.push('.');
                out.push_str(rest);
            }
            let exponent = point.saturating_sub(1);
            out.push_str(if exponent < 0 { "e-" } else { "e+" });
            out.push_str(&exponent.unsigned_abs().to_string());
        }
    }
}
