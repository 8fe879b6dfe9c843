//! `apply_manifest`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::patch::between;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delete_object::served;
use super::manifest::Manifest;
use super::overlay::{overlay, whole};
use super::proposal::{Words, propose_creation};
use super::structure::Place;
use super::target::{Target, named};
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, Resource};

/// What is to be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyManifestInput {
    /// One object as YAML or JSON, with apiVersion, kind, and metadata with name and, where its kind lies in namespaces,
    /// namespace. Of an object that is there, what the manifest does not name is left alone; null takes a field away.
    pub manifest: String,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes to make an object as a manifest says.
#[derive(Clone, Debug)]
pub struct ApplyManifest {
    cluster: Cluster,
}

impl ApplyManifest {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for ApplyManifest {
    const NAME: &'static str = "apply_manifest";
    const EFFECT: Effect = Effect::Propose;
    type Input = ApplyManifestInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose to create one object, or to change it where it is there, so that it is as a manifest says; nothing is \
         changed by the call"
    }

    /// What it reads and what is written depend on the input: the kinds that it may look at are those that the agent may.
    fn access(&self) -> Access {
        gitops::asked(Access::none()).looks_up("", "namespaces", &["get"])
    }

    async fn call(&self, cx: &ToolContext, input: ApplyManifestInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let manifest = Manifest::read(&input.manifest)?;
        let kind = served(&self.cluster, cx, &manifest.api_version, &manifest.kind).await?;
        let namespace = manifest.namespace.as_deref();
        match Target::find(&self.cluster, cx, &kind, namespace, &manifest.name).await? {
            Some(target) => change(&target, &manifest, reason),
            None => self.create(cx, &kind, &manifest, reason).await,
        }
    }
}

fn change(target: &Target, manifest: &Manifest, reason: String) -> Result<Proposal, ToolError> {
    let after = overlay(Place::of(&target.resource), &target.object, &manifest.object)?;
    let patch = between(&target.object, &after);
    let mut fields = 0_usize;
    count(&patch, &mut fields);
    let noun = if fields == 1 { "field" } else { "fields" };
    let words = Words {
        expected: format!(
            "{} has {fields} {noun} changed as the manifest says",
            target.entity
        ),
        reason,
        ..Words::default()
    };
    target.propose_patch(&patch, words)
}

impl ApplyManifest {
    async fn create(
        &self,
        cx: &ToolContext,
        kind: &Resource,
        manifest: &Manifest,
        reason: String,
    ) -> Result<Proposal, ToolError> {
        let entity = named(kind, manifest.namespace.as_deref(), &manifest.name)?;
        let mut warnings = vec![format!(
            "no patch takes a creation back: {entity} would have to be deleted"
        )];
        if let Some(namespace) = &entity.namespace {
            match self.cluster.has_namespace(cx, namespace).await {
                Ok(true) => {}
                Ok(false) => {
                    return Err(ToolError::new(
                        ToolErrorKind::NotFound,
                        format!("the namespace `{namespace}` does not exist; check its name"),
                    ));
                }
                Err(error) if error.kind() == ToolErrorKind::Denied => warnings.push(format!(
                    "whether the namespace {namespace} exists could not be seen"
                )),
                Err(error) => return Err(error.into()),
            }
        }
        let object = whole(&manifest.object);
        warnings.extend(gitops::unkept(&self.cluster, cx, kind, &entity, &object).await?);
        let words = Words {
            expected: format!("1 object more, {entity}, as the manifest has it"),
            reason,
            warnings,
            ..Words::default()
        };
        propose_creation(kind, entity, object, words)
    }
}

/// Counts what a patch names, down to the smallest.
fn count(patch: &Value, fields: &mut usize) {
    match patch.as_object() {
        Some(members) if !members.is_empty() => members.values().for_each(|item| count(item, fields)),
        _ => *fields = fields.saturating_add(1),
    }
}
