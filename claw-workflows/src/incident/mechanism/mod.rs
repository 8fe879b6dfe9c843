//! The catalogue of mechanisms: ways in which things go wrong.
//!
//! Each mechanism is one file and a pure function from facts to candidates. A mechanism names causes, not symptoms: a
//! container killed for memory is a symptom, a limit that revision 14 lowered is a cause. It gives evidence for and
//! against, and what to do. Ranking (see [`super::rank`]) compares what the mechanisms put forward.

mod application_error;
mod authentication_failed;
mod authorization_policy;
mod autoscaler;
mod brought;
mod cache_eviction;
mod certificate_expired;
mod changed_setting;
mod clock_skew;
mod config_missing;
mod container_start_error;
mod control_plane;
mod cpu_throttling;
mod crash;
mod creation_refused;
mod database_trouble;
mod databases;
mod degradation;
mod dependency_unavailable;
mod disk_full;
mod disruption_budget;
mod dns_unavailable;
mod eviction;
mod finalizer_stuck;
#[cfg(test)]
pub(super) mod fixture;
mod gitops;
mod handles_exhausted;
mod heap_exhausted;
mod image_pull;
mod ingress_backend;
mod init_container_blocked;
mod job;
mod labels;
mod lifecycle_hook_failed;
mod limits;
mod memory_limit;
mod mesh_destination_missing;
mod mtls_mismatch;
pub(super) mod named_hosts;
mod network_policy;
mod new_errors;
mod node_cordoned;
mod node_memory;
mod node_network;
mod node_unhealthy;
mod noisy_neighbour;
pub(super) mod outdated;
mod own_failure;
mod pod_sandbox_failed;
mod pool_exhausted;
mod port_mismatch;
mod preemption;
mod probe_failing;
pub(super) mod probe_kill;
mod process_killed;
mod protocol_mismatch;
mod queue_backlog;
mod rbac_denied;
mod recent_change;
mod retry_storm;
mod rollback;
mod rollout_stalled;
mod route_not_accepted;
mod said;
mod scaled_down;
mod scaling;
mod scheduling_gated;
mod selector_mismatch;
mod service_missing;
#[cfg(test)]
mod tests;
mod traffic_surge;
pub(super) mod unschedulable;
mod volume_mount_failed;
pub(super) mod volume_unavailable;
mod ways_in;
pub(super) mod webhook_unavailable;
mod wording;
mod wrong_address;

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::facts::Facts;
pub(in crate::incident) use image_pull::lacks_login;

/// Part of the system in which a mechanism acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Area {
    /// Between creation and the first instruction of a container.
    PodStart,
    /// Finding a node.
    Scheduling,
    /// While containers run.
    Running,
    /// Between callers and pods.
    Traffic,
    /// What a workload needs of others.
    Dependency,
    /// Controllers and autoscaling.
    Control,
    /// Nodes and the cluster's own services.
    Platform,
    /// The amount of work.
    Load,
}

/// One way in which things go wrong.
pub trait Mechanism: Send + Sync + std::fmt::Debug {
    /// Stable id, as it stands in reports and expectations.
    fn id(&self) -> &'static str;

    /// Ids of which its candidates bear one instead, where it tells several causes apart.
    fn more_ids(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where it acts.
    fn area(&self) -> Area;

    /// The candidates that the facts suggest; none where nothing points to this mechanism.
    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate>;
}

/// All mechanisms, in the order of their ids.
pub fn catalogue() -> Vec<Box<dyn Mechanism>> {
    let mut all: Vec<Box<dyn Mechanism>> = vec![
        Box::new(application_error::ApplicationError),
        Box::new(authentication_failed::AuthenticationFailed),
        Box::new(autoscaler::Autoscaler),
        Box::new(authorization_policy::AuthorizationPolicyDenies),
        Box::new(cache_eviction::CacheEviction),
        Box::new(certificate_expired::CertificateExpired),
        Box::new(changed_setting::ChangedSetting),
        Box::new(clock_skew::ClockSkew),
        Box::new(config_missing::ConfigMissing),
        Box::new(cpu_throttling::CpuThrottling),
        Box::new(control_plane::ApiServerUnavailable),
        Box::new(control_plane::ControllerManagerUnavailable),
        Box::new(control_plane::SchedulerUnavailable),
        Box::new(container_start_error::ContainerStartError),
        Box::new(crash::Crash),
        Box::new(creation_refused::CreationRefused),
        Box::new(database_trouble::DatabaseTrouble),
        Box::new(degradation::Degradation),
        Box::new(dependency_unavailable::DependencyUnavailable),
        Box::new(disk_full::DiskFull),
        Box::new(disruption_budget::DisruptionBudget),
        Box::new(dns_unavailable::DnsUnavailable),
        Box::new(eviction::Eviction),
        Box::new(finalizer_stuck::FinalizerStuck),
        Box::new(gitops::Gitops),
        Box::new(handles_exhausted::HandlesExhausted),
        Box::new(heap_exhausted::HeapExhausted),
        Box::new(process_killed::ProcessKilled),
        Box::new(image_pull::ImagePull),
        Box::new(image_pull::RegistryUnavailable),
        Box::new(ingress_backend::IngressBackend),
        Box::new(job::Jobs),
        Box::new(init_container_blocked::InitContainerBlocked),
        Box::new(lifecycle_hook_failed::LifecycleHookFailed),
        Box::new(memory_limit::MemoryLimit),
        Box::new(mesh_destination_missing::MeshDestinationMissing),
        Box::new(mtls_mismatch::MtlsMismatch),
        Box::new(network_policy::NetworkPolicyBlocks),
        Box::new(new_errors::NewErrors),
        Box::new(node_memory::NodeMemory),
        Box::new(node_network::NodeNetwork),
        Box::new(node_unhealthy::NodeUnhealthy),
        Box::new(noisy_neighbour::NoisyNeighbour),
        Box::new(node_cordoned::NodeCordoned),
        Box::new(own_failure::OwnFailure),
        Box::new(pod_sandbox_failed::PodSandboxFailed),
        Box::new(pool_exhausted::PoolExhausted),
        Box::new(port_mismatch::PortMismatch),
        Box::new(preemption::Preemption),
        Box::new(probe_failing::ProbeFailing),
        Box::new(rollout_stalled::RolloutStalled),
        Box::new(protocol_mismatch::ProtocolMismatch),
        Box::new(queue_backlog::QueueBacklog),
        Box::new(rbac_denied::RbacDenied),
        Box::new(retry_storm::RetryStorm),
        Box::new(route_not_accepted::RouteNotAccepted),
        Box::new(scaled_down::ScaledDown),
        Box::new(scheduling_gated::SchedulingGated),
        Box::new(selector_mismatch::SelectorMismatch),
        Box::new(service_missing::ServiceMissing),
        Box::new(traffic_surge::TrafficSurge),
        Box::new(unschedulable::Unschedulable),
        Box::new(volume_mount_failed::VolumeMountFailed),
        Box::new(volume_unavailable::VolumeUnavailable),
        Box::new(webhook_unavailable::WebhookUnavailable),
        Box::new(wrong_address::WrongAddress),
    ];
    all.sort_by_key(|mechanism| mechanism.id());
    all
}

/// All ids that hypotheses may bear, in order.
pub fn ids() -> BTreeSet<&'static str> {
    catalogue()
        .iter()
        .flat_map(|mechanism| std::iter::once(mechanism.id()).chain(mechanism.more_ids().iter().copied()))
        .collect()
}
