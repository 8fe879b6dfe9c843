//! What is known of an action's target.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::axis::{Activity, Reach};

/// What was read of an action's target, freshly. What is `None` could not be read, and counts as the worst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Facts {
    /// The target, as the API server gave it.
    pub object: Option<Value>,
    /// Labels of its namespace.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Annotations of its namespace.
    pub namespace_annotations: Option<BTreeMap<String, String>>,
    /// What the target scales, where it is an autoscaler: an autoscaler is as critical as that, and of its nature.
    pub scaled: Option<Value>,
    /// How many replicas it had when the sliding window began.
    pub replicas_at_start: Option<u32>,
    /// Whether it is at a piece of work.
    pub activity: Option<Activity>,
    /// How far the action reaches, against the limits.
    pub reach: Option<Reach>,
    /// How many days of data the action rests on. Asked for where the policy has
    /// [`min_observation_days`](super::Policy::min_observation_days).
    pub observed_days: Option<u32>,
}

/// A time in which changes are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Freeze {
    /// Its name, for whoever wonders.
    pub name: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub until: Timestamp,
}

impl Freeze {
    /// A freeze from one time until another.
    pub fn new(name: impl Into<String>, from: Timestamp, until: Timestamp) -> Self {
        Self {
            name: name.into(),
            from,
            until,
        }
    }

    pub(super) fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}
