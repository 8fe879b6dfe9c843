//! Requests for approval as objects of the cluster: `approvals.claw.dev/v1`.
//!
//! The agent creates an [`Approval`](ApprovalSpec) whose spec nobody can change. People write their decisions under
//! `decisions`, each under the name by which the API server knows them:
//!
//! ```text
//! spec:       {digest, title, diff, reason, …}                 written once, by the agent
//! decisions:  {kim@example.com: {verdict: approve, digest: …}}  each person adds one of their own
//! status:     {state: pending}                                  by the agent, for people to read; nobody trusts it
//! ```
//!
//! Who wrote what is vouched for by the API server alone: a ValidatingAdmissionPolicy ([`Wall`]) lets nobody write under the name
//! of another, and takes no decision of a program. [`Approvals`] counts decisions only while that policy and its binding are
//! there, exactly as they were when the request was made, and only of the very object that it made.
//!
//! Asking for an approval is itself a write, and the only one without a permit: it is what leads to one. It goes to objects of this
//! kind, in the agent's own namespace, and to nothing else.

mod crd;
mod object;
mod objects;
mod wall;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire_tests;

use crate::cluster::Resource;

pub use crd::definition;
pub use object::{
    ApprovalSpec, AskedGroup, Decision, Distrust, NamedPullRequest, Target, Verdict, decisions,
};
pub use objects::{ApprovalMark, Approvals, ApprovalsError};
pub use wall::{Wall, WallError};

/// API group of the kind.
pub const GROUP: &str = "claw.dev";
/// Version of the kind.
pub const VERSION: &str = "v1";

/// The kind, as the API addresses it.
pub const APPROVALS: Resource = Resource::namespaced(GROUP, VERSION, "approvals", "Approval");

/// The manifests as YAML, ready for `kubectl apply -f`, the same for the same content.
pub(crate) fn yaml(documents: &[serde_json::Value]) -> Result<String, WallError> {
    let texts: Result<Vec<String>, _> = documents
        .iter()
        .map(|document| serde_saphyr::to_string(&sorted(document)).map(|text| text.trim_end().to_owned()))
        .collect();
    let texts = texts.map_err(|error| WallError::Yaml(Box::new(error)))?;
    Ok(texts.join("\n---\n") + "\n")
}

/// The same with keys in order, whatever order the map type keeps.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields = fields
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            serde_json::Value::Object(fields.collect())
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
