//! One alert.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// How Go writes a time that is not set; an alert that fires has no end.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What identifies the alert.
    pub labels: BTreeMap<String, String>,
    /// What is said about it.
    pub annotations: BTreeMap<String, String>,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it was resolved, if it was.
    pub ends_at: Option<Timestamp>,
    /// Where it comes from: the address of the expression. May be empty.
    pub generator_url: String,
}

impl Alert {
    /// An alert that fires since `starts_at`.
    pub fn new<N: Into<String>, V: Into<String>>(
        labels: impl IntoIterator<Item = (N, V)>,
        starts_at: Timestamp,
    ) -> Self {
        Self {
            labels: labels
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            annotations: BTreeMap::new(),
            starts_at,
            ends_at: None,
            generator_url: String::new(),
        }
    }

    /// Adds an annotation.
    #[must_use]
    pub fn with_annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(name.into(), value.into());
        self
    }

    /// Whether it is over at `now`.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    /// The hash by which Alertmanager tells alerts apart.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.labels)
    }
}

/// The hash of a set of labels as Prometheus and Alertmanager calculate it: 64-bit FNV-1a over names and values, each
/// followed by the byte 255, in hexadecimal.
pub fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    for byte in texts.flat_map(|text| text.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}
