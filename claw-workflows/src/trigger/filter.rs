//! Which alerts start a run.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::definition::Trigger;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Alert;

/// The values that labels of an alert may have, by label. A label that is not named may have any value, or be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Filter(BTreeMap<String, BTreeSet<String>>);

impl Filter {
    /// Lets every alert through.
    pub fn any() -> Self {
        Self::default()
    }

    /// Lets only alerts through whose `label` has one of `values`.
    #[must_use]
    pub fn only<V: Into<String>>(
        mut self,
        label: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into);
        self.0.entry(label.into()).or_default().extend(values);
        self
    }

    /// Whether the alert starts a run.
    pub fn lets_through(&self, alert: &Alert) -> bool {
        self.0
            .iter()
            .all(|(label, values)| alert.label(label).is_some_and(|value| values.contains(value)))
    }
}

/// The filter of a workflow's definition.
impl From<&Trigger> for Filter {
    fn from(trigger: &Trigger) -> Self {
        trigger.filter.iter().fold(Self::any(), |filter, part| {
            filter.only(
                part.label.as_str(),
                part.values.iter().map(|value| value.as_str()),
            )
        })
    }
}
