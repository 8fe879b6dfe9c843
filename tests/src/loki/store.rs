//! Log streams in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::logql::{LogQuery, Matcher};
use crate::prometheus::Labels;

/// One line: time in nanoseconds since 1970, text.
pub(super) type Entry = (i64, Arc<str>);

/// The streams that a [`Server`](super::Server) serves.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Lines of each stream in the order of time; equal times keep the order in which they came.
    streams: BTreeMap<Labels, Vec<Entry>>,
}

/// What a query found in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) labels: Labels,
    pub(super) entries: Vec<Entry>,
}

/// Which lines are given first, and kept when there are more than wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The oldest.
    Forward,
    /// The newest.
    Backward,
}

/// A span of time in nanoseconds, closed at its start and open at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line to the stream with these labels. The same line at the same time in one stream is kept once.
    pub fn insert<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        &mut self,
        labels: impl IntoIterator<Item = (N, V)>,
        time: Timestamp,
        line: impl Into<Arc<str>>,
    ) {
        self.put(Labels::new(labels), nanoseconds(time), line.into());
    }

    /// The number of lines.
    pub fn len(&self) -> usize {
        self.streams.values().map(Vec::len).sum()
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(crate) fn put(&mut self, labels: Labels, time: i64, line: Arc<str>) {
        let entries = self.streams.entry(labels).or_default();
        let at = entries.partition_point(|entry| entry.0 <= time);
        let same_time = entries.partition_point(|entry| entry.0 < time);
        let known = entries
            .get(same_time..at)
            .unwrap_or_default()
            .iter()
            .any(|entry| entry.1 == line);
        if !known {
            entries.insert(at, (time, line));
        }
    }

    /// The labels of the streams that all matchers accept and that have lines in the span.
    pub(super) fn streams(&self, matchers: &[Matcher], span: Span) -> impl Iterator<Item = &Labels> {
        self.matching(matchers)
            .filter(move |(_, entries)| !within(entries, span).is_empty())
            .map(|(labels, _)| labels)
    }

    /// The first `limit` lines in the given direction that the query lets pass, by stream.
    pub(super) fn search(
        &self,
        query: &LogQuery,
        span: Span,
        direction: Direction,
        limit: usize,
    ) -> Vec<Stream> {
        let mut found: Vec<(&Labels, usize, &Entry)> = self
            .matching(&query.matchers)
            .flat_map(|(labels, entries)| {
                within(entries, span)
                    .iter()
                    .enumerate()
                    .map(move |(order, entry)| (labels, order, entry))
            })
            .filter(|(_, _, entry)| query.passes(&entry.1))
            .collect();
        // Of lines with one time, those of the first stream come first, in both directions.
        match direction {
            Direction::Forward => found.sort_by(|a, b| (a.2.0, a.0, a.1).cmp(&(b.2.0, b.0, b.1))),
            Direction::Backward => found.sort_by(|a, b| (b.2.0, a.0, b.1).cmp(&(a.2.0, b.0, a.1))),
        }
        found.truncate(limit);
        let mut streams: BTreeMap<&Labels, Vec<Entry>> = BTreeMap::new();
        for (labels, _, entry) in found {
            streams.entry(labels).or_default().push(entry.clone());
        }
        streams
            .into_iter()
            .map(|(labels, entries)| Stream {
                labels: labels.clone(),
                entries,
            })
            .collect()
    }

    fn matching(&self, matchers: &[Matcher]) -> impl Iterator<Item = (&Labels, &Vec<Entry>)> {
        self.streams
            .iter()
            .filter(|(labels, _)| matchers.iter().all(|m| m.accepts(labels)))
    }
}

impl<L, N, V, T> Extend<(L, Timestamp, T)> for Store
where
    L: IntoIterator<Item = (N, V)>,
    N: Into<Arc<str>>,
    V: Into<Arc<str>>,
    T: Into<Arc<str>>,
{
    fn extend<I: IntoIterator<Item = (L, Timestamp, T)>>(&mut self, lines: I) {
        for (labels, time, line) in lines {
            self.insert(labels, time, line);
        }
    }
}

fn within(entries: &[Entry], span: Span) -> &[Entry] {
    let from = entries.partition_point(|entry| entry.0 < span.start);
    let to = entries.partition_point(|entry| entry.0 < span.end);
    entries.get(from..to).unwrap_or_default()
}

/// Nanoseconds since 1970, the nearest that fit.
pub(crate) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}
