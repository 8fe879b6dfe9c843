//! From an action and what is known of its target to the requests that rules judge, and to the decision.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::patch::merged;
use jiff::Timestamp;
use serde_json::Value;

use super::axis::{Activity, Amounts, Evidence, Place, Reach, Season};
use super::classify::{operations, sure};
use super::explain::Fact;
use super::facts::Facts;
use super::labels::{AUTOSCALER, Said};
use super::operation::Operation;
use super::request::{Replicas, Request};
use super::rules::{RULES, Rule};
use super::tier::Tier;
use super::{Decision, Matched, Policy, amounts};

impl Policy {
    /// What `action` asks for: a request for each operation that it is, and for each nature that its target has. None where it would
    /// change nothing.
    pub fn requests(&self, action: &Action, facts: &Facts, now: Timestamp) -> Vec<Request> {
        let object = facts.object.as_ref().filter(|object| is_target(object, action));
        let mut operations = operations(action, object, &self.labels);
        if !operations.is_empty() && self.is_own(action, object) {
            operations.insert(Operation::ChangePolicy);
        }
        self.requests_of(operations, action, object, facts, now)
    }

    fn requests_of(
        &self,
        operations: BTreeSet<Operation>,
        action: &Action,
        object: Option<&Value>,
        facts: &Facts,
        now: Timestamp,
    ) -> Vec<Request> {
        let target = &action.target;
        let namespace = target.namespace.as_deref();
        let autoscaler = target.kind == AUTOSCALER;
        let said = Said::of(action, object, facts);
        let after = after(action, object);
        let mut common = Request::new(Operation::Unknown, &target.kind, namespace, &target.name);
        common.environment = self.labels.environment_of(facts);
        common.criticality = self.labels.criticality_of(&said);
        common.activity = facts.activity.unwrap_or(Activity::Working);
        common.reach = facts.reach.unwrap_or(Reach::Beyond);
        common.amounts = self.amounts(action, object, &after);
        common.evidence = self.evidence(facts);
        if self.freezes.iter().any(|freeze| freeze.covers(now)) {
            common.season = Season::Frozen;
        }
        let mut requests = Vec::new();
        for operation in operations {
            for nature in self.labels.natures_of(&said, &target.kind) {
                let mut request = common.clone().of(operation);
                if request.place == Place::Application && self.excludes(request.namespace.as_deref()) {
                    request.place = Place::Excluded;
                }
                request.nature = nature;
                request.replicas = match operation {
                    Operation::ScaleUp | Operation::ScaleDown if autoscaler => started(object, &after, facts),
                    Operation::ScaleUp | Operation::ScaleDown => scaled(object, &after, facts),
                    Operation::AdjustHpa => bound(object, &after),
                    _ => None,
                };
                requests.push(request);
            }
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

    /// The rules that forbid `action` by what it names, whatever its target turns out to be; none where nothing does. Nothing has to
    /// be read for them, so that what is forbidden anyway is not even looked at.
    pub fn forbidden_by_name(&self, action: &Action, now: Timestamp) -> Vec<Matched> {
        let mut operations = sure(action, None, &self.labels);
        if !operations.is_empty() && self.is_own(action, None) {
            operations.insert(Operation::ChangePolicy);
        }
        let requests = self.requests_of(operations, action, None, &Facts::default(), now);
        let of_names = |rule: &&&dyn Rule| {
            let named = |fact: &Fact| matches!(fact, Fact::Operation | Fact::Place | Fact::Phase);
            rule.looks_at().iter().all(named)
        };
        let mut found = Vec::new();
        for rule in RULES.iter().filter(of_names) {
            let judged = requests.iter().filter_map(|request| rule.judge(self, request));
            if judged.max() == Some(Tier::Forbidden) {
                found.push(Matched {
                    rule: rule.id().to_owned(),
                    tier: Tier::Forbidden,
                });
            }
        }
        found
    }

    pub(super) fn excludes(&self, namespace: Option<&str>) -> bool {
        namespace.is_some_and(|name| self.excluded_namespaces.iter().any(|excluded| excluded == name))
    }

    fn amounts(&self, action: &Action, object: Option<&Value>, after: &Value) -> Amounts {
        match &self.never_reduce_below {
            Some(floor) if action.verb == Verb::Patch => amounts::kept(object, after, floor),
            // What is made anew reduces nothing, and without a floor there is nothing to stay at.
            _ => Amounts::Kept,
        }
    }

    fn evidence(&self, facts: &Facts) -> Evidence {
        let least = self.min_observation_days.unwrap_or_default();
        match facts.observed_days.unwrap_or_default() >= least {
            true => Evidence::Enough,
            false => Evidence::Short,
        }
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

/// The object as it would be; of one that is not known, what the patch says.
fn after(action: &Action, object: Option<&Value>) -> Value {
    match (action.verb, object) {
        (Verb::Patch, Some(object)) => merged(object, &action.patch),
        _ => action.patch.clone(),
    }
}

fn number(object: &Value, place: &str) -> Option<u32> {
    let number = object.pointer(place)?.as_u64()?;
    u32::try_from(number).ok()
}

/// How many replicas there were and would be. What a person has scaled down since the window began counts as well: the fewer are
/// the base.
fn scaled(object: Option<&Value>, after: &Value, facts: &Facts) -> Option<Replicas> {
    let current = number(object?, "/spec/replicas")?;
    Some(Replicas {
        at_start: facts.replicas_at_start?.min(current),
        wanted: number(after, "/spec/replicas")?,
    })
}

/// How many replicas an autoscaler runs, and would run at least.
fn started(object: Option<&Value>, after: &Value, facts: &Facts) -> Option<Replicas> {
    let current = number(object?, "/status/currentReplicas")?;
    Some(Replicas {
        at_start: facts.replicas_at_start?.min(current),
        wanted: number(after, "/spec/minReplicas").unwrap_or(1),
    })
}

/// How many replicas an autoscaler might run, and could run then.
fn bound(object: Option<&Value>, after: &Value) -> Option<Replicas> {
    Some(Replicas {
        at_start: number(object?, "/spec/maxReplicas")?,
        wanted: number(after, "/spec/maxReplicas")?,
    })
}

#[cfg(test)]
mod tests;
