//! Label sets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The label that holds the name of a metric.
pub const METRIC_NAME: &str = "__name__";

type Pair = (Arc<str>, Arc<str>);

/// The labels of one series, sorted by name. A label with an empty value is the same as no label.
///
/// The order is the one in which Prometheus lists series: name by name, value by value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[Pair]>);

impl Labels {
    /// No labels.
    pub fn empty() -> Self {
        Self(Arc::new([]))
    }

    /// The given labels. Of two labels with one name the later one counts.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let sorted: BTreeMap<Arc<str>, Arc<str>> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(
            sorted
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        )
    }

    /// The value of a label; empty if there is no such label.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .binary_search_by(|(other, _)| other.as_ref().cmp(name))
            .ok()
            .and_then(|at| self.0.get(at))
            .map_or("", |(_, value)| value)
    }

    /// The name of the metric; empty if the series has none.
    pub fn metric(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// All labels in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    pub(crate) fn pairs(&self) -> &[Pair] {
        &self.0
    }

    pub(crate) fn without_metric(&self) -> Self {
        if self.metric().is_empty() {
            self.clone()
        } else {
            self.filter(|name| name != METRIC_NAME)
        }
    }

    pub(crate) fn keep(&self, names: &[String]) -> Self {
        self.filter(|name| names.iter().any(|n| n == name))
    }

    pub(crate) fn without(&self, names: &[String]) -> Self {
        self.filter(|name| !names.iter().any(|n| n == name))
    }

    /// With the label set to `value`, or removed if `value` is empty.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<Pair> = self
            .0
            .iter()
            .filter(|(other, _)| other.as_ref() != name)
            .cloned()
            .collect();
        if !value.is_empty() {
            let at = pairs.partition_point(|(other, _)| other.as_ref() < name);
            pairs.insert(at, (name.into(), value.into()));
        }
        Self(pairs.into())
    }

    fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }
}

impl From<&BTreeMap<String, String>> for Labels {
    fn from(map: &BTreeMap<String, String>) -> Self {
        Self::new(map.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_no_label() {
        let labels = Labels::new([("b", "1"), ("a", ""), ("b", "2")]);
        assert_eq!(labels.to_string(), r#"{b="2"}"#);
        assert_eq!(labels.get("a"), "");
        assert_eq!(labels.with("b", ""), Labels::empty());
    }

    #[test]
    fn the_order_is_by_name_then_value_then_length() {
        let mut sets = [
            Labels::new([("a", "2")]),
            Labels::new([("b", "1")]),
            Labels::new([("a", "1"), ("b", "1")]),
            Labels::empty(),
        ];
        sets.sort();
        let shown: Vec<String> = sets.iter().map(Labels::to_string).collect();
        assert_eq!(shown, [r#"{}"#, r#"{a="1", b="1"}"#, r#"{a="2"}"#, r#"{b="1"}"#]);
    }

    #[test]
    fn setting_a_label_keeps_the_order() {
        let labels = Labels::new([("a", "1"), ("c", "3")])
            .with("b", "2")
            .with("c", "4");
        assert_eq!(labels.to_string(), r#"{a="1", b="2", c="4"}"#);
    }
}
