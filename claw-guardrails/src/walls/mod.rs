//! The outer walls: the policy once more, as admission policies that the API server holds the agent's accounts to.
//!
//! The engine decides before anything is sent. [`Walls`] says the same to the API server, so that a fault of the engine, or
//! somebody with the agent's token, comes no further than the policy lets the agent: what the policy puts in
//! [`Tier::Forbidden`] by something that the API server sees, it denies; what a person may approve, it lets pass, for it sees no
//! approvals. `docs/adr/0015` says what it sees and what not.
//!
//! Everything is data: the manifests of `ValidatingAdmissionPolicy` and `ValidatingAdmissionPolicyBinding`
//! (`admissionregistration.k8s.io/v1`) as JSON, made from a [`Policy`] and the names of the [`Accounts`].
//!
//! ```
//! use claw_guardrails::policy::{Phase, Policy};
//! use claw_guardrails::walls::{Accounts, Walls};
//!
//! let policy = Policy::default().with_phase(Phase::LowRiskWrites);
//! let walls = Walls::new(policy, Accounts::in_namespace("claw"));
//! let manifests = walls.manifests();
//! assert_eq!(manifests[0]["kind"], "ValidatingAdmissionPolicy");
//! assert_eq!(manifests[1]["spec"]["policyName"], manifests[0]["metadata"]["name"]);
//! // What only the engine can enforce is said.
//! assert!(walls.unseen().is_empty());
//! ```

mod accounts;
mod cel;
mod manifest;
mod operation;
mod reach;
mod variables;
mod wall;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::policy::{Matched, Operation, Policy, Request, Tier};
use wall::Then;

pub use accounts::Accounts;
pub use reach::is_reached;

/// What becomes of a write that takes the approval of a person, as far as the API server can tell that it does. Whether one was
/// given it cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attendance {
    /// People approve: it passes, with a warning to whoever sent it and a note in the API server's audit log, where it can be
    /// compared with the agent's.
    #[default]
    Attended,
    /// Nobody approves anything here: it is denied.
    Unattended,
}

/// The walls that a policy asks for.
#[derive(Clone, Debug)]
pub struct Walls {
    policy: Policy,
    accounts: Accounts,
    name: String,
    attendance: Attendance,
}

impl Walls {
    /// The walls of `policy` around `accounts`.
    pub fn new(policy: Policy, accounts: Accounts) -> Self {
        Self {
            policy,
            accounts,
            name: "openclaw".to_owned(),
            attendance: Attendance::default(),
        }
    }

    /// Sets what the names of all objects begin with, `openclaw` unless set: each agent of a cluster needs its own.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets whether people approve what takes an approval.
    #[must_use]
    pub fn with_attendance(mut self, attendance: Attendance) -> Self {
        self.attendance = attendance;
        self
    }

    /// The names of the admission policies. Each has a binding of the same name.
    pub fn names(&self) -> Vec<String> {
        self.walls().iter().map(|wall| self.name_of(wall.name)).collect()
    }

    /// The names that walls of these accounts may have under another policy, and do not under this one: what still has such a name
    /// is left over, and denies what this policy may allow.
    pub fn other_names(&self) -> Vec<String> {
        let ours = self.names();
        let all = wall::NAMES.iter().map(|wall| self.name_of(wall));
        all.filter(|name| !ours.contains(name)).collect()
    }

    /// Each admission policy, followed by its binding.
    pub fn manifests(&self) -> Vec<Value> {
        let known = variables::of(&self.policy);
        let walls = self.walls();
        let objects = walls.iter().map(|wall| manifest::objects(self, wall, &known));
        objects.flatten().collect()
    }

    /// Whether the walls can see that `matched` forbids a request: then they deny it. Rules that look at what only the engine
    /// knows, such as the time or the work in hand, they cannot see.
    pub fn see(&self, matched: &Matched, request: &Request) -> bool {
        let operation = request.operation;
        if !operation.is_write() {
            // It does not come to the API server.
            return false;
        }
        let Some(id) = matched.rule.strip_prefix("override.") else {
            let by_itself = matched.rule == "operation.tier";
            return SEEN.contains(&matched.rule.as_str())
                && (!by_itself || operation::is_told_by_kind(request));
        };
        self.policy.overrides.iter().any(|over| {
            let told = over.when.operations.is_empty() || wall::matches(over, None).is_some();
            let about = wall::is_about_workloads(over);
            let evicted = operation == Operation::Drain && about;
            // What an autoscaler scales is another object.
            let scaler = request.kind == "HorizontalPodAutoscaler" && about;
            over.id == id && told && !evicted && !scaler && wall::blind(over).all(|blind| blind != operation)
        })
    }

    /// What of the policy is forbidden and cannot be seen by the API server, one sentence each: there the engine stands alone.
    pub fn unseen(&self) -> Vec<String> {
        let mut unseen = Vec::new();
        if self.policy.freeze == Tier::Forbidden && !self.policy.freezes.is_empty() {
            unseen.push(
                "freezes: the API server does not look at the clock, so that it denies nothing in a freeze window"
                    .to_owned(),
            );
        }
        for over in self
            .policy
            .overrides
            .iter()
            .filter(|over| over.tier == Tier::Forbidden)
        {
            let blind: Vec<&str> = wall::blind(over).map(Operation::name).collect();
            if !blind.is_empty() {
                unseen.push(format!(
                    "override {}: the API server cannot tell {} from other changes, so that it denies none of them",
                    over.id,
                    blind.join(" and ")
                ));
            }
            let operations = &over.when.operations;
            let drains = operations.is_empty() || operations.contains(&Operation::Drain);
            if drains && wall::is_about_workloads(over) {
                unseen.push(format!(
                    "override {}: an eviction does not say what the pod is, so that the API server denies none",
                    over.id
                ));
            }
        }
        unseen
    }

    fn walls(&self) -> Vec<wall::Wall> {
        let unattended = match self.attendance {
            Attendance::Attended => Then::Told,
            Attendance::Unattended => Then::Denied,
        };
        wall::all(&self.policy, unattended)
    }

    fn name_of(&self, wall: &str) -> String {
        format!("{}-wall-{wall}", self.name)
    }
}

/// Rules that forbid by what the API server sees. `workload.working` looks at queues, `season.frozen` at the clock.
const SEEN: [&str; 5] = [
    "actions.read_only",
    "operation.tier",
    "namespace.system",
    "namespace.excluded",
    "phase.cap",
];
