//! Series that say something, from raw ones that say little by themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::noise::{Moments, of_share};
use super::quantiles::quantiles;
use crate::classify::{self, Kind, Measure, Role, Servers, Stat, classify, tells_of_span};
use crate::series::{Labels, NAME_LABEL, Point, Series};
use crate::stats;

/// Most series of one kind that are derived from one metric; the rest would be too fine to read.
pub(super) const MAX_GROUPS: usize = 5_000;
/// Value of the label `stat` of a derived mean.
const MEAN: &str = "mean";
/// Value of the label `stat` of a derived share of failures.
const ERROR_RATIO: &str = "error_ratio";
/// Value of the label `stat` of a derived rate of requests, however they ended.
pub(super) const REQUEST_RATE: &str = "request_rate";

/// What can be computed from raw counters and histograms:
///
/// - from buckets, quantiles (label `quantile`), as PromQL's `histogram_quantile` over one scrape interval does,
/// - from `_sum` and `_count`, means (label `stat="mean"`),
/// - from counters of work with a status label, the share that failed (label `stat="error_ratio"`) and, where they ended in
///   several ways, the rate of all (label `stat="request_rate"`).
///
/// A derived series keeps the name of the raw one, and of its labels those that say what it is about; others are summed over.
/// Ordered by labels.
///
/// Of spans, what is called stays apart by what it is ([`Servers`]); calls to nobody knows whom and pieces of work are left out.
pub fn derive(series: &[Series]) -> Vec<Series> {
    let servers = Servers::of(series.iter().map(|series| &series.labels));
    let derived = derive_from(series, &servers, &|_| true);
    derived.into_iter().map(|derived| derived.series).collect()
}

/// A series that was computed from others.
pub(super) struct Derived {
    pub(super) series: Series,
    /// One standard deviation of what it varies by because it rests on few requests, in its own unit; 0 where that is not told.
    pub(super) noise: f64,
}

/// [`derive()`] where it is known who serves what, and which times are `usual`.
pub(super) fn derive_from(
    series: &[Series],
    servers: &Servers,
    usual: &dyn Fn(Timestamp) -> bool,
) -> Vec<Derived> {
    let told = |series: &&Series| match Role::of(&series.labels) {
        Role::Work => true,
        Role::Call | Role::Piece => servers.subject_of(&series.labels).is_some(),
    };
    let series: Vec<&Series> = series.iter().filter(told).collect();
    let mut out = Vec::new();
    let classes: Vec<_> = series
        .iter()
        .map(|series| classify(series.name(), &series.labels))
        .collect();
    let all = || series.iter().copied().zip(&classes);
    let buckets = all()
        .filter(|(_, class)| class.stat == Stat::Bucket)
        .map(|(series, _)| series);
    out.extend(quantiles(buckets, usual));
    let sums = all()
        .filter(|(_, class)| class.stat == Stat::Sum)
        .map(|(series, _)| series);
    let counts = all()
        .filter(|(_, class)| class.stat == Stat::Count)
        .map(|(series, _)| series);
    out.extend(means(sums, counts));
    let work = all()
        .filter(|(series, class)| {
            class.kind == Kind::Counter
                || (matches!(class.measure, Measure::Traffic | Measure::Errors)
                    && stats::counts_up(&series.points))
        })
        .filter(|(_, class)| matches!(class.measure, Measure::Traffic | Measure::Errors))
        .map(|(series, _)| series);
    out.extend(outcomes(work, usual));
    out.sort_by(|a, b| a.series.labels.cmp(&b.series.labels));
    out
}

/// The labels that the series have in common from which a series with `labels` was derived; `labels` themselves if it was
/// not derived.
pub(super) fn origin(labels: &Labels) -> Labels {
    let name = labels.get(NAME_LABEL).map_or("", String::as_str);
    let stat = labels.get("stat").map(String::as_str);
    let mut origin = labels.clone();
    if name.ends_with("_bucket") && labels.contains_key("quantile") {
        origin.remove("quantile");
    } else if (name.ends_with("_sum") && stat == Some(MEAN))
        || matches!(stat, Some(ERROR_RATIO | REQUEST_RATE))
    {
        origin.remove("stat");
    }
    origin
}

/// Labels that say what a series is about, without those that split it by outcome, path or bucket.
pub(super) fn about(labels: &Labels) -> Labels {
    let role = Role::of(labels);
    labels
        .iter()
        .filter(|(name, _)| {
            *name == NAME_LABEL
                || *name == "instance"
                || *name == "reporter"
                || classify::names_entity(name)
                || tells_of_span(name, role)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

type Sums = BTreeMap<Timestamp, f64>;

fn add(sums: &mut Sums, points: impl IntoIterator<Item = Point>) {
    for (time, value) in points {
        *sums.entry(time).or_default() += value;
    }
}

fn means<'a>(
    sums: impl Iterator<Item = &'a Series>,
    counts: impl Iterator<Item = &'a Series>,
) -> Vec<Derived> {
    let mut groups: BTreeMap<Labels, (Sums, Sums)> = BTreeMap::new();
    for (series, is_sum) in sums
        .map(|series| (series, true))
        .chain(counts.map(|series| (series, false)))
    {
        let mut labels = about(&series.labels);
        let Some(base) = series
            .name()
            .strip_suffix("_sum")
            .or_else(|| series.name().strip_suffix("_count"))
        else {
            continue;
        };
        labels.insert(NAME_LABEL.to_owned(), format!("{base}_sum"));
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&labels) {
            continue;
        }
        let group = groups.entry(labels).or_default();
        add(
            if is_sum { &mut group.0 } else { &mut group.1 },
            stats::rates(&series.points),
        );
    }
    groups
        .into_iter()
        .filter_map(|(labels, (sums, counts))| share(labels, MEAN, &sums, &counts))
        .map(|series| Derived { series, noise: 0.0 })
        .collect()
}

/// Requests that are counted apart by how they ended.
#[derive(Default)]
struct Outcomes {
    failed: Sums,
    all: Sums,
    some_failed: bool,
    /// The ways in which those ended that are not counted for having failed.
    ended: BTreeSet<String>,
}

fn outcomes<'a>(work: impl Iterator<Item = &'a Series>, usual: &dyn Fn(Timestamp) -> bool) -> Vec<Derived> {
    let mut groups: BTreeMap<Labels, Outcomes> = BTreeMap::new();
    for series in work {
        if !classify::has_outcome(&series.labels) {
            continue;
        }
        let key = about(&series.labels);
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&key) {
            continue;
        }
        let rates = stats::rates(&series.points);
        let group = groups.entry(key).or_default();
        let failed = classify::is_server_failure(&series.labels);
        add(&mut group.all, rates.iter().copied());
        // A moment without failures is a share of zero, not a missing one.
        add(
            &mut group.failed,
            rates
                .into_iter()
                .map(|(time, rate)| (time, if failed { rate } else { 0.0 })),
        );
        group.some_failed |= failed;
        // What only its labels say to have failed is counted among requests.
        if classify::classify(series.name(), &Labels::new()).measure == Measure::Traffic {
            group.ended.insert(classify::outcome(&series.labels));
        }
    }
    groups
        .into_iter()
        .flat_map(|(labels, group)| {
            let apart = group.ended.len() > 1;
            let rate = apart.then(|| request_rate(labels.clone(), &group.all));
            let failed = group.some_failed.then(|| error_ratio(labels, &group, usual));
            rate.into_iter().chain(failed.flatten())
        })
        .collect()
}

fn error_ratio(labels: Labels, group: &Outcomes, usual: &dyn Fn(Timestamp) -> bool) -> Option<Derived> {
    let counted = Moments::of(group.all.iter().map(|(time, rate)| (*time, *rate)), usual);
    let before = |sums: &Sums| {
        sums.iter()
            .filter(|(time, _)| usual(**time))
            .map(|(_, rate)| rate)
            .sum()
    };
    Some(Derived {
        noise: of_share(before(&group.failed), before(&group.all), counted),
        series: share(labels, ERROR_RATIO, &group.failed, &group.all)?,
    })
}

fn request_rate(mut labels: Labels, all: &Sums) -> Derived {
    labels.insert("stat".to_owned(), REQUEST_RATE.to_owned());
    let points = all.iter().map(|(time, rate)| (*time, *rate)).collect();
    Derived {
        series: Series { labels, points },
        noise: 0.0,
    }
}

/// Counters of requests of one outcome each, told by their labels, whose rate together is among `derived`: by themselves they
/// fall as others fail, although no less is asked.
pub(super) struct Parts(BTreeSet<Labels>);

impl Parts {
    pub(super) fn of(derived: &[Derived]) -> Self {
        let rates = derived
            .iter()
            .filter(|derived| derived.series.label("stat") == Some(REQUEST_RATE));
        Self(rates.map(|derived| origin(&derived.series.labels)).collect())
    }

    pub(super) fn contains(&self, labels: &Labels, measure: Measure) -> bool {
        !self.0.is_empty()
            && measure == Measure::Traffic
            && classify::has_outcome(labels)
            && self.0.contains(&about(labels))
    }
}

/// `part / whole` at each moment that has something of the whole.
fn share(mut labels: Labels, stat: &str, part: &Sums, whole: &Sums) -> Option<Series> {
    labels.insert("stat".to_owned(), stat.to_owned());
    let points: Vec<Point> = whole
        .iter()
        .filter(|(_, value)| **value > 0.0)
        .filter_map(|(time, value)| Some((*time, part.get(time)? / value)))
        .collect();
    (!points.is_empty()).then_some(Series { labels, points })
}
