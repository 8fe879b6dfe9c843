//! Changes over a range: `rate` and its relatives.

use super::steps::seconds;
use super::window::View;

/// What is made of the difference between the last and the first point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// `rate`: counter, per second.
    Rate,
    /// `increase`: counter, whole range.
    Increase,
    /// `delta`: gauge, whole range.
    Delta,
}

/// The change over the window, extrapolated to its ends.
///
/// Points rarely lie at the very ends of the window. The change between the first and the last one is stretched to
/// the window as long as the gap at an end is not larger than usual between points (with a tenth of tolerance);
/// beyond a larger gap the series is taken to start or end half a usual distance away. A counter is never
/// stretched to before the time at which it would have been zero.
#[allow(clippy::cast_precision_loss)]
pub(super) fn extrapolated(change: Change, view: View<'_>) -> Option<f64> {
    let (first, last) = (view.first()?, view.last()?);
    if view.points.len() < 2 {
        return None;
    }
    let is_counter = change != Change::Delta;
    let mut result = last.1 - first.1;
    if is_counter {
        result += lost_in_resets(view);
    }
    let mut to_start = seconds(first.0.saturating_sub(view.window.start));
    let mut to_end = seconds(view.window.end.saturating_sub(last.0));
    let sampled = seconds(last.0.saturating_sub(first.0));
    let distance = sampled / (view.points.len() as f64 - 1.0);
    let threshold = distance * 1.1;
    if to_start >= threshold {
        to_start = distance / 2.0;
    }
    if is_counter {
        let mut to_zero = to_start;
        if result > 0.0 && first.1 >= 0.0 {
            to_zero = sampled * (first.1 / result);
        }
        to_start = to_start.min(to_zero);
    }
    if to_end >= threshold {
        to_end = distance / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if change == Change::Rate {
        factor /= seconds(view.window.end.saturating_sub(view.window.start));
    }
    Some(result * factor)
}

/// What a counter had counted before each of its restarts.
fn lost_in_resets(view: View<'_>) -> f64 {
    pairs(view)
        .filter(|(before, after)| after < before)
        .map(|(before, _)| before)
        .sum()
}

/// `resets`: how often a counter fell.
pub(super) fn resets(view: View<'_>) -> f64 {
    count(pairs(view).filter(|(before, after)| after < before))
}

/// `changes`: how often a value changed.
pub(super) fn changes(view: View<'_>) -> f64 {
    count(pairs(view).filter(|(before, after)| before != after && !(before.is_nan() && after.is_nan())))
}

/// `irate`: the increase per second between the last two points.
pub(super) fn irate(view: View<'_>) -> Option<f64> {
    let (before, last) = last_two(view)?;
    let increase = if last.1 < before.1 {
        last.1
    } else {
        last.1 - before.1
    };
    let interval = seconds(last.0.saturating_sub(before.0));
    (interval > 0.0).then(|| increase / interval)
}

/// `idelta`: the difference between the last two points.
pub(super) fn idelta(view: View<'_>) -> Option<f64> {
    let (before, last) = last_two(view)?;
    Some(last.1 - before.1)
}

fn last_two(view: View<'_>) -> Option<((i64, f64), (i64, f64))> {
    match view.points {
        [.., before, last] => Some((*before, *last)),
        _ => None,
    }
}

fn pairs(view: View<'_>) -> impl Iterator<Item = (f64, f64)> {
    view.values().zip(view.values().skip(1))
}

#[allow(clippy::cast_precision_loss)]
fn count<T>(items: impl Iterator<Item = T>) -> f64 {
    items.count() as f64
}
