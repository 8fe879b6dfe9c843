//! Signals: series that behave otherwise during an incident than before it.

mod derive;
mod detect;
mod noise;
mod prepare;
mod quantiles;
mod text;

use claw_core::entity::EntityRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use derive::derive;
pub use detect::{DetectOptions, Survey, detect, detect_all, survey};

use crate::classify::{Classification, Measure, Stat};

/// Which way a series moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// Higher than before.
    Up,
    /// Lower than before.
    Down,
}

/// How a series moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Shape {
    /// To another level, for the rest of the incident or a part of it.
    Shift,
    /// Steadily, over most of the time that was looked at: a leak, a backlog.
    Trend,
    /// The series ended although others of its metric went on.
    Vanished,
    /// The series began although others of its metric were there before.
    Appeared,
}

/// One series that changed, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// What the series is about; on a call edge, the caller.
    pub entity: EntityRef,
    /// On a call edge, the called.
    pub peer: Option<EntityRef>,
    /// Other entities that the labels name: the node of a pod, the service of a pod.
    pub related: Vec<EntityRef>,
    /// The series, `name{label="value",…}`.
    pub metric: String,
    /// The series as a sentence about its entity names it: without the labels that name the entity, or who scraped it.
    pub label: String,
    /// The recorded series that it was computed from, as a selector: the locator of its evidence. Differs from `metric`
    /// for series that were derived, such as the quantile of a histogram.
    pub source: String,
    /// What it measures.
    pub measure: Measure,
    /// Which statistic of it, its unit and its bad direction. `baseline` and `observed` are rates per second where this
    /// says [`Counter`](crate::classify::Kind::Counter).
    pub classification: Classification,
    /// Which way it moved.
    pub direction: Direction,
    /// How it moved.
    pub shape: Shape,
    /// Whether it moved in the direction that is bad for its measure.
    pub harmful: bool,
    /// The first sample that shows the change. `None` where the change lies before the first sample of the incident and
    /// nothing connects that sample to the baseline.
    pub onset: Option<Timestamp>,
    /// The change happened at most this long before `onset`, in seconds: usually one scrape interval.
    pub onset_uncertainty: f64,
    /// Distance from the baseline in robust standard deviations, 0 to [`MAX_SCORE`](crate::stats::MAX_SCORE).
    pub score: f64,
    /// Usual value.
    pub baseline: f64,
    /// Value during the change.
    pub observed: f64,
    /// `observed / baseline`, between 0 and [`MAX_RATIO`]; 1 where both are zero.
    pub ratio: f64,
    /// Finite samples that the baseline rests on.
    pub baseline_samples: u32,
    /// Finite samples of the incident.
    pub incident_samples: u32,
}

impl Signal {
    /// Which statistic of the measure the series is.
    pub fn stat(&self) -> Stat {
        self.classification.stat
    }

    /// One sentence: what moved, from where to where, since when.
    pub fn statement(&self) -> String {
        detect::statement(self)
    }
}

/// Bound of [`Signal::ratio`]: growth from zero shows as this.
pub const MAX_RATIO: f64 = 1e6;

#[cfg(test)]
mod tests;
