//! How much room text takes in a picture. Fonts are the reader's, so the estimate is on the safe side.

use unicode_width::UnicodeWidthStr as _;

/// Width of an average character of a sans-serif font, in parts of its size.
const CHARACTER: f64 = 0.57;

/// Estimated width of `text` in pixels at a font size of `size` pixels.
#[allow(clippy::cast_precision_loss)] // texts are short
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.width() as f64 * size * CHARACTER
}

/// As many characters as fit into `room` pixels at a font size of `size` pixels.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small number that is not negative
pub(super) fn characters(room: f64, size: f64) -> usize {
    (room / (size * CHARACTER)).max(1.0) as usize
}

/// A coordinate as it is written: whole pixels and a half are exact enough.
#[allow(clippy::cast_possible_truncation)] // pictures are small
pub(super) fn px(value: f64) -> i32 {
    value.round() as i32
}
