//! One request for approval with all that belongs to it, for tests of what shows requests and brings votes back.

use std::collections::BTreeSet;

use claw_core::action::{Action, Verb};
use claw_core::entity::EntityRef;
use claw_core::execute::Rehearsal;
use claw_core::radius::BlastRadius;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Binding, BindingError, Looked, Request, Shown, ShownError, Terms};
use crate::policy::{self, Decision, Operation, Policy, Tier};

/// A Deployment of three replicas that is to have six, with the approval of one person, within a day. Every part may be changed.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)] // tests change it
pub struct Sample {
    /// What is to be done.
    pub action: Action,
    /// What the server's dry run gave.
    pub rehearsal: Rehearsal,
    /// Everything that feels it.
    pub reach: BTreeSet<EntityRef>,
    /// What the policy was asked.
    pub requests: Vec<policy::Request>,
    /// What it decided.
    pub decision: Decision,
    /// What the approval takes.
    pub terms: Terms,
    /// When it is asked for.
    pub created: Timestamp,
    /// When it is void in any case.
    pub expires: Timestamp,
    /// Tells it from every other request for the same.
    pub nonce: String,
}

impl Sample {
    /// The request under these terms, made at a time.
    pub fn new(terms: Terms, created: Timestamp) -> Self {
        let target = EntityRef::namespaced("Deployment", "shop", "cart");
        let asked = policy::Request::new(Operation::ScaleUp, "Deployment", Some("shop"), "cart");
        let mut decision = Policy::default().decide(&asked);
        (decision.tier, decision.approvers) = (Tier::AsyncApproval, 1);
        Self {
            reach: [target.clone()].into(),
            action: Action {
                verb: Verb::Patch,
                target,
                api_version: "apps/v1".to_owned(),
                uid: Some("uid-1".to_owned()),
                resource_version: Some("41".to_owned()),
                pre_image: Some("before".to_owned()),
                patch: json!({"spec": {"replicas": 6}}),
                expected: "6 replicas".to_owned(),
                reversal: None,
                reason: "load".to_owned(),
            },
            rehearsal: Rehearsal {
                outcome: "outcome".to_owned(),
                diff: vec!["spec.replicas: 3 → 6".to_owned()],
                ..Rehearsal::default()
            },
            requests: vec![asked],
            decision,
            terms,
            created,
            expires: created
                .checked_add(SignedDuration::from_hours(24))
                .unwrap_or(Timestamp::MAX),
            nonce: "nonce".to_owned(),
        }
    }

    /// What an approval of it is bound to.
    pub fn looked(&self) -> Looked<'_> {
        Looked {
            action: &self.action,
            cluster: "cluster-1",
            generation: Some(7),
            outcome: &self.rehearsal.outcome,
            reach: self.reach.clone(),
            policy: "policy",
            requests: &self.requests,
            decision: &self.decision,
            terms: &self.terms,
            expires: self.expires,
            nonce: &self.nonce,
        }
    }

    /// The request.
    ///
    /// # Errors
    /// Where it was changed to one that cannot be bound.
    pub fn request(&self, id: &str) -> Result<Request, BindingError> {
        let binding = Binding::of(self.looked())?;
        Ok(Request::new(id, binding, self.terms.clone(), self.created))
    }

    /// What people are shown of a request for it.
    ///
    /// # Errors
    /// Where the request is for something else.
    pub fn shown(&self, request: &Request) -> Result<Shown, ShownError> {
        let radius = BlastRadius::of(self.action.target.clone());
        Shown::of(
            request,
            &self.action,
            &self.rehearsal,
            &radius,
            ["production".to_owned()],
        )
    }
}
