//! Which tier an action is in: typed rules over what is known of it, and the strictest of them decides.
//!
//! A [`Request`] says what an action does and to what. Each rule that matches names a [`Tier`]; the answer is the highest
//! of them. Order plays no part, saying a thing twice changes nothing, and adding a rule can only make the answer
//! stricter. Where no rule matches, the answer is [`Tier::Forbidden`].
//!
//! The rules in `rules/` are compiled in and cannot be taken away. What an operator writes comes on top. `docs/policy.md` is the same
//! for operators.
//!
//! # What is trusted
//!
//! An action is told by what it changes ([`operations`]), never by what its proposer calls it. What it is judged by was read from the
//! cluster a moment before ([`Facts`]), and whoever may write that has a say in it:
//!
//! - The **environment** is what the *namespace's labels* say. Without one of them it is production. Annotations of the namespace can
//!   make it more dangerous, never less.
//! - **Criticality and nature** are what labels and annotations of the *workload and its namespace* say. Every statement counts, those
//!   that follow from kinds and owners too, and the strictest wins: a label `stateless` takes nothing from a StatefulSet. Where nothing
//!   is said at all a workload is critical and stateful; so whoever may edit a Deployment can make it less critical by a label.
//!   Say the criticality on namespaces, or set [`Labels::least_criticality`], where those who may are not trusted with that.
//! - An **autoscaler** is what it scales: both are asked, and one whose workload could not be read is critical and stateful.
//! - What could not be read counts as the worst.
//!
//! An agent changes none of this: labels and annotations that a policy reads, labels of namespaces, and what is in its own namespace
//! are [`Operation::ChangePolicy`], which is forbidden.
//!
//! ```
//! use claw_guardrails::policy::{Environment, Operation, Phase, Policy, Replicas, Request, Tier};
//!
//! let policy = Policy::default().with_phase(Phase::LowRiskWrites);
//! // Of a target of which nothing is known, the worst is assumed.
//! let mut request = Request::new(Operation::ScaleUp, "Deployment", Some("shop"), "cart");
//! assert_eq!(policy.decide(&request).tier, Tier::SyncApproval);
//! # use claw_guardrails::policy::{Activity, Criticality, Nature, Reach};
//! request.environment = Environment::Staging;
//! request.criticality = Criticality::High;
//! request.nature = Nature::Stateless;
//! request.activity = Activity::Idle;
//! request.reach = Reach::Within;
//! request.replicas = Some(Replicas { at_start: 4, wanted: 8 });
//! assert_eq!(policy.decide(&request).tier, Tier::AutoLogged);
//! request.replicas = Some(Replicas { at_start: 4, wanted: 9 });
//! assert_eq!(policy.decide(&request).tier, Tier::AsyncApproval);
//! ```

mod amounts;
mod axis;
mod classify;
mod difference;
mod document;
mod explain;
mod facts;
mod judge;
mod kinds;
mod labels;
mod lint;
mod operation;
mod over;
mod own;
mod pods;
mod powers;
mod privileges;
mod request;
mod rules;
mod table;
mod tier;

#[cfg(test)]
mod tests;

use claw_core::definition::{Escalation, Floor, Guardrails, MaxActions};
use serde::{Deserialize, Serialize};

pub use axis::{Activity, Amounts, Criticality, Environment, Evidence, Nature, Phase, Place, Reach, Season};
pub use classify::{OWN_GROUP, operations};
pub(crate) use difference::differences;
pub use explain::{Change, Explained, Explanation, Fact};
pub use facts::{Facts, Freeze};
pub use labels::Labels;
pub use operation::Operation;
pub use over::{Override, When};
pub(crate) use powers::{ADMISSION, PASSING_ON, POWERS, READS, SUBRESOURCES};
pub(crate) use request::CLUSTER_KINDS;
pub use request::{Replicas, Request, SYSTEM_NAMESPACES};
pub use table::Row;
pub use tier::Tier;

use rules::RULES;

/// Replicas that an agent may scale up to by itself at most, in percent of those that there were: “within 2x of current replicas”.
const MOST_PERCENT: u32 = 200;
/// Replicas that it may have by itself at most.
const MOST_REPLICAS: u32 = 100;

/// What an agent may do by itself, what a person decides, and what nobody can have it do.
///
/// Whatever is set makes decisions stricter than [`Policy::default`] in the same phase, with one exception: what [`Labels`] makes of
/// labels that mean nothing to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Policy {
    /// How far the agent has come. [`Phase::Observe`] unless set.
    pub phase: Phase,
    /// Replicas that the agent may scale up to by itself, in percent of those at the start of the sliding window or of those
    /// that there are, whichever are fewer. 200 unless set, as in the specification: “scaling up within 2x of current
    /// replicas”. More than that counts as 200: a policy makes things stricter only.
    pub scale_up_percent: u32,
    /// Replicas beyond which a person decides, whatever there were before. 100 unless set, and more than that counts as 100.
    pub max_replicas: u32,
    /// Namespaces in which nothing is changed, besides those of Kubernetes itself.
    pub excluded_namespaces: Vec<String>,
    /// The namespace that the agent itself runs in: its policy, its switch and its rights are not for it to change, and those in
    /// `claw` never are. `claw` unless set.
    pub own_namespace: String,
    /// Roles and bindings of the agent, by name, besides those whose names begin with `claw` or `openclaw`: they are not for it to
    /// change. A name that ends with `*` stands for all that begin so.
    pub own_roles: Vec<String>,
    /// Whether everything is left as it is. No unless set.
    pub max_actions: Option<MaxActions>,
    /// Whether a person approves every change. Where the rules ask for one unless set.
    pub escalation: Option<Escalation>,
    /// Requests of containers are not reduced below these amounts. No bound unless set.
    pub never_reduce_below: Option<Floor>,
    /// Days of data without which requests and limits of containers are not changed. None unless set.
    pub min_observation_days: Option<u32>,
    /// Where people write down what their workloads are.
    pub labels: Labels,
    /// When changes are frozen.
    pub freezes: Vec<Freeze>,
    /// The tier of changes in a freeze window, at least [`Tier::SyncApproval`].
    pub freeze: Tier,
    /// What raises the tier further.
    pub overrides: Vec<Override>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            phase: Phase::Observe,
            scale_up_percent: MOST_PERCENT,
            max_replicas: MOST_REPLICAS,
            excluded_namespaces: Vec::new(),
            own_namespace: own::OWN_NAMESPACE.to_owned(),
            own_roles: Vec::new(),
            max_actions: None,
            escalation: None,
            never_reduce_below: None,
            min_observation_days: None,
            labels: Labels::default(),
            freezes: Vec::new(),
            freeze: Tier::SyncApproval,
            overrides: Vec::new(),
        }
    }
}

/// What a policy says of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// The tier.
    pub tier: Tier,
    /// How many people have to approve; none where it needs no approval.
    pub approvers: u8,
    /// Every rule that matched, with the tier that it named.
    pub rules: Vec<Matched>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Matched {
    /// Its id.
    pub rule: String,
    /// The tier that it names.
    pub tier: Tier,
}

impl Policy {
    /// Sets [`phase`](Self::phase).
    #[must_use]
    pub fn with_phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// Adds an override.
    #[must_use]
    pub fn with_override(mut self, addition: Override) -> Self {
        self.overrides.push(addition);
        self
    }

    /// Adds the bounds that a workflow's definition sets. Of two bounds the stricter one holds.
    #[must_use]
    pub fn bounded_by(mut self, bounds: &Guardrails) -> Self {
        let excluded = bounds.excluded_namespaces.iter().flat_map(|names| &names.value);
        for name in excluded {
            if !self.excludes(Some(name)) {
                self.excluded_namespaces.push(name.clone());
            }
        }
        self.max_actions = self
            .max_actions
            .or(bounds.max_actions.as_ref().map(|set| set.value));
        self.escalation = self
            .escalation
            .or(bounds.escalation.as_ref().map(|set| set.value));
        let days = bounds.min_observation_days.as_ref().map(|set| set.value);
        self.min_observation_days = self.min_observation_days.max(days);
        if let Some(set) = &bounds.never_reduce_below {
            let floor = self.never_reduce_below.get_or_insert_default();
            floor.cpu = floor.cpu.max(set.value.cpu);
            floor.memory = floor.memory.max(set.value.memory);
        }
        self
    }

    /// How far the agent may scale up by itself, in percent: [`scale_up_percent`](Self::scale_up_percent), at most 200.
    pub fn most_percent(&self) -> u32 {
        self.scale_up_percent.min(MOST_PERCENT)
    }

    /// How many replicas the agent may have by itself: [`max_replicas`](Self::max_replicas), at most 100.
    pub fn most_replicas(&self) -> u32 {
        self.max_replicas.min(MOST_REPLICAS)
    }

    /// The tier of `request`, without the reasons: nothing is allocated.
    pub fn tier(&self, request: &Request) -> Tier {
        let built_in = RULES.iter().filter_map(|rule| rule.judge(self, request));
        let added = self
            .overrides
            .iter()
            .filter(|over| over.when.matches(request))
            .map(|over| over.tier);
        built_in.chain(added).max().unwrap_or(Tier::Forbidden)
    }

    /// The tier of `request`, and the rules that it follows from.
    pub fn decide(&self, request: &Request) -> Decision {
        let built_in = RULES.iter().filter_map(|rule| {
            let tier = rule.judge(self, request)?;
            Some(Matched {
                rule: rule.id().to_owned(),
                tier,
            })
        });
        let added = self.overrides.iter().filter(|over| over.when.matches(request));
        let added = added.map(|over| Matched {
            rule: format!("override.{}", over.id),
            tier: over.tier,
        });
        let rules: Vec<Matched> = built_in.chain(added).collect();
        let tier = rules
            .iter()
            .map(|matched| matched.tier)
            .max()
            .unwrap_or(Tier::Forbidden);
        Decision {
            tier,
            approvers: approvers(tier, request),
            rules,
        }
    }
}

/// One person approves; two where what is decided at once is done in production, or lets pods do more wherever they are: a node is
/// shared, and environments with it.
fn approvers(tier: Tier, request: &Request) -> u8 {
    let weighty =
        request.environment == Environment::Production || request.operation == Operation::ChangePrivileges;
    match tier {
        Tier::SyncApproval if weighty => 2,
        Tier::SyncApproval | Tier::AsyncApproval => 1,
        Tier::Auto | Tier::AutoLogged | Tier::Forbidden => 0,
    }
}
