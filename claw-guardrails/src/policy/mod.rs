//! Which tier an action is in: typed rules over what is known of it, and the strictest of them decides.
//!
//! A [`Request`] says what an action does and to what. Each rule that matches names a [`Tier`]; the answer is the highest
//! of them. Order plays no part, saying a thing twice changes nothing, and adding a rule can only make the answer
//! stricter. Where no rule matches, the answer is [`Tier::Forbidden`].
//!
//! The rules in `rules/` are compiled in and cannot be taken away. What an operator writes comes on top.
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

mod axis;
mod classify;
mod difference;
mod document;
mod explain;
mod facts;
mod operation;
mod over;
mod request;
mod rules;
mod table;
mod tier;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use axis::{Activity, Criticality, Environment, Nature, Phase, Place, Reach, Season};
pub use classify::{OWN_GROUP, operations};
pub(crate) use difference::differences;
pub use explain::{Change, Explained, Explanation, Fact};
pub use facts::{Facts, Freeze, Labels};
pub use operation::Operation;
pub use over::{Override, When};
pub use request::{Replicas, Request, SYSTEM_NAMESPACES};
pub use table::Row;
pub use tier::Tier;

use rules::RULES;

/// What an agent may do by itself, what a person decides, and what nobody can have it do.
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
    /// Replicas beyond which a person decides, whatever there were before. 100 unless set.
    pub max_replicas: u32,
    /// Namespaces in which nothing is changed, besides those of Kubernetes itself.
    pub excluded_namespaces: Vec<String>,
    /// The namespace that the agent itself runs in: its policy, its switch and its rights are not for it to change. `claw`
    /// unless set.
    pub own_namespace: String,
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
            scale_up_percent: 200,
            max_replicas: 100,
            excluded_namespaces: Vec::new(),
            own_namespace: "claw".to_owned(),
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

/// One person approves; two where what is decided at once is done in production.
fn approvers(tier: Tier, request: &Request) -> u8 {
    match tier {
        Tier::SyncApproval if request.environment == Environment::Production => 2,
        Tier::SyncApproval | Tier::AsyncApproval => 1,
        Tier::Auto | Tier::AutoLogged | Tier::Forbidden => 0,
    }
}
