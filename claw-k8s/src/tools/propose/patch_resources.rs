//! `patch_resources`

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::resources::ContainerResources;

use super::proposal::Words;
use super::target::Target;
use super::template::at;
use super::{Proposal, gitops, input};
use crate::cluster::{Cluster, Resource};

const KINDS: [Resource; 4] = [
    Resource::DEPLOYMENTS,
    Resource::STATEFUL_SETS,
    Resource::DAEMON_SETS,
    Resource::CRON_JOBS,
];

/// Which workload, and what its containers are to get.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchResourcesInput {
    /// Kind of the workload: `Deployment`, `StatefulSet`, `DaemonSet` or `CronJob`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The containers, each once. Those that are not named stay as they are.
    pub containers: Vec<ContainerResources>,
    /// Why, in one sentence, for whoever approves it.
    pub reason: String,
}

/// Proposes other requests or limits for containers.
#[derive(Clone, Debug)]
pub struct PatchResources {
    cluster: Cluster,
}

impl PatchResources {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for PatchResources {
    const NAME: &'static str = "patch_resources";
    const EFFECT: Effect = Effect::Propose;
    type Input = PatchResourcesInput;
    type Output = Proposal;

    fn description(&self) -> &str {
        "Propose other requests or limits for containers of a workload; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        gitops::asked(Access::none())
            .looks_up("apps", "deployments", &["get"])
            .looks_up("apps", "statefulsets", &["get"])
            .looks_up("apps", "daemonsets", &["get"])
            .looks_up("batch", "cronjobs", &["get"])
            .writes("apps", "deployments", &["patch"])
            .writes("apps", "statefulsets", &["patch"])
            .writes("apps", "daemonsets", &["patch"])
            .writes("batch", "cronjobs", &["patch"])
            .performing(&["change_resources", "configure"])
    }

    async fn call(&self, cx: &ToolContext, input: PatchResourcesInput) -> Result<Proposal, ToolError> {
        let reason = input::reason(&input.reason)?;
        let kind = input::kind(&input.kind, &KINDS)?;
        check(&input.containers)?;
        let namespace = Some(input.namespace.as_str());
        let target = Target::read(&self.cluster, cx, &kind, namespace, &input.name).await?;
        let (lists, changes) = changed_lists(&target, &input.containers)?;
        if changes.is_empty() {
            return Err(target.unchanged());
        }
        let words = Words {
            expected: format!(
                "{} gives {}, and {}",
                target.entity,
                changes.join(", "),
                target.replaced()
            ),
            reason,
            warnings: target.held_up(),
            ..Words::default()
        };
        let place = format!("{}/spec", target.template());
        target.propose_patch(&at(&place, Value::Object(lists)), words)
    }
}

fn check(containers: &[ContainerResources]) -> Result<(), ToolError> {
    let mut seen = BTreeSet::new();
    for container in containers {
        let name = input::name("container", &container.name)?;
        if !seen.insert(name) {
            return Err(ToolError::invalid_input(format!(
                "container `{name}` is named twice; say all of it in one place"
            )));
        }
        container.check()?;
    }
    if containers
        .iter()
        .all(|one| one.requests.is_empty() && one.limits.is_empty())
    {
        return Err(ToolError::invalid_input(
            "name at least one container with a request or a limit",
        ));
    }
    Ok(())
}

/// The lists of containers in which something changes, whole as a merge patch replaces them, and what changes.
fn changed_lists(
    target: &Target,
    containers: &[ContainerResources],
) -> Result<(Map<String, Value>, Vec<String>), ToolError> {
    let spec = target
        .object
        .pointer(target.template())
        .and_then(|template| template.get("spec"));
    let mut unknown: BTreeSet<&str> = containers.iter().map(|one| one.name.as_str()).collect();
    let (mut lists, mut changes) = (Map::new(), Vec::new());
    for key in ["containers", "initContainers"] {
        let Some(present) = spec.and_then(|spec| spec.get(key)).and_then(Value::as_array) else {
            continue;
        };
        let mut list = present.clone();
        for container in &mut list {
            let name = container.get("name").and_then(Value::as_str);
            let Some(wanted) = containers.iter().find(|one| Some(one.name.as_str()) == name) else {
                continue;
            };
            unknown.remove(wanted.name.as_str());
            changes.extend(wanted.set(container)?);
        }
        if list != *present {
            lists.insert(key.to_owned(), Value::Array(list));
        }
    }
    if unknown.is_empty() {
        return Ok((lists, changes));
    }
    let unknown: Vec<&str> = unknown.into_iter().collect();
    Err(ToolError::invalid_input(format!(
        "{} has no container named {}; see get_workloads for those that it has",
        target.entity,
        unknown.join(", ")
    )))
}
