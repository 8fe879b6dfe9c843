//! Everything that makes pods.

use jiff::Timestamp;

use super::container::IntOrString;
use super::meta::{Condition, Meta, Object, ObjectReference, condition};
use super::pod::PodTemplate;
use super::selector::LabelSelector;
use super::slim::slim;
use super::storage::ClaimTemplate;

slim! {
    /// A Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job or CronJob.
    pub struct Workload {
        /// Which of them.
        pub kind: String,
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: WorkloadSpec,
        /// What is.
        pub status: WorkloadStatus,
    }

    /// What a workload shall be. Each kind uses some of the fields.
    pub struct WorkloadSpec {
        /// Pods wanted; 1 where absent. Not for DaemonSets, Jobs and CronJobs.
        pub replicas: Option<i32>,
        /// Its pods. A Job has one that the API server makes.
        pub selector: Option<LabelSelector>,
        /// What pods are made from. A CronJob keeps it in its job template.
        pub template: PodTemplate,
        /// How a Deployment moves to a new revision.
        pub strategy: Option<Strategy>,
        /// How a StatefulSet or DaemonSet moves to a new revision.
        pub update_strategy: Option<Strategy>,
        /// Whether rollouts are held.
        pub paused: bool,
        /// Seconds without progress after which a rollout has failed; 600 where absent.
        pub progress_deadline_seconds: Option<i32>,
        /// Seconds that a pod must be ready to count as available.
        pub min_ready_seconds: Option<i32>,
        /// Old ReplicaSets or ControllerRevisions that are kept.
        pub revision_history_limit: Option<i32>,
        /// Headless Service that gives the pods of a StatefulSet their names.
        pub service_name: String,
        /// `OrderedReady` or `Parallel`.
        pub pod_management_policy: String,
        /// Claims made for each pod of a StatefulSet.
        pub volume_claim_templates: Vec<ClaimTemplate>,
        /// Pods that a Job runs at the same time.
        pub parallelism: Option<i32>,
        /// Pods of a Job that must succeed.
        pub completions: Option<i32>,
        /// Failures after which a Job has failed; 6 where absent.
        pub backoff_limit: Option<i32>,
        /// Seconds after which a Job has failed.
        pub active_deadline_seconds: Option<i64>,
        /// Seconds after which a finished Job is removed.
        pub ttl_seconds_after_finished: Option<i32>,
        /// Whether a Job or CronJob is held.
        pub suspend: bool,
        /// When a CronJob starts its Jobs.
        pub schedule: String,
        /// Zone of the schedule.
        pub time_zone: String,
        /// Seconds that a CronJob may start a Job late.
        pub starting_deadline_seconds: Option<i64>,
        /// `Allow`, `Forbid` or `Replace`.
        pub concurrency_policy: String,
        /// What a CronJob makes its Jobs from.
        pub job_template: Option<Box<JobTemplate>>,
    }

    /// What a CronJob makes its Jobs from.
    pub struct JobTemplate {
        /// Labels and annotations of the Jobs.
        pub metadata: Meta,
        /// Spec of the Jobs.
        pub spec: Box<WorkloadSpec>,
    }

    /// How a workload moves to a new revision.
    pub struct Strategy {
        /// `RollingUpdate`, `Recreate` or `OnDelete`.
        #[serde(rename = "type")]
        pub kind: String,
        /// Bounds of a rolling update.
        pub rolling_update: Option<RollingUpdate>,
    }

    /// Bounds of a rolling update.
    pub struct RollingUpdate {
        /// Pods that may be missing.
        pub max_unavailable: Option<IntOrString>,
        /// Pods that may be too many.
        pub max_surge: Option<IntOrString>,
        /// Ordinal from which a StatefulSet is updated.
        pub partition: Option<i32>,
    }

    /// What a workload is. Each kind uses some of the fields.
    pub struct WorkloadStatus {
        /// Generation that the status speaks about.
        pub observed_generation: Option<i64>,
        /// Pods that exist.
        pub replicas: Option<i32>,
        /// Pods that are ready.
        pub ready_replicas: Option<i32>,
        /// Pods of the newest revision.
        pub updated_replicas: Option<i32>,
        /// Pods that are available.
        pub available_replicas: Option<i32>,
        /// Pods that are missing.
        pub unavailable_replicas: Option<i32>,
        /// Pods of the current revision of a StatefulSet.
        pub current_replicas: Option<i32>,
        /// Name of the revision that a StatefulSet comes from.
        pub current_revision: String,
        /// Name of the revision that a StatefulSet goes to.
        pub update_revision: String,
        /// Nodes that shall run a DaemonSet's pod.
        pub desired_number_scheduled: Option<i32>,
        /// Nodes that do.
        pub current_number_scheduled: Option<i32>,
        /// Nodes that do and should not.
        pub number_misscheduled: Option<i32>,
        /// Nodes whose pod is ready.
        pub number_ready: Option<i32>,
        /// Nodes whose pod is available.
        pub number_available: Option<i32>,
        /// Nodes whose pod is not available.
        pub number_unavailable: Option<i32>,
        /// Nodes whose pod is of the newest revision.
        pub updated_number_scheduled: Option<i32>,
        /// Running pods of a Job, or the running Jobs of a CronJob.
        pub active: Active,
        /// Pods of a Job that succeeded.
        pub succeeded: Option<i32>,
        /// Pods of a Job that failed.
        pub failed: Option<i32>,
        /// When a Job started.
        pub start_time: Option<Timestamp>,
        /// When a Job was done.
        pub completion_time: Option<Timestamp>,
        /// When a CronJob last started a Job.
        pub last_schedule_time: Option<Timestamp>,
        /// When a CronJob's Job last succeeded.
        pub last_successful_time: Option<Timestamp>,
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// Collisions of the hash that names revisions.
        pub collision_count: Option<i32>,
    }
}

/// Running pods of a Job, or running Jobs of a CronJob.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Active {
    /// Pods.
    Pods(i32),
    /// Jobs.
    Jobs(Vec<ObjectReference>),
}

impl Default for Active {
    fn default() -> Self {
        Self::Pods(0)
    }
}

impl Active {
    /// How many.
    pub fn count(&self) -> usize {
        match self {
            Self::Pods(count) => usize::try_from(*count).unwrap_or(0),
            Self::Jobs(jobs) => jobs.len(),
        }
    }
}

impl Object for Workload {
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

impl Workload {
    /// What its pods are made from.
    pub fn template(&self) -> &PodTemplate {
        self.spec
            .job_template
            .as_ref()
            .map_or(&self.spec.template, |job| &job.spec.template)
    }

    /// Pods wanted. `None` for CronJobs, and for DaemonSets whose status is not known yet.
    pub fn desired(&self) -> Option<i32> {
        match self.kind.as_str() {
            "DaemonSet" => self.status.desired_number_scheduled,
            "CronJob" => None,
            "Job" => Some(self.spec.parallelism.unwrap_or(1)),
            _ => Some(self.spec.replicas.unwrap_or(1)),
        }
    }

    /// Pods ready.
    pub fn ready(&self) -> i32 {
        self.status
            .number_ready
            .or(self.status.ready_replicas)
            .unwrap_or(0)
    }

    /// Pods available.
    pub fn available(&self) -> i32 {
        self.status
            .number_available
            .or(self.status.available_replicas)
            .unwrap_or(0)
    }

    /// Pods of the newest revision.
    pub fn updated(&self) -> i32 {
        self.status
            .updated_number_scheduled
            .or(self.status.updated_replicas)
            .unwrap_or(0)
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        condition(&self.status.conditions, kind)
    }

    /// The revision in the Deployment annotation, on Deployments and their ReplicaSets.
    pub fn revision(&self) -> Option<i64> {
        self.metadata.annotations.get(REVISION)?.parse().ok()
    }
}

/// Annotation in which Deployments number their revisions.
pub const REVISION: &str = "deployment.kubernetes.io/revision";

slim! {
    /// A stored revision of a StatefulSet or DaemonSet.
    pub struct ControllerRevision {
        /// Metadata.
        pub metadata: Meta,
        /// Number of the revision.
        pub revision: i64,
        /// The patch that makes the revision; its pod template is read.
        pub data: RevisionData,
    }

    /// The part of a revision's patch that is read.
    pub struct RevisionData {
        /// Spec of the workload in that revision.
        pub spec: RevisionSpec,
    }

    /// Spec of a workload in a revision.
    pub struct RevisionSpec {
        /// What pods were made from.
        pub template: PodTemplate,
    }
}

super::slim::objects! { ControllerRevision => "ControllerRevision", }
