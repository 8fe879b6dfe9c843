//! Quantiles from histograms, and how far they are off by chance.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::derive::{Derived, MAX_GROUPS, about};
use super::noise::{Moments, of_quantile};
use crate::series::{Labels, Series, parse_value};
use crate::stats;

/// Quantiles that are taken from histograms.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Cumulative rates by bound, in order of bounds.
pub(super) type Buckets = Vec<(f64, f64)>;

/// The quantiles of histograms over each scrape interval. What is `usual` tells how far they are off by chance.
pub(super) fn quantiles<'a>(
    buckets: impl Iterator<Item = &'a Series>,
    usual: &dyn Fn(Timestamp) -> bool,
) -> Vec<Derived> {
    let mut groups: BTreeMap<Labels, BTreeMap<Timestamp, Buckets>> = BTreeMap::new();
    for series in buckets {
        let Some(bound) = series.label("le").and_then(parse_value) else {
            continue;
        };
        let key = about(&series.labels);
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&key) {
            continue;
        }
        let group = groups.entry(key).or_default();
        for (time, rate) in stats::rates(&series.points) {
            add(group.entry(time).or_default(), bound, rate);
        }
    }
    groups
        .into_iter()
        .flat_map(|(labels, mut moments)| {
            for at in moments.values_mut() {
                at.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
            let counted = Moments::of(moments.iter().map(|(time, at)| (*time, total(at))), usual);
            QUANTILES.map(|q| {
                let points = moments
                    .iter()
                    .filter_map(|(time, at)| Some((*time, histogram_quantile(q, at)?)))
                    .collect();
                let mut labels = labels.clone();
                labels.insert("quantile".to_owned(), q.to_string());
                let before = moments.iter().filter(|(time, _)| usual(**time)).map(|(_, at)| at);
                Derived {
                    noise: of_quantile(q, before, counted),
                    series: Series { labels, points },
                }
            })
        })
        .filter(|derived| !derived.series.points.is_empty())
        .collect()
}

/// Adds a rate to that of the bucket with the same bound.
pub(super) fn add(buckets: &mut Buckets, bound: f64, rate: f64) {
    match buckets.iter_mut().find(|(known, _)| *known == bound) {
        Some((_, sum)) => *sum += rate,
        None => buckets.push((bound, rate)),
    }
}

fn total(buckets: &Buckets) -> f64 {
    buckets.last().map_or(0.0, |(_, rate)| *rate)
}

/// As in PromQL: linear within the bucket that holds the rank; the highest finite bound if it is the last. `buckets` are
/// cumulative and in order of bounds. `None` without observations.
pub(super) fn histogram_quantile(q: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let total = buckets.last().filter(|(bound, _)| *bound == f64::INFINITY)?.1;
    if total <= 0.0 || !total.is_finite() {
        return None;
    }
    let rank = q * total;
    let mut below = (0.0, 0.0);
    for &(bound, cumulative) in buckets {
        if cumulative >= rank {
            if bound == f64::INFINITY {
                return Some(below.0);
            }
            let inside = cumulative - below.1;
            let share = if inside > 0.0 {
                (rank - below.1) / inside
            } else {
                1.0
            };
            return Some(below.0 + (bound - below.0) * share);
        }
        below = (bound, cumulative.max(below.1));
    }
    None
}
