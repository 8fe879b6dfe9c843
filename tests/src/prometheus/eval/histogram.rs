//! `histogram_quantile` over classic histograms.

use std::collections::HashMap;

use super::super::labels::Labels;
use super::function::{Args, at};
use super::node::{Row, merge};
use super::quantile::complaint;
use super::{Eval, EvalError};

/// Differences between neighbouring buckets that are smaller than this part of them come from rounding.
const TOLERANCE: f64 = 1e-12;

/// One bucket: upper bound and cumulative count.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

impl Eval<'_> {
    pub(super) fn histogram_quantile(&self, args: Args<'_>) -> Result<Vec<Row>, EvalError> {
        let q = self.scalars(args.get(0)?)?;
        let rows = self.vector(args.get(1)?)?;
        q.iter()
            .filter_map(|q| complaint(*q))
            .for_each(|text| self.notes.warn(text));
        let histograms = self.histograms(&rows);
        let mut out = Vec::with_capacity(histograms.len());
        for (labels, bounds) in histograms {
            let mut row = Row::empty(labels.without_metric(), &self.steps);
            for step in 0..self.steps.count() {
                let buckets = at_step(&bounds, step);
                if buckets.is_empty() {
                    continue;
                }
                let Some(q) = at(Some(&q), step) else { continue };
                let (value, mended) = quantile(q, buckets);
                if mended {
                    self.notes.info(
                        "input to histogram_quantile needed to be fixed for monotonicity \
                         (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                    );
                }
                row.set(step, value);
            }
            out.push(row);
        }
        merge(out)
    }

    pub(super) fn histogram_fraction(&self, args: Args<'_>) -> Result<Vec<Row>, EvalError> {
        let (lower, upper) = (self.scalars(args.get(0)?)?, self.scalars(args.get(1)?)?);
        let rows = self.vector(args.get(2)?)?;
        let histograms = self.histograms(&rows);
        let mut out = Vec::with_capacity(histograms.len());
        for (labels, bounds) in histograms {
            let mut row = Row::empty(labels.without_metric(), &self.steps);
            for step in 0..self.steps.count() {
                let buckets = at_step(&bounds, step);
                if let Some((lower, upper)) = at(Some(&lower), step).zip(at(Some(&upper), step))
                    && !buckets.is_empty()
                {
                    row.set(step, fraction(lower, upper, buckets));
                }
            }
            out.push(row);
        }
        merge(out)
    }

    /// The buckets of each histogram by their upper bounds.
    fn histograms<'r>(&self, rows: &'r [Row]) -> Vec<Histogram<'r>> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut histograms: Vec<Histogram<'_>> = Vec::new();
        for row in rows.iter().filter(|row| !row.is_empty()) {
            let bound = row.labels.get("le");
            let Some(upper) = bound.parse::<f64>().ok().filter(|upper| !upper.is_nan()) else {
                self.notes.warn(format_args!(
                    "bucket label \"le\" is missing or has a malformed value of {bound:?}"
                ));
                continue;
            };
            let labels = row.labels.with("le", "");
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                histograms.push((labels.clone(), Vec::new()));
                histograms.len().saturating_sub(1)
            });
            if let Some((_, buckets)) = histograms.get_mut(place) {
                buckets.push((upper, row));
            }
        }
        for (_, bounds) in &mut histograms {
            bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        histograms
    }
}

/// Labels with the metric's name and without the bound, and the buckets.
type Histogram<'r> = (Labels, Vec<(f64, &'r Row)>);

fn at_step(bounds: &[(f64, &Row)], step: usize) -> Vec<Bucket> {
    let buckets = bounds.iter().filter_map(|(upper, row)| {
        Some(Bucket {
            upper: *upper,
            count: row.get(step)?,
        })
    });
    buckets.collect()
}

/// The share of observations between two values, in a histogram whose buckets are sorted by bound.
fn fraction(lower: f64, upper: f64, buckets: Vec<Bucket>) -> f64 {
    let buckets = coalesced(buckets);
    let Some(last) = buckets.last().filter(|last| last.upper == f64::INFINITY) else {
        return f64::NAN;
    };
    let total = last.count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    // Observations below a value, spread evenly within its bucket. Nothing is known of buckets without end.
    let below = |value: f64| {
        let mut before = 0.0;
        let positive = buckets.first().is_some_and(|first| first.upper > 0.0);
        let mut from = if positive { 0.0 } else { f64::NEG_INFINITY };
        for bucket in &buckets {
            if from >= value {
                return Some(before);
            }
            if value < bucket.upper {
                let inside = if from == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    before + (bucket.count - before) * (value - from) / (bucket.upper - from)
                };
                return Some(inside);
            }
            (before, from) = (bucket.count, bucket.upper);
        }
        None
    };
    let rank = |value| {
        below(value)
            .filter(|rank| rank.is_nan() || *rank <= total)
            .unwrap_or(total)
    };
    (rank(upper) - rank(lower)) / total
}

/// The `q`-quantile of a histogram whose buckets are sorted by bound, and whether its counts had to be mended.
fn quantile(q: f64, buckets: Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return (f64::NAN, false);
    }
    let mut buckets = coalesced(buckets);
    let mended = make_monotonic(&mut buckets);
    let (Some(last), Some(observations)) = (buckets.len().checked_sub(1), buckets.last().map(|b| b.count))
    else {
        return (f64::NAN, mended);
    };
    if last < 1 || observations == 0.0 {
        return (f64::NAN, mended);
    }
    let mut rank = q * observations;
    let found = buckets
        .iter()
        .take(last)
        .position(|bucket| bucket.count >= rank)
        .unwrap_or(last);
    let bucket = |index: usize| {
        buckets.get(index).copied().unwrap_or(Bucket {
            upper: f64::NAN,
            count: f64::NAN,
        })
    };
    if found == last {
        // Nothing is known of the last bucket but where it starts.
        return (bucket(last.saturating_sub(1)).upper, mended);
    }
    let Bucket { upper, mut count } = bucket(found);
    let lower = match found.checked_sub(1).map(bucket) {
        None if upper <= 0.0 => return (upper, mended),
        None => 0.0,
        Some(before) => {
            count -= before.count;
            rank -= before.count;
            before.upper
        }
    };
    (lower + (upper - lower) * (rank / count), mended)
}

/// Adds up buckets with the same bound, which differ only in how it is written.
fn coalesced(buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match out.last_mut() {
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => out.push(bucket),
        }
    }
    out
}

/// Lifts counts that fall. Differences within the tolerance are levelled without being worth a remark.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut mended = false;
    let mut before: Option<f64> = None;
    for bucket in buckets {
        if let Some(before) = before {
            if bucket.count == before {
            } else if nearly_equal(before, bucket.count) {
                bucket.count = before;
            } else if bucket.count < before {
                bucket.count = before;
                mended = true;
            }
        }
        before = Some(bucket.count);
    }
    mended
}

fn nearly_equal(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(buckets: &[(f64, f64)], q: f64) -> f64 {
        quantile(
            q,
            buckets
                .iter()
                .map(|(upper, count)| Bucket {
                    upper: *upper,
                    count: *count,
                })
                .collect(),
        )
        .0
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn a_quantile_is_interpolated_within_its_bucket() {
        let buckets = [(0.1, 10.0), (0.5, 30.0), (1.0, 40.0), (INF, 40.0)];
        assert_eq!(of(&buckets, 0.25), 0.1);
        assert!((of(&buckets, 0.5) - 0.3).abs() < 1e-12);
        assert_eq!(of(&buckets, 0.125), 0.05);
        assert_eq!(of(&buckets, 1.0), 1.0);
    }

    #[test]
    fn the_open_bucket_gives_its_lower_bound() {
        assert_eq!(of(&[(1.0, 1.0), (2.0, 1.0), (INF, 10.0)], 0.9), 2.0);
    }

    #[test]
    fn a_first_bucket_that_is_not_positive_gives_its_upper_bound() {
        assert_eq!(of(&[(-1.0, 5.0), (INF, 10.0)], 0.1), -1.0);
    }

    #[test]
    fn a_histogram_without_end_or_observations_has_no_quantile() {
        assert!(of(&[(1.0, 1.0), (2.0, 2.0)], 0.5).is_nan());
        assert!(of(&[(1.0, 0.0), (INF, 0.0)], 0.5).is_nan());
        assert!(of(&[(INF, 3.0)], 0.5).is_nan());
    }

    #[test]
    fn a_count_that_is_no_number_leads_to_the_open_bucket() {
        assert_eq!(of(&[(1.0, 1.0), (2.0, 2.0), (INF, f64::NAN)], 0.5), 2.0);
    }

    #[test]
    fn falling_counts_are_lifted() {
        let mut buckets = [(1.0, 5.0), (2.0, 3.0), (INF, 9.0)].map(|(upper, count)| Bucket { upper, count });
        assert!(make_monotonic(&mut buckets));
        assert_eq!(buckets.map(|b| b.count), [5.0, 5.0, 9.0]);
    }

    #[test]
    fn equal_bounds_written_differently_are_one_bucket() {
        assert_eq!(of(&[(1.0, 2.0), (1.0, 3.0), (INF, 10.0)], 0.5), 1.0);
    }
}
