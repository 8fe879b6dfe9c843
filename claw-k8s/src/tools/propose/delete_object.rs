//! `delete_object`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::action::Verb;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::managed::controller;
use super::proposal::Words;
use super::target::Target;
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, Resource};

/// Which object.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteObjectInput {
    /// API version as manifests write it: `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind as manifests write it: `ConfigMap`.
    pub kind: String,
    /// Namespace; left out for kinds that lie in none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to delete an object.
#[derive(Clone, Debug)]
pub struct DeleteObject {
    cluster: Cluster,
}

impl DeleteObject {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for DeleteObject {
    const NAME: &'static str = "delete_object";
    const EFFECT: Effect = Effect::Propose;
    type Input = DeleteObjectInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose to delete one object of any kind but Secrets; nothing is changed by the call"
    }

    /// What it reads and what is deleted depend on the input: the kinds that it may look at are those that the agent may.
    fn access(&self) -> Access {
        gitops::asked(Access::none())
    }

    async fn call(&self, cx: &ToolContext, input: DeleteObjectInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let kind = served(&self.cluster, cx, &input.api_version, &input.kind).await?;
        let namespace = input.namespace.as_deref();
        let target = Target::read(&self.cluster, cx, &kind, namespace, &input.name).await?;
        let words = Words {
            expected: format!(
                "1 object, {}, is gone, and so is what belongs to it",
                target.entity
            ),
            reason,
            warnings: warnings(&target),
            ..Words::default()
        };
        target.propose_end(Verb::Delete, words)
    }
}

/// The kind as the cluster serves it. Secrets are refused: they are not looked at, even to be deleted.
pub(super) async fn served(
    cluster: &Cluster,
    cx: &ToolContext,
    api_version: &str,
    kind: &str,
) -> Result<Resource, ToolError> {
    if api_version.is_empty() {
        return Err(ToolError::invalid_input(
            "the API version is empty; give it as manifests write it, for example apps/v1",
        ));
    }
    let kind = input::name("kind", kind)?;
    if api_version == "v1" && Resource::find(kind) == Some(&Resource::SECRETS) {
        return Err(ToolError::invalid_input(
            "Secrets are neither read nor written; have a person make this change",
        ));
    }
    if let Some(found) = cluster.kind(cx, api_version, kind).await? {
        return Ok(found);
    }
    let near = Resource::nearest(kind).filter(|near| *near != kind);
    let near = near.map_or(String::new(), |near| format!("; is {near} meant?"));
    Err(ToolError::invalid_input(format!(
        "the cluster serves no kind `{kind}` in `{api_version}`; write both as manifests do{near}"
    )))
}

/// Kinds that are not all that goes with them.
const HOLDERS: [(&str, &str); 4] = [
    ("Namespace", "everything in it"),
    ("CustomResourceDefinition", "every object of its kind"),
    (
        "PersistentVolumeClaim",
        "the data on its volume, unless the volume is kept",
    ),
    ("PersistentVolume", "the way to the data on it"),
];

fn warnings(target: &Target) -> Vec<String> {
    let entity = &target.entity;
    let mut warnings = vec!["no patch takes a deletion back".to_owned()];
    if let Some((_, what)) = HOLDERS.iter().find(|(kind, _)| *kind == entity.kind) {
        warnings.push(format!("with {entity} goes {what}"));
    }
    warnings.extend(target.takes_volumes_along());
    if let Some(owner) = controller(&target.object) {
        warnings.push(format!("{entity} is controlled by {owner}, which makes it anew"));
    }
    let finalizers = target.object.pointer("/metadata/finalizers");
    let finalizers = finalizers.and_then(Value::as_array).map_or(0, Vec::len);
    if finalizers > 0 {
        warnings.push(format!(
            "{entity} goes only when its finalizers ({finalizers}) are done"
        ));
    }
    warnings
}
