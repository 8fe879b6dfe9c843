//! From an action and what was read of its target to the requests that rules judge.

use std::collections::BTreeMap;

use claw_core::action::Action;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::axis::{Activity, Criticality, Environment, Nature, Place, Reach, Season};
use super::classify::operations;
use super::operation::Operation;
use super::request::{Replicas, Request};
use super::{Decision, Policy};

/// What was read of an action's target, freshly. What is `None` could not be read, and counts as the worst.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Facts {
    /// The target, as the API server gave it.
    pub object: Option<Value>,
    /// Labels of its namespace.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// How many replicas it had when the sliding window began.
    pub replicas_at_start: Option<u32>,
    /// Whether it is at a piece of work.
    pub activity: Option<Activity>,
    /// How far the action reaches, against the limits.
    pub reach: Option<Reach>,
}

/// Where people write down what their workloads are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Labels {
    /// Labels of namespaces that name the environment; the first one that is there counts.
    pub environment: Vec<String>,
    /// What values of that label mean. A value that is not here means production.
    pub environments: BTreeMap<String, Environment>,
    /// Label or annotation of workloads and namespaces that names the criticality.
    pub criticality: String,
    /// Label or annotation of workloads that names their nature.
    pub nature: String,
}

impl Default for Labels {
    fn default() -> Self {
        let environments = [
            ("development", Environment::Development),
            ("dev", Environment::Development),
            ("test", Environment::Development),
            ("staging", Environment::Staging),
            ("stage", Environment::Staging),
            ("production", Environment::Production),
            ("prod", Environment::Production),
        ];
        Self {
            environment: vec!["environment".to_owned(), "env".to_owned()],
            environments: environments
                .map(|(name, environment)| (name.to_owned(), environment))
                .into(),
            criticality: "claw.dev/criticality".to_owned(),
            nature: "claw.dev/nature".to_owned(),
        }
    }
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

    fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Policy {
    /// What `action` asks for: a request for each operation that it is. None where it would change nothing.
    pub fn requests(&self, action: &Action, facts: &Facts, now: Timestamp) -> Vec<Request> {
        let target = &action.target;
        let namespace = target.namespace.as_deref();
        let object = facts.object.as_ref().filter(|object| is_target(object, action));
        let mut operations = operations(action, object, &self.labels);
        if !operations.is_empty() && self.is_own(action) {
            operations.insert(Operation::ChangePolicy);
        }
        let mut requests = Vec::new();
        for operation in operations {
            let mut request = Request::new(operation, &target.kind, namespace, &target.name);
            if request.place == Place::Application && self.excludes(request.namespace.as_deref()) {
                request.place = Place::Excluded;
            }
            request.environment = self.environment(facts);
            request.criticality = self.criticality(object, facts);
            request.nature = self.nature(object, &target.kind);
            request.activity = facts.activity.unwrap_or(Activity::Working);
            request.reach = facts.reach.unwrap_or(Reach::Beyond);
            if self.freezes.iter().any(|freeze| freeze.covers(now)) {
                request.season = Season::Frozen;
            }
            if matches!(operation, Operation::ScaleUp | Operation::ScaleDown) {
                request.replicas = replicas(action, object, facts);
            }
            requests.push(request);
        }
        requests
    }

    /// The decision about `action`: the strictest of those about what it is. `None` where it would change nothing.
    pub fn judge(&self, action: &Action, facts: &Facts, now: Timestamp) -> Option<Decision> {
        let requests = self.requests(action, facts, now);
        let decisions = requests.iter().map(|request| self.decide(request));
        decisions.reduce(|mut all, one| {
            // How many approve goes with the tier that they approve.
            let strictest = (all.tier, all.approvers).max((one.tier, one.approvers));
            (all.tier, all.approvers) = strictest;
            for matched in one.rules {
                if !all.rules.contains(&matched) {
                    all.rules.push(matched);
                }
            }
            all
        })
    }

    /// Whether an action is about the agent itself: its namespace, what is in it, or rights of accounts from there.
    fn is_own(&self, action: &Action) -> bool {
        let own = self.own_namespace.as_str();
        let target = &action.target;
        let subjects = action.patch.get("subjects").and_then(Value::as_array);
        let mut subjects = subjects.into_iter().flatten();
        target.namespace.as_deref() == Some(own)
            || target.kind.eq_ignore_ascii_case("Namespace") && target.name == own
            || subjects.any(|subject| subject.get("namespace").and_then(Value::as_str) == Some(own))
    }

    pub(super) fn excludes(&self, namespace: Option<&str>) -> bool {
        namespace.is_some_and(|name| self.excluded_namespaces.iter().any(|excluded| excluded == name))
    }

    /// The most dangerous of the environments that labels name.
    fn environment(&self, facts: &Facts) -> Environment {
        let labels = facts.namespace_labels.as_ref();
        let names = &self.labels.environment;
        let values = names.iter().filter_map(|name| labels?.get(name));
        let environments = values.map(|value| {
            let known = self.labels.environments.get(&value.to_lowercase());
            known.copied().unwrap_or(Environment::Production)
        });
        environments.max().unwrap_or(Environment::Production)
    }

    /// The highest criticality that the object and its namespace name.
    fn criticality(&self, object: Option<&Value>, facts: &Facts) -> Criticality {
        let label = &self.labels.criticality;
        let of_namespace = facts
            .namespace_labels
            .as_ref()
            .and_then(|labels| labels.get(label));
        let values = said(object, label).chain(of_namespace.map(String::as_str));
        let named = values
            .map(|value| named(Criticality::ALL, Criticality::name, value).unwrap_or(Criticality::Critical));
        named.max().unwrap_or(Criticality::Critical)
    }

    fn nature(&self, object: Option<&Value>, kind: &str) -> Nature {
        let of_kind = match kind {
            "Job" | "CronJob" => Some(Nature::Batch),
            _ => None,
        };
        let values = said(object, &self.labels.nature);
        let named = values.map(|value| named(Nature::ALL, Nature::name, value).unwrap_or(Nature::Stateful));
        named.max().or(of_kind).unwrap_or(Nature::Stateful)
    }
}

/// Whether this is the object that the action was planned for. An object that was made anew under the same name is another.
fn is_target(object: &Value, action: &Action) -> bool {
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
    match (uid, action.uid.as_deref()) {
        (Some(uid), Some(expected)) => uid == expected,
        _ => true,
    }
}

/// What labels and annotations of the target say under this name.
fn said<'a>(object: Option<&'a Value>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let metadata = object.and_then(|object| object.get("metadata"));
    let places = ["labels", "annotations"].into_iter();
    places.filter_map(move |place| metadata?.get(place)?.get(name)?.as_str())
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, value: &str) -> Option<T> {
    all.iter().copied().find(|one| name(*one) == value.to_lowercase())
}

/// How many there were and would be. What a person has scaled down since the window began counts as well: the fewer are the
/// base.
fn replicas(action: &Action, object: Option<&Value>, facts: &Facts) -> Option<Replicas> {
    let wanted = action.patch.pointer("/spec/replicas")?.as_u64()?;
    let current = object?.pointer("/spec/replicas")?.as_u64()?;
    Some(Replicas {
        at_start: facts.replicas_at_start?.min(u32::try_from(current).ok()?),
        wanted: u32::try_from(wanted).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use claw_core::action::Verb;
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::*;
    use crate::policy::{Phase, Tier};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn scale(replicas: u32) -> Action {
        serde_json::from_value(json!({
            "verb": Verb::Patch, "target": EntityRef::namespaced("Deployment", "shop", "cart"),
            "api_version": "apps/v1", "uid": "1", "resource_version": "2", "pre_image": null,
            "patch": {"spec": {"replicas": replicas}}, "expected": "", "reversal": null, "reason": "",
        }))
        .unwrap()
    }

    /// A stateless service in staging that is known and harmless.
    fn known() -> Facts {
        Facts {
            object: Some(json!({
                "metadata": {"uid": "1", "labels": {"claw.dev/nature": "stateless"},
                    "annotations": {"claw.dev/criticality": "Low"}},
                "spec": {"replicas": 4}})),
            namespace_labels: Some([("env".to_owned(), "Staging".to_owned())].into()),
            replicas_at_start: Some(4),
            activity: Some(Activity::Idle),
            reach: Some(Reach::Within),
        }
    }

    fn tier(policy: &Policy, action: &Action, facts: &Facts) -> Tier {
        policy.judge(action, facts, NOW).unwrap().tier
    }

    #[test]
    fn what_is_known_to_be_harmless_is_done() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        assert_eq!(tier(&policy, &scale(8), &known()), Tier::AutoLogged);
        assert_eq!(tier(&policy, &scale(9), &known()), Tier::AsyncApproval);
        assert_eq!(tier(&policy, &scale(3), &known()), Tier::SyncApproval);
        assert_eq!(policy.judge(&scale(4), &known(), NOW), None);
    }

    #[test]
    fn each_thing_that_is_not_known_counts_as_the_worst() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let without = [
            Facts {
                object: None,
                ..known()
            },
            Facts {
                namespace_labels: None,
                ..known()
            },
            Facts {
                replicas_at_start: None,
                ..known()
            },
            Facts {
                reach: None,
                ..known()
            },
            Facts {
                object: Some(json!({"spec": {"replicas": 4}})),
                ..known()
            },
            Facts {
                namespace_labels: Some([("env".to_owned(), "blue".to_owned())].into()),
                ..known()
            },
        ];
        for facts in without {
            assert!(tier(&policy, &scale(8), &facts) > Tier::AutoLogged, "{facts:?}");
        }
        assert_eq!(
            Facts::default(),
            serde_json::from_str("{}").unwrap(),
            "facts that nobody has given are not known"
        );
    }

    #[test]
    fn excluded_namespaces_and_freezes_hold() {
        let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
        policy.excluded_namespaces = vec!["shop".to_owned()];
        assert_eq!(tier(&policy, &scale(8), &known()), Tier::Forbidden);
        let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let later = NOW + jiff::SignedDuration::from_hours(1);
        policy.freezes = vec![Freeze::new("launch", NOW, later)];
        assert_eq!(tier(&policy, &scale(8), &known()), Tier::SyncApproval);
        let decision = policy.judge(&scale(8), &known(), later).unwrap();
        assert_eq!(decision.tier, Tier::AutoLogged, "the freeze is over at its end");
    }

    #[test]
    fn several_operations_are_judged_together() {
        let policy = Policy::default().with_phase(Phase::Expanded);
        let mut action = scale(8);
        action.patch["spec"]["paused"] = json!(true);
        let decision = policy.judge(&action, &known(), NOW).unwrap();
        assert_eq!(decision.tier, Tier::SyncApproval);
        let names: Vec<_> = decision.rules.iter().map(|rule| rule.rule.as_str()).collect();
        assert!(names.contains(&"scale.up"), "{names:?}");
    }

    #[test]
    fn what_is_said_twice_counts_as_the_worse() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let mut facts = known();
        let labels = [("environment", "development"), ("env", "production")];
        facts.namespace_labels = Some(
            labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        );
        assert_eq!(tier(&policy, &scale(8), &facts), Tier::AsyncApproval);
        let mut facts = known();
        facts.namespace_labels = Some(
            [("env", "staging"), ("claw.dev/criticality", "critical")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        );
        assert_eq!(tier(&policy, &scale(8), &facts), Tier::AsyncApproval);
    }

    #[test]
    fn the_fewer_replicas_are_what_twice_is_of() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let mut facts = known();
        facts.replicas_at_start = Some(50);
        assert_eq!(tier(&policy, &scale(8), &facts), Tier::AutoLogged);
        assert_eq!(tier(&policy, &scale(9), &facts), Tier::AsyncApproval);
    }

    #[test]
    fn another_object_of_the_same_name_is_not_known() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let mut action = scale(8);
        action.uid = Some("2".to_owned());
        assert!(tier(&policy, &action, &known()) >= Tier::SyncApproval);
    }

    #[test]
    fn namespaces_of_the_system_and_of_the_agent_are_left_alone() {
        let policy = Policy::default().with_phase(Phase::Expanded);
        let mut places: Vec<EntityRef> = crate::policy::SYSTEM_NAMESPACES
            .iter()
            .chain(&["claw"])
            .flat_map(|name| {
                [
                    EntityRef::namespaced("Deployment", *name, "cart"),
                    EntityRef::cluster("Namespace", *name),
                ]
            })
            .collect();
        // In which namespace is not said.
        places.push(EntityRef::cluster("Deployment", "cart"));
        places.push(EntityRef::namespaced("Deployment", "", "cart"));
        for place in places {
            let mut action = scale(8);
            action.patch = json!({"metadata": {"annotations": {"a": "b"}}});
            action.target = place.clone();
            assert_eq!(tier(&policy, &action, &known()), Tier::Forbidden, "{place}");
        }
        let mut binding = scale(8);
        binding.verb = Verb::Create;
        binding.api_version = "rbac.authorization.k8s.io/v1".to_owned();
        binding.target = EntityRef::namespaced("RoleBinding", "shop", "b");
        binding.patch = json!({"roleRef": {"name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "claw", "name": "agent"}]});
        let decision = policy.judge(&binding, &known(), NOW).unwrap();
        assert_eq!((decision.tier, decision.approvers), (Tier::Forbidden, 0));
        binding.patch["subjects"][0]["namespace"] = json!("shop");
        assert_eq!(tier(&policy, &binding, &known()), Tier::SyncApproval);
    }
}
