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
    /// Added to `explains_symptoms` where the run is about nothing in particular: a person who asks knows that something is
    /// wrong.
    pub explains_question: f64,
    /// The candidate began before the first symptom that it would explain.
    pub precedes: f64,
    /// For how long before the first symptom `precedes` counts, in seconds.
    pub precedes_seconds: i64,
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
            explains_question: 1.0,
            precedes: 0.4,
            precedes_seconds: 86_400,
            follows: -2.0,
            change_before_onset: 1.0,
            explained_away: -4.0,
            temperature: 1.0,
            unknown: 0.0,
            cap_without_mechanism: 0.4,
            simultaneous_seconds: 120,
            change_window_seconds: 7200,
        }
    }
}

/// A weight with which no ranking would mean anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Not a number, or without end.
    #[error("weight `{0}` must be a finite number")]
    NotFinite(&'static str),
    /// Less than it may be.
    #[error("weight `{0}` must be above zero")]
    NotPositive(&'static str),
    /// A confidence is between 0 and 1.
    #[error("weight `{0}` is a confidence and must lie between 0 and 1")]
    NoConfidence(&'static str),
}

impl Weights {
    /// Says what is wrong with the weights, where something is. Loaders call it; a ranking with wrong weights does not
    /// fail, and its confidences mean nothing.
    pub fn check(&self) -> Result<(), WeightsError> {
        let finite = [
            ("prior", self.prior),
            ("explains_alert", self.explains_alert),
            ("per_hop", self.per_hop),
            ("misses_alert", self.misses_alert),
            ("explains_symptoms", self.explains_symptoms),
            ("explains_question", self.explains_question),
            ("precedes", self.precedes),
            ("follows", self.follows),
            ("change_before_onset", self.change_before_onset),
            ("explained_away", self.explained_away),
            ("temperature", self.temperature),
            ("unknown", self.unknown),
            ("cap_without_mechanism", self.cap_without_mechanism),
        ];
        if let Some((name, _)) = finite.iter().find(|(_, value)| !value.is_finite()) {
            return Err(WeightsError::NotFinite(name));
        }
        if self.temperature <= 0.0 {
            return Err(WeightsError::NotPositive("temperature"));
        }
        let seconds = [
            ("precedes_seconds", self.precedes_seconds),
            ("change_window_seconds", self.change_window_seconds),
        ];
        if let Some((name, _)) = seconds.iter().find(|(_, value)| *value <= 0) {
            return Err(WeightsError::NotPositive(name));
        }
        if self.simultaneous_seconds < 0 {
            return Err(WeightsError::NotPositive("simultaneous_seconds"));
        }
        if !(0.0..=1.0).contains(&self.cap_without_mechanism) {
            return Err(WeightsError::NoConfidence("cap_without_mechanism"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Weights, WeightsError};

    #[test]
    fn weights_that_mean_nothing_are_named() {
        assert_eq!(Weights::default().check(), Ok(()));
        let with = |change: fn(&mut Weights)| {
            let mut weights = Weights::default();
            change(&mut weights);
            weights.check()
        };
        assert_eq!(
            with(|w| w.prior = f64::NAN),
            Err(WeightsError::NotFinite("prior"))
        );
        assert_eq!(
            with(|w| w.temperature = 0.0),
            Err(WeightsError::NotPositive("temperature"))
        );
        assert_eq!(
            with(|w| w.change_window_seconds = 0),
            Err(WeightsError::NotPositive("change_window_seconds"))
        );
        assert_eq!(
            with(|w| w.cap_without_mechanism = 1.5),
            Err(WeightsError::NoConfidence("cap_without_mechanism"))
        );
    }
}
