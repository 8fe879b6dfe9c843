//! What GitOps controllers say about the state that they keep: Argo CD and Flux.

use jiff::Timestamp;

use super::meta::{Condition, Meta, Object, condition};
use super::slim::{objects, slim};

slim! {
    /// An Application of Argo CD.
    pub struct Application {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: ApplicationSpec,
        /// What is.
        pub status: ApplicationStatus,
    }

    /// What an Application shall be.
    pub struct ApplicationSpec {
        /// Project.
        pub project: String,
        /// Where its manifests are.
        pub source: Option<ApplicationSource>,
        /// Where its manifests are, if there are several places.
        pub sources: Vec<ApplicationSource>,
        /// Where it is put.
        pub destination: ApplicationDestination,
    }

    /// Where manifests are.
    pub struct ApplicationSource {
        /// Repository.
        #[serde(rename = "repoURL")]
        pub repo_url: String,
        /// Folder.
        pub path: String,
        /// Chart.
        pub chart: String,
        /// Branch, tag or commit.
        pub target_revision: String,
    }

    /// Where an Application is put.
    pub struct ApplicationDestination {
        /// Cluster by address.
        pub server: String,
        /// Cluster by name.
        pub name: String,
        /// Namespace.
        pub namespace: String,
    }

    /// What an Application is.
    pub struct ApplicationStatus {
        /// Whether the cluster has what the repository has.
        pub sync: SyncStatus,
        /// Whether what the cluster has works.
        pub health: ResourceHealth,
        /// The last sync.
        pub operation_state: Option<OperationState>,
        /// Earlier syncs, oldest first.
        pub history: Vec<RevisionHistory>,
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// When it was last compared.
        pub reconciled_at: Option<Timestamp>,
        /// The objects that it keeps.
        pub resources: Vec<ResourceInventory>,
        /// Images in use.
        pub summary: ApplicationSummary,
    }

    /// Images in use.
    pub struct ApplicationSummary {
        /// The images.
        pub images: Vec<String>,
    }

    /// Whether the cluster has what the repository has.
    pub struct SyncStatus {
        /// `Synced`, `OutOfSync` or `Unknown`.
        pub status: String,
        /// Commit that was compared.
        pub revision: String,
        /// Commits that were compared, if there are several sources.
        pub revisions: Vec<String>,
    }

    /// Whether something works.
    pub struct ResourceHealth {
        /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`.
        pub status: String,
        /// Reason for people.
        pub message: String,
    }

    /// A sync.
    pub struct OperationState {
        /// `Running`, `Succeeded`, `Failed` or `Error`.
        pub phase: String,
        /// Reason for people.
        pub message: String,
        /// Start.
        pub started_at: Option<Timestamp>,
        /// End.
        pub finished_at: Option<Timestamp>,
        /// What came of it.
        pub sync_result: Option<SyncResult>,
    }

    /// What came of a sync.
    pub struct SyncResult {
        /// Commit.
        pub revision: String,
    }

    /// An earlier sync.
    pub struct RevisionHistory {
        /// Number.
        pub id: i64,
        /// Commit.
        pub revision: String,
        /// Commits, if there are several sources.
        pub revisions: Vec<String>,
        /// When it was done.
        pub deployed_at: Option<Timestamp>,
        /// When it was begun.
        pub deploy_started_at: Option<Timestamp>,
        /// Where its manifests were.
        pub source: Option<ApplicationSource>,
        /// Who asked for it.
        pub initiated_by: Initiator,
    }

    /// Who asked for a sync.
    pub struct Initiator {
        /// Person.
        pub username: String,
        /// Whether nobody did.
        pub automated: bool,
    }

    /// An object that an Application keeps.
    pub struct ResourceInventory {
        /// API group.
        pub group: String,
        /// Kind.
        pub kind: String,
        /// Namespace.
        pub namespace: Option<String>,
        /// Name.
        pub name: String,
        /// `Synced` or `OutOfSync`.
        pub status: String,
        /// Whether it works.
        pub health: Option<ResourceHealth>,
    }

    /// A Kustomization or HelmRelease of Flux.
    pub struct Delivery {
        /// Which of them.
        pub kind: String,
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: DeliverySpec,
        /// What is.
        pub status: DeliveryStatus,
    }

    /// What a delivery shall be.
    pub struct DeliverySpec {
        /// Folder of a Kustomization.
        pub path: String,
        /// Source of a Kustomization.
        pub source_ref: Option<SourceReference>,
        /// Chart of a HelmRelease.
        pub chart: Option<serde_json::Value>,
        /// Namespace that objects are put in.
        pub target_namespace: String,
        /// Whether it is held.
        pub suspend: bool,
        /// Time between two looks, as Go writes durations.
        pub interval: String,
    }

    /// A Flux source.
    pub struct SourceReference {
        /// `GitRepository`, `OCIRepository`, `HelmRepository`, `Bucket`.
        pub kind: String,
        /// Name.
        pub name: String,
        /// Namespace.
        pub namespace: Option<String>,
    }

    /// What a delivery is.
    pub struct DeliveryStatus {
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// Revision that is in the cluster.
        pub last_applied_revision: String,
        /// Revision that was tried last.
        pub last_attempted_revision: String,
        /// Releases of a HelmRelease, newest first.
        pub history: Vec<HelmSnapshot>,
        /// Objects of a Kustomization.
        pub inventory: Option<Inventory>,
        /// Failures in a row.
        pub failures: Option<i64>,
        /// Generation that the status speaks about.
        pub observed_generation: Option<i64>,
    }

    /// Objects of a Kustomization.
    pub struct Inventory {
        /// The objects.
        pub entries: Vec<InventoryEntry>,
    }

    /// An object of a Kustomization.
    pub struct InventoryEntry {
        /// `namespace_name_group_kind`.
        pub id: String,
        /// Version.
        pub v: String,
    }

    /// A release of a HelmRelease.
    pub struct HelmSnapshot {
        /// Chart.
        pub chart_name: String,
        /// Version of the chart.
        pub chart_version: String,
        /// Version of the application.
        pub app_version: String,
        /// Number of the release.
        pub version: i64,
        /// `deployed`, `failed`, `superseded`, …
        pub status: String,
        /// When it was first made.
        pub first_deployed: Option<Timestamp>,
        /// When it was last made.
        pub last_deployed: Option<Timestamp>,
        /// Digest of the values.
        pub config_digest: String,
    }
}

objects! { Application => "Application", }

impl Object for Delivery {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn set_kind(&mut self, kind: &str) {
        if self.kind.is_empty() {
            kind.clone_into(&mut self.kind);
        }
    }
}

impl Delivery {
    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition(&self.status.conditions, kind)
    }
}

impl ApplicationSpec {
    /// Where its manifests are, one place or several.
    pub fn all_sources(&self) -> impl Iterator<Item = &ApplicationSource> {
        self.source.iter().chain(&self.sources)
    }
}
