//! How much room text takes in a picture. Fonts are the reader's, so the estimate is on the safe side.

use unicode_width::UnicodeWidthStr as _;

/// Width of an average character of a sans-serif font, in parts of its size.
const CHARACTER: f64 = 0.57;

/// How far a picture may be made smaller: below that its text cannot be read.
pub(super) const LEAST: f64 = 0.78;

/// Estimated width of `text` in pixels at a font size of `size` pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.width() as f64 * size * CHARACTER
}

/// As many characters as fit into `room` pixels at a font size of `size` pixels.
pub(super) fn characters(room: f64, size: f64) -> usize {
    (room / (size * CHARACTER)).max(1.0) as usize
}

/// How much wider bold text is.
pub(super) const BOLD: f64 = 1.12;

/// `text`, or as much of its beginning as fits into `room` pixels with an ellipsis.
pub(super) fn fitted(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out, size) + size * CHARACTER > room {
            out.pop();
            break;
        }
    }
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// A coordinate as it is written: whole pixels and a half are exact enough.
pub(super) fn px(value: f64) -> i32 {
    value.round() as i32
}
