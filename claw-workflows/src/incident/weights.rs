//! Named weights of the ranking, in natural log-odds: set by hand on the scale that [`Clue`](super::candidate::Clue) describes, and
//! held to the recorded incidents in `tests/scenarios`.

use serde::{Deserialize, Serialize};

/// What the ranking adds to a mechanism's own clues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Log-odds of any one candidate before anything is known of it.
    pub prior: f64,
    /// The alerting entity is the candidate itself or feels its trouble.
    pub explains_alert: f64,
    /// Taken from `explains_alert` for each edge between candidate and alerting entity.
    pub per_hop: f64,
    /// The alerting entity feels nothing of the candidate's trouble.
    pub misses_alert: f64,
    /// The candidate explains all symptoms; scaled by the share that it explains.
    pub explains_symptoms: f64,
    /// The candidate began before the first symptom that it would explain.
    pub precedes: f64,
    /// The candidate began after the first symptom on the alerting entity: causes do not follow effects.
    pub follows: f64,
    /// The change that the candidate rests on took effect shortly before the first symptom.
    pub change_before_onset: f64,
    /// The candidate's trouble is itself what another candidate would bring about.
    pub explained_away: f64,
    /// Divides all scores before they become probabilities; above 1 makes the answers less sure.
    pub temperature: f64,
    /// Log-odds of a cause that nobody put forward.
    pub unknown: f64,
    /// Highest confidence of a candidate whose mechanism nothing was seen of.
    pub cap_without_mechanism: f64,
    /// Two onsets that are closer than this many seconds are taken as simultaneous (scrape interval, clock skew).
    pub simultaneous_seconds: i64,
    /// A change counts as shortly before an onset within this many seconds.
    pub change_window_seconds: i64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            prior: -3.0,
            explains_alert: 2.0,
            per_hop: 0.15,
            misses_alert: -3.0,
            explains_symptoms: 1.5,
            precedes: 0.4,
            follows: -2.0,
            change_before_onset: 1.0,
            explained_away: -3.0,
            temperature: 1.3,
            unknown: 0.0,
            cap_without_mechanism: 0.4,
            simultaneous_seconds: 120,
            change_window_seconds: 7200,
        }
    }
}
