//! Straight lines through points: `deriv` and `predict_linear`.

use super::steps::seconds;
use super::sum::Sum;
use super::window::View;

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Rise per second.
    pub(super) slope: f64,
    /// Value at the origin.
    pub(super) intercept: f64,
}

/// The least-squares line through the points of a window, with time counted from `origin`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn line(view: View<'_>, origin: i64) -> Option<Line> {
    if view.points.len() < 2 {
        return None;
    }
    let first = view.first()?.1;
    if view.values().all(|value| value == first) {
        let slope = if first.is_infinite() { f64::NAN } else { 0.0 };
        let intercept = if first.is_infinite() { f64::NAN } else { first };
        return Some(Line { slope, intercept });
    }
    let count = view.points.len() as f64;
    let at = |time: i64| seconds(time.saturating_sub(origin));
    let xy = || view.points.iter().map(|(time, value)| (at(*time), *value));
    let x = xy().map(|(x, _)| x).collect::<Sum>().total();
    let y = xy().map(|(_, y)| y).collect::<Sum>().total();
    let products = xy().map(|(x, y)| x * y).collect::<Sum>().total();
    let squares = xy().map(|(x, _)| x * x).collect::<Sum>().total();
    let covariance = products - x * y / count;
    let variance = squares - x * x / count;
    let slope = covariance / variance;
    Some(Line {
        slope,
        intercept: y / count - slope * x / count,
    })
}
