use super::median;
use crate::series::{Point, to_seconds};

/// Pairs grow with the square of the points; beyond this many, evenly spaced ones stand for all.
const MAX_POINTS: usize = 240;

/// A steady movement of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Slope per second: the median over all pairs of samples.
    pub per_second: f64,
    /// Mann–Kendall statistic in standard deviations: beyond ±2.6 a trend is there with 99 % confidence. Its sign is that of the
    /// movement.
    pub z: f64,
    /// Value of the fitted line at the first sample.
    pub from: f64,
    /// Value of the fitted line at the last sample.
    pub to: f64,
    /// Median distance of samples from the line.
    pub residual: f64,
}

/// The trend of `points`, which are in order of time. `None` below five finite samples.
///
/// Slope by Sen (JASA 63, 1968), test by Mann (Econometrica 13, 1945) and Kendall with the correction for ties: neither minds
/// outliers up to 29 % of the samples, gaps, or uneven spacing.
pub fn trend(points: &[Point]) -> Option<Trend> {
    let stride = points.len().div_ceil(MAX_POINTS).max(1);
    let points: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.1.is_finite())
        .step_by(stride)
        .map(|(time, value)| (to_seconds(*time), *value))
        .collect();
    let n = points.len() as f64;
    if points.len() < 5 {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    let mut s = 0.0;
    for (index, (t, v)) in points.iter().enumerate() {
        for (later, value) in points.iter().skip(index + 1) {
            if later > t {
                slopes.push((value - v) / (later - t));
                s += match value.total_cmp(v) {
                    _ if value == v => 0.0,
                    order => f64::from(order as i8),
                };
            }
        }
    }
    let per_second = median(&slopes)?;
    let first = points.first()?.0;
    let last = points.last()?.0;
    let at_first: Vec<f64> = points.iter().map(|(t, v)| v - per_second * (t - first)).collect();
    let from = median(&at_first)?;
    let residuals: Vec<f64> = at_first.iter().map(|value| (value - from).abs()).collect();
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    values.sort_unstable_by(f64::total_cmp);
    let ties: f64 = values
        .chunk_by(|a, b| a == b)
        .map(|group| group.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;
    let z = match variance > 0.0 {
        true => (s - s.signum() * f64::from(u8::from(s != 0.0))) / variance.sqrt(),
        false => 0.0,
    };
    Some(Trend {
        per_second,
        z,
        from,
        to: from + per_second * (last - first),
        residual: median(&residuals)?,
    })
}
