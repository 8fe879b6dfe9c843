//! How often, over many incidents, the right cause comes first, and how well the confidence tells when it does.

use std::collections::BTreeMap;
use std::fmt;

use claw_core::entity::EntityRef;
use claw_core::report::{Report, Verdict};
use serde_json::Value;

use super::Named;

/// Bins of confidence by which the calibration error is summed.
const BINS: usize = 10;
/// Characters that stand for all of a bin in a picture.
const PICTURE: usize = 40;

/// The right answer to an incident, as far as it counts for a score: read leniently, from recordings of any origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Names of what is at fault, any of which is right.
    pub names: Vec<Named>,
    /// Kind of the fault, where that is told.
    pub kind: Option<String>,
    /// Names of what must not be blamed.
    pub innocent: Vec<Named>,
}

impl Answer {
    /// Reads `expect.json`: `root_cause` with an `entity` (an object with a name, or a name), and possibly `accept`,
    /// `service` and `kind` or `mechanisms`. `None` where it names no cause.
    pub fn parse(expect: &Value) -> Option<Self> {
        let cause = expect.get("root_cause")?;
        let list = |value: Option<&Value>| -> Vec<Named> {
            let all = value.and_then(Value::as_array).into_iter().flatten();
            all.filter_map(Named::parse).collect()
        };
        let mut names: Vec<Named> = cause.get("entity").and_then(Named::parse).into_iter().collect();
        names.extend(cause.get("service").and_then(Named::parse));
        names.extend(list(cause.get("accept")));
        let kind = cause
            .get("kind")
            .or_else(|| cause.get("mechanisms")?.get(0))
            .and_then(Named::parse)
            .map(|kind| kind.name);
        let innocent = list(expect.pointer("/must_not_blame/entities"));
        (!names.is_empty()).then_some(Self {
            names,
            kind,
            innocent,
        })
    }

    /// Whether an entity is at fault: it bears one of the names, or runs the pod of that name.
    pub fn is(&self, entity: &EntityRef) -> bool {
        self.names.iter().any(|name| name.is(entity))
    }
}

/// How one incident was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Place of the right cause among the causes, from 1 on; `None` where it is not named. A report that says that it knows no
    /// cause names none, whatever it holds for possible.
    pub place: Option<usize>,
    /// Whether the first cause is the right one, whether the report names it or only holds it for possible: to that its
    /// confidence is held.
    pub right: bool,
    /// How sure the first cause is.
    pub confidence: f64,
    /// Whether the first cause is one that must not be blamed.
    pub blamed: bool,
}

impl Outcome {
    /// Holds a report to the answer. Several causes at one entity count as one.
    pub fn of(report: &Report, answer: &Answer) -> Self {
        let mut entities: Vec<&EntityRef> = Vec::new();
        for hypothesis in &report.hypotheses {
            if !entities.contains(&&hypothesis.entity) {
                entities.push(&hypothesis.entity);
            }
        }
        let named = matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous);
        let place = entities.iter().position(|entity| answer.is(entity));
        let blamed = entities.first().is_some_and(|first| {
            !answer.is(first) && answer.innocent.iter().any(|innocent| innocent.is(first))
        });
        Self {
            place: place.filter(|_| named).map(|index| index + 1),
            right: place == Some(0),
            confidence: report.hypotheses.first().map_or(0.0, |first| first.confidence),
            blamed: named && blamed,
        }
    }

    /// Whether the right cause is among the first `places`.
    pub fn within(&self, places: usize) -> bool {
        self.place.is_some_and(|place| place <= places)
    }
}

/// Outcomes of several incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score(Vec<Outcome>);

impl Score {
    /// Adds the outcome of an incident.
    pub fn add(&mut self, outcome: Outcome) {
        self.0.push(outcome);
    }

    /// How many incidents there are.
    pub fn cases(&self) -> usize {
        self.0.len()
    }

    /// Incidents whose cause is among the first `places`.
    pub fn within(&self, places: usize) -> usize {
        self.0.iter().filter(|outcome| outcome.within(places)).count()
    }

    /// The same as a share.
    pub fn share_within(&self, places: usize) -> f64 {
        self.within(places) as f64 / self.cases().max(1) as f64
    }

    /// Incidents in which what must not be blamed comes first.
    pub fn blamed(&self) -> usize {
        self.0.iter().filter(|outcome| outcome.blamed).count()
    }

    /// Mean confidence of the first cause.
    pub fn confidence(&self) -> f64 {
        self.mean(|outcome| outcome.confidence)
    }

    /// Mean squared difference between the confidence of the first cause and whether it is right.
    pub fn brier(&self) -> f64 {
        self.mean(|outcome| (outcome.confidence - f64::from(u8::from(outcome.right))).powi(2))
    }

    /// Expected calibration error: how far, over bins of confidence, the mean confidence is from the share that is right.
    pub fn calibration_error(&self) -> f64 {
        let bins = self.reliability().0;
        let off = bins
            .iter()
            .map(|bin| bin.cases as f64 * (bin.confidence - bin.right).abs());
        off.sum::<f64>() / self.cases().max(1) as f64
    }

    /// The outcomes by how sure the first cause was said to be.
    pub fn reliability(&self) -> Reliability {
        let bin_of = |outcome: &Outcome| ((outcome.confidence * BINS as f64) as usize).min(BINS - 1);
        let mut bins: BTreeMap<usize, Self> = BTreeMap::new();
        for outcome in &self.0 {
            bins.entry(bin_of(outcome)).or_default().add(outcome.clone());
        }
        let bins = bins.into_values().map(|bin| Bin {
            cases: bin.cases(),
            confidence: bin.confidence(),
            right: bin.mean(|outcome| f64::from(u8::from(outcome.right))),
        });
        Reliability(bins.collect())
    }

    fn mean(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        self.0.iter().map(of).sum::<f64>() / self.cases().max(1) as f64
    }
}

/// Incidents whose first cause was said to be about as sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// How many there are.
    pub cases: usize,
    /// Their mean confidence, 0 to 1.
    pub confidence: f64,
    /// The share of them that is right, 0 to 1.
    pub right: f64,
}

/// What the confidence is worth, from the least sure to the surest. [`fmt::Display`] draws it: a bar as long as the share that
/// is right, and a mark where it should end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability(pub Vec<Bin>);

impl fmt::Display for Reliability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stated   right  cases")?;
        for bin in &self.0 {
            let place = |share: f64| (share * PICTURE as f64).round() as usize;
            let (right, stated) = (place(bin.right), place(bin.confidence));
            let picture: String = (0..=PICTURE)
                .map(|at| match at {
                    _ if at == stated => '|',
                    _ if at < right => '=',
                    _ => ' ',
                })
                .collect();
            writeln!(
                f,
                "{:6.2}  {:6.2}  {:5}  {}",
                bin.confidence,
                bin.right,
                bin.cases,
                picture.trim_end()
            )?;
        }
        Ok(())
    }
}

/// Scores by group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(BTreeMap<String, Score>);

impl Table {
    /// Adds the outcome of an incident to several groups.
    pub fn add(&mut self, groups: &[&str], outcome: &Outcome) {
        for group in groups {
            self.0
                .entry((*group).to_owned())
                .or_default()
                .add(outcome.clone());
        }
    }

    /// The score of a group.
    pub fn group(&self, name: &str) -> Option<&Score> {
        self.0.get(name)
    }

    /// The groups of more than one incident, and the one called `all`: a single incident has no rate.
    #[must_use]
    pub fn of_several(&self, all: &str) -> Self {
        let several = self
            .0
            .iter()
            .filter(|(name, score)| *name == all || score.cases() > 1);
        Self(
            several
                .map(|(name, score)| (name.clone(), score.clone()))
                .collect(),
        )
    }

    /// All groups with their scores, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Score)> {
        self.0.iter().map(|(name, score)| (name.as_str(), score))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .0
            .keys()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        writeln!(
            f,
            "{:width$}  cases   first  top 3  blamed  confidence  Brier    ECE",
            "group"
        )?;
        for (name, score) in self.groups() {
            writeln!(
                f,
                "{name:width$}  {:5}  {:6.2} {:6.2}  {:6}  {:10.2} {:6.3} {:6.3}",
                score.cases(),
                score.share_within(1),
                score.share_within(3),
                score.blamed(),
                score.confidence(),
                score.brier(),
                score.calibration_error(),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(place: Option<usize>, confidence: f64) -> Outcome {
        Outcome {
            place,
            right: place == Some(1),
            confidence,
            blamed: false,
        }
    }

    #[test]
    fn answers_are_read_from_recordings_of_any_origin() {
        let answer = |expect: Value| Answer::parse(&expect);
        let found = answer(json!({
            "root_cause": {"entity": {"kind": "Pod", "namespace": "a", "name": "cart-6f7b9-x2k4q"}, "kind": "cpu"},
            "must_not_blame": {"entities": [{"kind": "Service", "name": "web"}]},
        }));
        let found = found.unwrap();
        assert!(found.is(&EntityRef::cluster("Service", "cart")));
        assert!(!found.is(&EntityRef::cluster("Service", "web")));
        assert_eq!((found.kind.as_deref(), found.innocent.len()), (Some("cpu"), 1));
        let named = answer(json!({"root_cause": {"entity": "order-api"}})).unwrap();
        assert!(named.is(&EntityRef::cluster("Service", "order_api")));
        assert!(
            !named.is(&EntityRef::cluster("Service", "order")),
            "no pod has a name without digits"
        );
        assert_eq!(answer(json!({"verdict": "healthy"})), None);
    }

    #[test]
    fn a_confidence_that_is_right_as_often_as_it_says_has_no_error() {
        let mut score = Score::default();
        (0..10).for_each(|case| score.add(outcome(Some(if case < 7 { 1 } else { 3 }), 0.7)));
        assert_eq!((score.within(1), score.within(3)), (7, 10));
        assert!(score.calibration_error() < 1e-9 && (score.brier() - 0.21).abs() < 1e-9);
        score.add(outcome(None, 0.95));
        assert!((score.calibration_error() - 0.95 / 11.0).abs() < 1e-9);
    }

    #[test]
    fn what_the_confidence_is_worth_is_drawn() {
        let mut score = Score::default();
        (0..4).for_each(|case| score.add(outcome(Some(if case < 2 { 1 } else { 2 }), 0.75)));
        score.add(outcome(Some(1), 0.1));
        let reliability = score.reliability();
        assert_eq!(
            reliability.0.iter().map(|bin| bin.cases).collect::<Vec<_>>(),
            [1, 4]
        );
        let drawn = reliability.to_string();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(
            lines,
            [
                "stated   right  cases",
                &format!("  0.10    1.00      1  ====|{:=<35}", ""),
                &format!("  0.75    0.50      4  {:=<20}{:>11}", "", "|"),
            ]
        );
    }

    #[test]
    fn a_report_that_knows_no_cause_names_none() {
        let answer = Answer {
            names: vec!["cart".into()],
            innocent: vec!["web".into()],
            ..Answer::default()
        };
        let of = |verdict, names: [&str; 2]| {
            let [first, second] = names.map(|name| EntityRef::cluster("Service", name));
            let mut report = crate::scenario::tests::report(verdict, first, "slow", "deploy-1");
            let mut next = report.hypotheses.first().unwrap().clone();
            next.entity = second;
            report.hypotheses.push(next);
            let outcome = Outcome::of(&report, &answer);
            (outcome.place, outcome.right, outcome.blamed)
        };
        assert_eq!(of(Verdict::Cause, ["cart", "web"]), (Some(1), true, false));
        assert_eq!(of(Verdict::Ambiguous, ["web", "cart"]), (Some(2), false, true));
        // Its confidence was held to what it held for possible.
        assert_eq!(of(Verdict::Unknown, ["cart", "web"]), (None, true, false));
        assert_eq!(of(Verdict::Unknown, ["web", "cart"]), (None, false, false));
    }
}
