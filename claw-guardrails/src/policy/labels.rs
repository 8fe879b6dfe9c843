//! What people say about workloads and namespaces by labels and annotations, and what is made of it.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::action::{Action, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::axis::{Criticality, Environment, Nature};
use super::facts::Facts;

/// What scales others.
pub(super) const AUTOSCALER: &str = "HorizontalPodAutoscaler";

/// Labels of namespaces that are always read for the environment.
const ENVIRONMENT: [&str; 2] = ["environment", "env"];
/// Where the criticality is always looked for.
const CRITICALITY: &str = "claw.dev/criticality";
/// Where the nature is always looked for.
const NATURE: &str = "claw.dev/nature";

/// Where people write down what their workloads are.
///
/// What is set here is read besides what is read anyway, so that it can make decisions stricter; milder only for what is said
/// nowhere else. Of all that is said the most dangerous counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Labels {
    /// Labels of namespaces that name the environment, besides `environment` and `env`. Where several are there, the most
    /// dangerous environment counts.
    pub environment: Vec<String>,
    /// What values of that label mean, in lower case. A value that is not here means production. The usual names keep their
    /// meaning at least: `prod` is production in every policy.
    pub environments: BTreeMap<String, Environment>,
    /// Label or annotation of workloads and namespaces that names the criticality, besides `claw.dev/criticality`.
    pub criticality: String,
    /// Label or annotation of workloads and namespaces that names their nature, besides `claw.dev/nature`.
    pub nature: String,
    /// The least criticality that a workload's own labels can give it while its namespace says nothing: whoever may edit a
    /// Deployment may label it. [`Criticality::Sandbox`] unless set, so that workloads speak for themselves.
    pub least_criticality: Criticality,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            environment: ENVIRONMENT.map(str::to_owned).into(),
            environments: USUAL
                .iter()
                .map(|(name, environment)| ((*name).to_owned(), *environment))
                .collect(),
            criticality: CRITICALITY.to_owned(),
            nature: NATURE.to_owned(),
            least_criticality: Criticality::Sandbox,
        }
    }
}

/// What the usual names of environments mean, whatever a policy says.
const USUAL: [(&str, Environment); 7] = [
    ("development", Environment::Development),
    ("dev", Environment::Development),
    ("test", Environment::Development),
    ("staging", Environment::Staging),
    ("stage", Environment::Staging),
    ("production", Environment::Production),
    ("prod", Environment::Production),
];

impl Labels {
    /// What a value of an environment label means at least; `None` where it is not one of the usual names.
    pub(super) fn usual(value: &str) -> Option<Environment> {
        let found = USUAL.iter().find(|(name, _)| *name == value);
        found.map(|(_, environment)| *environment)
    }

    /// Whether the policy reads this label or annotation, of whatever object.
    pub(super) fn is_read(&self, key: &str) -> bool {
        self.of_criticality().contains(&key) || self.of_nature().contains(&key)
    }

    /// Whether the policy reads this label or annotation of namespaces.
    pub(super) fn is_read_of_namespace(&self, key: &str) -> bool {
        self.is_read(key) || self.of_environment().any(|name| name == key)
    }

    pub(crate) fn of_environment(&self) -> impl Iterator<Item = &str> {
        ENVIRONMENT
            .into_iter()
            .chain(self.environment.iter().map(String::as_str))
    }

    /// Where the criticality is looked for.
    pub(crate) fn of_criticality(&self) -> [&str; 2] {
        [CRITICALITY, &self.criticality]
    }

    /// Where the nature is looked for.
    pub(crate) fn of_nature(&self) -> [&str; 2] {
        [NATURE, &self.nature]
    }

    /// What each value of an environment label means. One that is not here means production.
    pub(crate) fn meanings(&self) -> BTreeMap<String, Environment> {
        let usual = USUAL.iter().map(|(value, _)| (*value).to_owned());
        let all = self
            .environments
            .keys()
            .map(|value| value.to_lowercase())
            .chain(usual);
        all.map(|value| {
            let meaning = self.meaning(&value);
            (value, meaning)
        })
        .collect()
    }

    /// The most dangerous of the environments that are named. Without a label it is production; an annotation cannot make it
    /// less.
    pub(super) fn environment_of(&self, facts: &Facts) -> Environment {
        let named = |said: &Option<BTreeMap<String, String>>| {
            let values = self.of_environment().filter_map(|name| said.as_ref()?.get(name));
            values.map(|value| self.meaning(value)).max()
        };
        let by_label = named(&facts.namespace_labels).unwrap_or(Environment::Production);
        match facts.namespace_annotations {
            Some(_) => by_label.max(named(&facts.namespace_annotations).unwrap_or(by_label)),
            None => Environment::Production,
        }
    }

    fn meaning(&self, value: &str) -> Environment {
        let value = value.to_lowercase();
        let set = self.environments.get(&value).copied();
        set.max(Self::usual(&value)).unwrap_or(Environment::Production)
    }

    /// The highest criticality that is named.
    pub(super) fn criticality_of(&self, said: &Said<'_>) -> Criticality {
        let keys = self.of_criticality();
        let read =
            |value: &str| named(Criticality::ALL, Criticality::name, value).unwrap_or(Criticality::Critical);
        let of_workload = said.by_workload(&keys).map(read).max();
        let of_namespace = said.by_namespace(&keys).map(read).max();
        let least = match (of_workload, of_namespace) {
            (None, None) => Criticality::Critical,
            (Some(_), None) => self.least_criticality,
            (_, Some(of_namespace)) => of_namespace,
        };
        let named = least.max(of_workload.unwrap_or(least));
        match said.is_whole {
            true => named,
            false => Criticality::Critical,
        }
    }

    /// Every nature that is named, and those that follow from kinds: each is dangerous in a way of its own, so that none takes
    /// the place of another. Where nothing is named it is stateful, and where that could not be read it may be any.
    pub(super) fn natures_of(&self, said: &Said<'_>, kind: &str) -> BTreeSet<Nature> {
        let keys = self.of_nature();
        let read = |value: &str| named(Nature::ALL, Nature::name, value).unwrap_or(Nature::Stateful);
        let said_so = said.by_workload(&keys).chain(said.by_namespace(&keys)).map(read);
        let kinds = std::iter::once(kind).chain(said.kinds());
        let mut natures: BTreeSet<Nature> = said_so.chain(kinds.filter_map(of_kind)).collect();
        if natures.is_empty() {
            natures.insert(Nature::Stateful);
        }
        if !said.is_whole {
            natures.extend(Nature::ALL);
        }
        natures
    }
}

/// What the kind of an object, or of its owner, says about its nature.
fn of_kind(kind: &str) -> Option<Nature> {
    match kind {
        "Job" | "CronJob" => Some(Nature::Batch),
        "StatefulSet" | "PersistentVolumeClaim" | "PersistentVolume" => Some(Nature::Stateful),
        _ => None,
    }
}

/// All that is said about a target.
pub(super) struct Said<'a> {
    /// The target, and what it scales.
    objects: [Option<&'a Value>; 2],
    namespace: [Option<&'a BTreeMap<String, String>>; 2],
    /// Whether all could be read that may say something.
    is_whole: bool,
}

impl<'a> Said<'a> {
    /// An autoscaler speaks for what it scales. What is created says nothing yet.
    pub(super) fn of(action: &Action, object: Option<&'a Value>, facts: &'a Facts) -> Self {
        let autoscaler = action.target.kind == AUTOSCALER;
        let scaled = facts.scaled.as_ref().filter(|_| autoscaler);
        let namespaced = action.target.namespace.is_some();
        // A Namespace says itself what is said of it.
        let namespace = [&facts.namespace_labels, &facts.namespace_annotations]
            .map(|said| said.as_ref().filter(|_| namespaced));
        Self {
            objects: [object, scaled],
            namespace,
            is_whole: (object.is_some() || action.verb == Verb::Create)
                && (!namespaced || namespace.iter().all(Option::is_some))
                && (!autoscaler || scaled.is_some()),
        }
    }

    fn metadata(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.objects
            .into_iter()
            .flatten()
            .filter_map(|object| object.get("metadata"))
    }

    fn by_workload<'k>(&self, keys: &'k [&str; 2]) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        let places = self.metadata().flat_map(|metadata| {
            ["labels", "annotations"]
                .into_iter()
                .filter_map(move |place| metadata.get(place))
        });
        places.flat_map(move |place| keys.iter().filter_map(move |key| place.get(*key)?.as_str()))
    }

    fn by_namespace<'k>(&self, keys: &'k [&str; 2]) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        let places = self.namespace.into_iter().flatten();
        places.flat_map(move |place| {
            keys.iter()
                .filter_map(move |key| place.get(*key))
                .map(String::as_str)
        })
    }

    /// Kinds of what is scaled, and of owners.
    fn kinds(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let owners = self.metadata().flat_map(|metadata| {
            let owners = metadata.get("ownerReferences").and_then(Value::as_array);
            owners.into_iter().flatten()
        });
        let [_, scaled] = self.objects;
        owners
            .chain(scaled)
            .filter_map(|object| object.get("kind")?.as_str())
    }
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, value: &str) -> Option<T> {
    let value = value.to_lowercase();
    all.iter().copied().find(|one| name(*one) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Facts {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Some(pairs.collect())
        };
        Facts {
            namespace_labels: map(labels),
            namespace_annotations: map(annotations),
            ..Facts::default()
        }
    }

    #[test]
    fn the_usual_names_mean_what_they_say_in_every_policy() {
        let mut labels = Labels {
            environment: vec!["stage".to_owned()],
            ..Labels::default()
        };
        labels.environments = [
            ("prod".to_owned(), Environment::Development),
            ("qa".to_owned(), Environment::Staging),
            ("dev".to_owned(), Environment::Production),
        ]
        .into();
        for (name, value, expected) in [
            ("stage", "prod", Environment::Production),
            ("env", "PROD", Environment::Production),
            ("stage", "QA", Environment::Staging),
            ("stage", "dev", Environment::Production),
            ("env", "test", Environment::Development),
            ("stage", "blue", Environment::Production),
            ("other", "dev", Environment::Production),
        ] {
            assert_eq!(
                labels.environment_of(&facts(&[(name, value)], &[])),
                expected,
                "{name} {value}"
            );
        }
        let both = facts(&[("stage", "qa"), ("env", "prod")], &[]);
        assert_eq!(labels.environment_of(&both), Environment::Production);
    }

    #[test]
    fn an_annotation_makes_an_environment_more_dangerous_and_never_less() {
        let labels = Labels::default();
        let staging = facts(&[("env", "staging")], &[("env", "prod")]);
        assert_eq!(labels.environment_of(&staging), Environment::Production);
        let staging = facts(&[("env", "staging")], &[("env", "dev")]);
        assert_eq!(labels.environment_of(&staging), Environment::Staging);
        assert_eq!(
            labels.environment_of(&facts(&[], &[("env", "dev")])),
            Environment::Production
        );
        let unread = Facts {
            namespace_annotations: None,
            ..facts(&[("env", "dev")], &[])
        };
        assert_eq!(labels.environment_of(&unread), Environment::Production);
    }

    #[test]
    fn labels_of_ones_own_are_read_besides_the_usual_ones() {
        let own = Labels {
            criticality: "tier".to_owned(),
            nature: "shape".to_owned(),
            ..Labels::default()
        };
        for key in ["tier", "shape", CRITICALITY, NATURE] {
            assert!(own.is_read(key) && own.is_read_of_namespace(key), "{key}");
        }
        for key in ["app", "", "claw.dev/phase"] {
            assert!(!own.is_read(key) && !own.is_read_of_namespace(key), "{key}");
        }
    }
}
