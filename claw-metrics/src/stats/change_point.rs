use jiff::Timestamp;

use super::median;
use crate::series::Point;

/// What is usual, to look for the moment when it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Usual level.
    pub baseline: f64,
    /// One robust standard deviation of a sample.
    pub spread: f64,
    /// Level during the change.
    pub observed: f64,
}

/// When a change began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onset {
    /// The first sample that shows the change.
    pub at: Timestamp,
    /// The last sample before it: the change lies between the two. `None` if there is no earlier sample.
    pub after: Option<Timestamp>,
}

/// When the samples left `reference` for the run that reaches into the time from `from` on. `points` are in order of time; those
/// before `from` are context.
///
/// Page's CUSUM (Biometrika 41, 1954) as a likelihood ratio between the two known levels: each sample adds how much nearer it is
/// to the observed level than to the usual one, bounded so that no single sample decides; the run with the largest sum that ends
/// at or after `from` starts at the onset. A sample just before it that is already three standard deviations out is a scrape
/// interval that the change fell into, and counts.
pub fn onset(points: &[Point], reference: Reference, from: Timestamp) -> Option<Onset> {
    let points: Vec<Point> = points
        .iter()
        .copied()
        .filter(|point| point.1.is_finite())
        .collect();
    let step = reference.observed - reference.baseline;
    if step == 0.0 || !step.is_finite() {
        return None;
    }
    // 0 at the usual level, 1 at the observed one.
    let shift = |value: f64| ((value - reference.baseline) / step).clamp(-1.0, 1.5);
    let mut sum = 0.0;
    let mut start = 0;
    let mut best: Option<(f64, usize)> = None;
    for (index, (time, value)) in points.iter().enumerate() {
        if sum <= 0.0 {
            sum = 0.0;
            start = index;
        }
        sum += shift(*value) - 0.5;
        if *time >= from && sum > 0.0 && best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, start));
        }
    }
    let (_, mut start) = best?;
    let beyond = |value: f64| {
        let distance = (value - reference.baseline) * step.signum();
        distance > 3.0 * reference.spread && distance > 0.1 * step.abs()
    };
    if let Some(before) = start.checked_sub(1)
        && points.get(before).is_some_and(|point| beyond(point.1))
    {
        start = before;
    }
    Some(Onset {
        at: points.get(start)?.0,
        after: start
            .checked_sub(1)
            .and_then(|index| points.get(index))
            .map(|point| point.0),
    })
}

/// A place where the level of a series changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// First sample of the new level.
    pub at: Timestamp,
    /// Last sample of the old level: the change lies between the two.
    pub after: Timestamp,
    /// Median before.
    pub before_level: f64,
    /// Median from `at` on.
    pub after_level: f64,
    /// Probability of a place as clear as this in a series without change. Assumes samples that do not depend on each other.
    pub p_value: f64,
}

/// The most likely place of one change of level, without knowing what is usual. `None` below six finite samples, or if no place
/// stands out (p > 0.05).
///
/// Pettitt's test (Applied Statistics 28, 1979): ranks instead of values, so outliers and scale do not matter. Of long series the
/// place is right, and the p-value too small if samples are correlated.
pub fn change_point(points: &[Point]) -> Option<ChangePoint> {
    let points: Vec<Point> = points
        .iter()
        .copied()
        .filter(|point| point.1.is_finite())
        .collect();
    let count = points.len();
    if count < 6 {
        return None;
    }
    let ranks = ranks(&points);
    let n = count as f64;
    // U(t) = 2 * (sum of the first t ranks) - t * (n + 1)
    let mut sum = 0.0;
    let (split, extreme) = ranks
        .iter()
        .take(count - 1)
        .enumerate()
        .map(|(index, rank)| {
            sum += rank;
            let t = index as f64 + 1.0;
            (index + 1, (2.0 * sum - t * (n + 1.0)).abs())
        })
        .fold((0, -1.0), |best, next| if next.1 > best.1 { next } else { best });
    let p_value = (2.0 * (-6.0 * extreme * extreme / (n * n * n + n * n)).exp()).min(1.0);
    if p_value > 0.05 {
        return None;
    }
    let (before, after) = points.split_at_checked(split)?;
    let level = |part: &[Point]| median(&part.iter().map(|point| point.1).collect::<Vec<_>>());
    Some(ChangePoint {
        at: after.first()?.0,
        after: before.last()?.0,
        before_level: level(before)?,
        after_level: level(after)?,
        p_value,
    })
}

/// Ranks from 1 on; equal values share the mean of theirs.
fn ranks(points: &[Point]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = points
        .iter()
        .enumerate()
        .map(|(index, point)| (point.1, index))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; points.len()];
    let mut position = 0;
    for group in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = position as f64 + (group.len() as f64 + 1.0) / 2.0;
        for (_, index) in group {
            if let Some(slot) = ranks.get_mut(*index) {
                *slot = rank;
            }
        }
        position += group.len();
    }
    ranks
}
