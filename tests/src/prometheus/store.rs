//! Series in memory, found by their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::labels::Labels;
use super::matcher::{Matcher, Test};

/// One sample: time in milliseconds since 1970, value.
pub type Point = (i64, f64);

/// The value that Prometheus stores when a series ends: a NaN with a bit pattern of its own.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether `value` marks the end of a series.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) labels: Labels,
    /// Sorted by time; one sample for each time.
    pub(crate) points: Vec<Point>,
}

/// What is known of a metric besides its samples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `summary`, `info`, `stateset` or `unknown`.
    pub kind: String,
    /// What the metric means.
    pub help: String,
    /// The unit; empty if unknown.
    pub unit: String,
}

/// The series that a [`Server`](super::Server) serves.
#[derive(Clone, Debug, Default)]
pub struct Store {
    series: Vec<Stored>,
    ids: BTreeMap<Labels, usize>,
    /// Label name, label value, the series that have it in rising order.
    index: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<usize>>>,
    metadata: BTreeMap<String, BTreeSet<Metadata>>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds samples to the series with these labels. A later sample replaces an earlier one of the same time.
    pub fn insert(&mut self, labels: impl Into<Labels>, points: impl IntoIterator<Item = Point>) {
        let id = self.series_id(labels.into());
        let Some(stored) = self.series.get_mut(id) else {
            return;
        };
        let was_empty = stored.points.is_empty();
        stored.points.extend(points);
        let rising = stored.points.is_sorted_by(|a, b| a.0 < b.0);
        if !(was_empty && rising) {
            // The sort keeps the order of equal times, so the last of each run is the newest.
            stored.points.sort_by_key(|point| point.0);
            stored.points.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    *kept = *later;
                }
                same
            });
        }
    }

    /// Sets what `/api/v1/metadata` tells of a metric.
    pub fn describe(&mut self, metric: impl Into<String>, metadata: Metadata) {
        self.metadata.entry(metric.into()).or_default().insert(metadata);
    }

    /// The number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are no series.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series with their samples, in the order in which they came.
    pub fn series(&self) -> impl Iterator<Item = (&Labels, &[Point])> {
        self.series
            .iter()
            .map(|stored| (&stored.labels, stored.points.as_slice()))
    }

    /// The time of the first and the last sample in milliseconds since 1970.
    pub fn span(&self) -> Option<(i64, i64)> {
        let first = self
            .series
            .iter()
            .filter_map(|s| s.points.first())
            .map(|p| p.0)
            .min()?;
        let last = self
            .series
            .iter()
            .filter_map(|s| s.points.last())
            .map(|p| p.0)
            .max()?;
        Some((first, last))
    }

    pub(crate) fn metadata(&self) -> &BTreeMap<String, BTreeSet<Metadata>> {
        &self.metadata
    }

    /// The series that all matchers accept, sorted by labels.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<&Stored> {
        let mut candidates: Option<Vec<usize>> = None;
        for matcher in matchers {
            if let Some(ids) = self.postings(matcher) {
                candidates = Some(match candidates {
                    None => ids,
                    Some(before) => intersect(&before, &ids),
                });
            }
        }
        let ids = candidates.unwrap_or_else(|| (0..self.series.len()).collect());
        let mut found: Vec<&Stored> = ids
            .into_iter()
            .filter_map(|id| self.series.get(id))
            .filter(|stored| matchers.iter().all(|matcher| matcher.matches(&stored.labels)))
            .collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    /// The series that a matcher can accept, or none if it also accepts series without the label.
    fn postings(&self, matcher: &Matcher) -> Option<Vec<usize>> {
        if matcher.accepts("") {
            return None;
        }
        let Some(values) = self.index.get(matcher.name.as_str()) else {
            return Some(Vec::new());
        };
        if let Test::Equal(value) = &matcher.test {
            return Some(values.get(value.as_str()).cloned().unwrap_or_default());
        }
        let mut ids: Vec<usize> = values
            .iter()
            .filter(|(value, _)| matcher.accepts(value))
            .flat_map(|(_, ids)| ids.iter().copied())
            .collect();
        ids.sort_unstable();
        Some(ids)
    }

    fn series_id(&mut self, labels: Labels) -> usize {
        if let Some(id) = self.ids.get(&labels) {
            return *id;
        }
        let id = self.series.len();
        let shared: Vec<(Arc<str>, Arc<str>)> = labels
            .pairs()
            .iter()
            .map(|(name, value)| {
                // Series share the text of their labels.
                let name = self
                    .index
                    .get_key_value(name)
                    .map_or_else(|| name.clone(), |(n, _)| n.clone());
                let values = self.index.entry(name.clone()).or_default();
                let value = values
                    .get_key_value(value)
                    .map_or_else(|| value.clone(), |(v, _)| v.clone());
                values.entry(value.clone()).or_default().push(id);
                (name, value)
            })
            .collect();
        let labels = Labels::new(shared);
        self.ids.insert(labels.clone(), id);
        self.series.push(Stored {
            labels,
            points: Vec::new(),
        });
        id
    }
}

impl<L: Into<Labels>, P: IntoIterator<Item = Point>> FromIterator<(L, P)> for Store {
    fn from_iter<I: IntoIterator<Item = (L, P)>>(series: I) -> Self {
        let mut store = Self::new();
        store.extend(series);
        store
    }
}

impl<L: Into<Labels>, P: IntoIterator<Item = Point>> Extend<(L, P)> for Store {
    fn extend<I: IntoIterator<Item = (L, P)>>(&mut self, series: I) {
        for (labels, points) in series {
            self.insert(labels, points);
        }
    }
}

fn intersect(a: &[usize], b: &[usize]) -> Vec<usize> {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    let mut both = Vec::new();
    while let (Some(x), Some(y)) = (a.peek().copied(), b.peek().copied()) {
        match x.cmp(&y) {
            std::cmp::Ordering::Less => {
                a.next();
            }
            std::cmp::Ordering::Greater => {
                b.next();
            }
            std::cmp::Ordering::Equal => {
                both.push(x);
                a.next();
                b.next();
            }
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn store() -> Store {
        [
            ("up", "a", "1"),
            ("up", "b", "2"),
            ("up", "b", ""),
            ("down", "a", "1"),
        ]
        .into_iter()
        .map(|(name, job, zone)| {
            (
                Labels::new([("__name__", name), ("job", job), ("zone", zone)]),
                vec![(1, 1.0)],
            )
        })
        .collect()
    }

    fn names(store: &Store, matchers: &[Matcher]) -> Vec<String> {
        store
            .select(matchers)
            .into_iter()
            .map(|s| s.labels.to_string())
            .collect()
    }

    #[test]
    fn a_missing_label_has_the_empty_value() {
        let zone_less = Matcher {
            name: "zone".to_owned(),
            test: Test::Matches(Regex::new("^(?s:|9)$").unwrap()),
        };
        assert_eq!(
            names(&store(), &[Matcher::equal("__name__", "up"), zone_less]),
            [r#"{__name__="up", job="b"}"#]
        );
        let not_one = Matcher {
            name: "zone".to_owned(),
            test: Test::NotEqual("1".to_owned()),
        };
        assert_eq!(names(&store(), &[not_one]).len(), 2);
        let absent = Matcher {
            name: "nope".to_owned(),
            test: Test::NotEqual(String::new()),
        };
        assert!(names(&store(), &[absent]).is_empty());
    }

    #[test]
    fn the_last_sample_of_a_time_wins() {
        let mut store = Store::new();
        let labels = Labels::new([("a", "b")]);
        store.insert(labels.clone(), [(20, 2.0), (10, 1.0), (20, 3.0)]);
        store.insert(labels, [(10, 9.0), (5, 0.0)]);
        assert_eq!(store.len(), 1);
        assert_eq!(store.select(&[])[0].points, [(5, 0.0), (10, 9.0), (20, 3.0)]);
        assert_eq!(store.span(), Some((5, 20)));
    }
}
