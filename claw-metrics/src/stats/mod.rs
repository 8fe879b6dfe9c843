//! Robust statistics on samples: pure functions, no allocation of models, NaN and infinities left out.
//!
//! | question | function | method |
//! |---|---|---|
//! | which value do q of the samples not exceed? | [`percentile`] | order statistic, or interpolation (Hyndman & Fan 1996, types 1 and 7) |
//! | what is usual, and how far from it is usual? | [`median`], [`mad`] | median absolute deviation (Hampel 1974) |
//! | is this window unlike that one? | [`deviation`] | largest run of the window against runs of the baseline, in robust standard deviations |
//! | when did it begin? | [`onset`] | CUSUM with a known reference (Page 1954) |
//! | did the level change at all, and where? | [`change_point`] | rank test (Pettitt 1979) |
//! | does it grow steadily? | [`trend`] | Theil–Sen slope (Sen 1968), Mann–Kendall test (Mann 1945) |
//! | how fast does a counter count? | [`rates`] | differences, with resets |

mod anomaly;
mod change_point;
mod counter;
mod trend;

pub use anomaly::{Deviation, Floor, MAX_SCORE, deviation, step};
pub use change_point::{ChangePoint, Onset, Reference, change_point, onset};
pub use counter::{counts_up, rates};
pub use trend::{Trend, trend};

/// How a percentile between two samples is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interpolation {
    /// The smallest sample that at least the given share of samples does not exceed (nearest rank). Always a sample.
    Nearest,
    /// On the line between the two samples around the rank `q * (n - 1)`, as Prometheus' `quantile` does.
    #[default]
    Linear,
}

/// The value that the share `q` (0 to 1) of the finite `values` does not exceed. `None` without finite values, or for a `q`
/// that is not between 0 and 1.
///
/// ```
/// use claw_metrics::stats::{Interpolation, percentile};
/// let values = [1.0, 2.0, 3.0, 4.0];
/// assert_eq!(percentile(&values, 0.5, Interpolation::Linear), Some(2.5));
/// assert_eq!(percentile(&values, 0.5, Interpolation::Nearest), Some(2.0));
/// ```
pub fn percentile(values: &[f64], q: f64, interpolation: Interpolation) -> Option<f64> {
    quantile_of_sorted(&sorted(values), q, interpolation)
}

/// The middle of the finite `values`.
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(values, 0.5, Interpolation::Linear)
}

/// Median distance from the median. Times 1.4826 it estimates the standard deviation of normal samples.
pub fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances)
}

/// The finite values in order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// [`percentile`] of values that are finite and in order.
pub(crate) fn quantile_of_sorted(sorted: &[f64], q: f64, interpolation: Interpolation) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let last = sorted.len().checked_sub(1)?;
    match interpolation {
        Interpolation::Nearest => {
            let rank = (q * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1).min(last)).copied()
        }
        Interpolation::Linear => {
            let rank = q * last as f64;
            let below = sorted.get(rank.floor() as usize)?;
            let above = sorted.get(rank.ceil() as usize)?;
            let share = rank.fract();
            // Not `below + share * (above - below)`: the difference of two finite values may be infinite.
            Some(if share == 0.0 {
                *below
            } else {
                below * (1.0 - share) + above * share
            })
        }
    }
}

#[cfg(test)]
mod tests;
