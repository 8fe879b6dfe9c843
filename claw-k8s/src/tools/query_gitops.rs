//! `query_gitops`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::change::Change;
use claw_core::report::Gap;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{Reading, list_served, wanted};
use crate::cluster::{Cluster, Resource};
use crate::gitops::{Delivered, application, changes_of_application, changes_of_delivery, delivery};
use crate::model::{Application, Delivery};

/// Which GitOps objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryGitopsInput {
    /// Only what delivers to this namespace, or lives in it; all when left out.
    #[serde(default)]
    pub namespace: Option<String>,
    /// One Application, Kustomization or HelmRelease by name; all when left out.
    #[serde(default)]
    pub app: Option<String>,
}

/// What GitOps controllers keep, and what they delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryGitopsOutput {
    /// Controllers that the cluster serves: `argocd`, `flux`.
    pub controllers: Vec<String>,
    /// Applications, Kustomizations and HelmReleases, by namespace and name.
    pub delivered: Vec<Delivered>,
    /// What they delivered, oldest first.
    pub changes: Vec<Change>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
}

/// Asks Argo CD and Flux, through their objects in the cluster.
#[derive(Clone, Debug)]
pub struct QueryGitops {
    cluster: Cluster,
}

impl QueryGitops {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[async_trait]
impl Tool for QueryGitops {
    const NAME: &'static str = "query_gitops";
    const EFFECT: Effect = Effect::Read;
    type Input = QueryGitopsInput;
    type Output = QueryGitopsOutput;

    fn description(&self) -> &str {
        "Ask Argo CD and Flux what they delivered, when, from which commit, and whether they are in sync"
    }

    fn access(&self) -> Access {
        let verbs = &["get", "list", "watch"];
        Access::none()
            .uses("argoproj.io", "applications", verbs)
            .everywhere()
            .uses("kustomize.toolkit.fluxcd.io", "kustomizations", verbs)
            .everywhere()
            .uses("helm.toolkit.fluxcd.io", "helmreleases", verbs)
            .everywhere()
    }

    async fn call(&self, cx: &ToolContext, input: QueryGitopsInput) -> Result<QueryGitopsOutput, ToolError> {
        let discovery = self.cluster.discovery(cx).await?;
        // They live in namespaces of their own and deliver to others.
        let (apps, customs, releases) = (
            Resource::APPLICATIONS,
            Resource::KUSTOMIZATIONS,
            Resource::HELM_RELEASES,
        );
        let (found_apps, found_customs, found_releases) = futures::join!(
            list_served::<Application>(&self.cluster, cx, &discovery, &apps, None),
            list_served::<Delivery>(&self.cluster, cx, &discovery, &customs, None),
            list_served::<Delivery>(&self.cluster, cx, &discovery, &releases, None),
        );
        let mut controllers = Vec::new();
        if found_apps.is_some() {
            controllers.push("argocd".to_owned());
        }
        if found_customs.is_some() || found_releases.is_some() {
            controllers.push("flux".to_owned());
        }
        let mut reading = Reading::default();
        let applications = reading.take_served(&apps, found_apps);
        let mut deliveries = reading.take_served(&customs, found_customs);
        deliveries.extend(reading.take_served(&releases, found_releases));

        let namespace = wanted(input.namespace.as_deref());
        let app = wanted(input.app.as_deref());
        let asked = |delivered: &Delivered| {
            app.is_none_or(|app| delivered.entity.name == app)
                && namespace.is_none_or(|namespace| touches(delivered, namespace))
        };
        let mut delivered = Vec::new();
        let mut changes = Vec::new();
        for one in &applications {
            let state = application(one);
            if asked(&state) {
                changes.extend(changes_of_application(one));
                delivered.push(state);
            }
        }
        for one in &deliveries {
            let state = delivery(one);
            if asked(&state) {
                changes.extend(changes_of_delivery(one));
                delivered.push(state);
            }
        }
        delivered.sort_by(|a, b| a.entity.cmp(&b.entity));
        changes.sort_by(|a, b| (a.time, &a.reference).cmp(&(b.time, &b.reference)));
        Ok(QueryGitopsOutput {
            controllers,
            delivered,
            changes,
            gaps: reading.gaps()?,
        })
    }
}

fn touches(delivered: &Delivered, namespace: &str) -> bool {
    delivered.entity.namespace.as_deref() == Some(namespace)
        || delivered.target_namespace.as_deref() == Some(namespace)
        || delivered
            .keeps
            .iter()
            .any(|kept| kept.namespace.as_deref() == Some(namespace))
}
