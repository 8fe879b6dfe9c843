//! The account that writes, with all that holds it to its policy: its role from what the tools declare, and the admission policies
//! from what the policy says.
//!
//! [`OuterWalls`] brings the two halves together: rights ([`claw_k8s::access`]) and walls ([`claw_guardrails::walls`]). It makes the
//! manifests that an operator applies, and looks whether a cluster has them ([`OuterWalls::look`]). An agent that is to write looks
//! first, and does not write where the [`Standing`] does not [hold](Standing::holds).
//!
//! ```
//! use claw_core::access::Access;
//! use claw_guardrails::policy::{Phase, Policy};
//! use claw_workflows::walls::OuterWalls;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scale = Access::none().writes("apps", "deployments", &["patch"]).performing(&["scale_up"]);
//! let policy = Policy::default().with_phase(Phase::LowRiskWrites);
//! let walls = OuterWalls::new(policy, [("scale_workload", &scale)])?.within(["shop".to_owned()]);
//! let kinds: Vec<_> = walls.manifests().iter().map(|object| object["kind"].clone()).collect();
//! assert_eq!(kinds[0], "ServiceAccount");
//! assert!(kinds.contains(&"RoleBinding".into()) && kinds.contains(&"ValidatingAdmissionPolicy".into()));
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;

use claw_core::access::{Access, WriteRule};
use claw_core::tool::ToolContext;
use claw_core::walls::Standing;
use claw_guardrails::policy::{Policy, SYSTEM_NAMESPACES};
use claw_guardrails::walls::{Accounts, Attendance, Walls, is_reached};
use claw_k8s::access::{Expected, ForbiddenRight, WriteRole, denied, forbidden, standing};
use claw_k8s::cluster::{AccessQuestion, Cluster};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// What an operator applies so that an agent may write within its policy, and no further.
#[derive(Clone, Debug)]
pub struct OuterWalls {
    role: WriteRole,
    walls: Walls,
    own_namespace: String,
    /// What the tools declare, and the role does not give.
    beyond: Vec<WriteRule>,
}

impl OuterWalls {
    /// The account in the policy's own namespace, with what these tools declare as far as the policy's phase has reached;
    /// nothing of it where the policy says `max_actions: read_only`.
    ///
    /// # Errors
    /// When a tool declares a right that no role for writing gives.
    pub fn new<'a>(
        policy: Policy,
        tools: impl IntoIterator<Item = (&'a str, &'a Access)>,
    ) -> Result<Self, ForbiddenRight> {
        let own = policy.own_namespace.clone();
        let declared = tools.into_iter().flat_map(|(_, access)| &access.writes);
        let (reached, beyond): (Vec<&WriteRule>, Vec<&WriteRule>) =
            declared.partition(|right| is_reached(&policy, right));
        // Also of what the policy leaves out: a tool that declares such a thing is wrong in every phase.
        WriteRole::new(&own, beyond.iter().copied())?;
        let walls = Walls::new(
            policy,
            Accounts::in_namespace(&own).named("openclaw-agent", WriteRole::NAME),
        );
        let role = WriteRole::new(&own, reached)?
            .watching(walls.names())
            .watching(walls.other_names());
        Ok(Self {
            role,
            walls,
            own_namespace: own,
            beyond: beyond.into_iter().cloned().collect(),
        })
    }

    /// Lets the account write in these namespaces, and not in all.
    #[must_use]
    pub fn within(mut self, namespaces: impl IntoIterator<Item = String>) -> Self {
        self.role = self.role.within(namespaces);
        self
    }

    /// Lets the account hold a lease, by which replicas agree who writes.
    #[must_use]
    pub fn holding(mut self, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        self.role = self.role.holding(namespace, name);
        self
    }

    /// Lets the account ask for approvals by objects.
    #[must_use]
    pub fn asking(mut self) -> Self {
        self.role = self.role.asking();
        self
    }

    /// Sets whether people approve what takes an approval.
    #[must_use]
    pub fn with_attendance(mut self, attendance: Attendance) -> Self {
        self.walls = self.walls.with_attendance(attendance);
        self
    }

    /// Remembers what other tools declare: an account for these tools has no use for it, so that [`look`](Self::look) takes it for
    /// too much.
    #[must_use]
    pub fn and_not<'a>(mut self, others: impl IntoIterator<Item = &'a Access>) -> Self {
        let more = others
            .into_iter()
            .flat_map(|access| access.writes.iter().cloned());
        self.beyond.extend(more);
        self
    }

    /// The role.
    pub fn role(&self) -> &WriteRole {
        &self.role
    }

    /// The admission policies.
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// Account, role, bindings, admission policies and their bindings, to be applied in this order: the walls stand before the
    /// account has any right.
    pub fn manifests(&self) -> Vec<Value> {
        let mut objects = self.role.objects();
        let rest = objects.split_off(objects.len().min(1));
        objects.extend(self.walls.manifests());
        objects.extend(rest);
        objects
    }

    /// What [`look`](Self::look) looks for.
    pub fn expected(&self) -> Expected {
        let mut places: BTreeSet<&str> = SYSTEM_NAMESPACES.into();
        places.insert(&self.own_namespace);
        places.extend(self.role.namespaces());
        let mut unwanted = denied(places.iter().copied());
        for right in &self.beyond {
            for verb in &right.verbs {
                // Others than those on the list may be forbidden too: a tool that declares them has none of our roles.
                let given = self.role.gives(&right.group, &right.resource, verb);
                if !given && forbidden(&right.group, &right.resource, verb).is_none() {
                    unwanted.extend(everywhere(right, verb, &places));
                }
            }
        }
        Expected::new(self.role.granted(), unwanted, self.walls.manifests()).without(self.walls.other_names())
    }

    /// Looks at the cluster with the credentials of the account that writes.
    pub async fn look(&self, cluster: &Cluster, cx: &ToolContext) -> Standing {
        standing(cluster, cx, &self.expected()).await
    }
}

/// The questions about a right: in all namespaces, and in each of these.
fn everywhere(right: &WriteRule, verb: &str, places: &BTreeSet<&str>) -> Vec<AccessQuestion> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((&right.resource, ""));
    let ask = |namespace: Option<&str>| AccessQuestion {
        verb: verb.to_owned(),
        group: right.group.clone(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.map(str::to_owned),
    };
    let inside = places.iter().map(|place| ask(Some(place)));
    std::iter::once(ask(None)).chain(inside).collect()
}
