//! The catalogue of mechanisms: ways in which things go wrong.
//!
//! Each mechanism is one file and a pure function from facts to candidates. A mechanism names causes, not symptoms: a
//! container killed for memory is a symptom, a limit that revision 14 lowered is a cause. It gives evidence for and
//! against, and what to do. Ranking (see [`super::rank`]) compares what the mechanisms put forward.

mod authentication_failed;
mod certificate_expired;
mod config_missing;
mod crash;
mod creation_refused;
mod degradation;
mod dependency_unavailable;
mod dns_unavailable;
#[cfg(test)]
mod fixture;
mod image_pull;
mod ingress_backend;
mod memory_limit;
mod network_policy;
mod node_unhealthy;
mod pool_exhausted;
mod port_mismatch;
mod probe_failing;
mod recent_change;
mod rollback;
mod selector_mismatch;
mod unschedulable;
mod volume_unavailable;
mod wrong_address;

use super::candidate::Candidate;
use super::facts::Facts;

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

    /// Where it acts.
    fn area(&self) -> Area;

    /// The candidates that the facts suggest; none where nothing points to this mechanism.
    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate>;
}

/// All mechanisms, in the order of their ids.
pub fn catalogue() -> Vec<Box<dyn Mechanism>> {
    let mut all: Vec<Box<dyn Mechanism>> = vec![
        Box::new(authentication_failed::AuthenticationFailed),
        Box::new(certificate_expired::CertificateExpired),
        Box::new(config_missing::ConfigMissing),
        Box::new(crash::Crash),
        Box::new(creation_refused::CreationRefused),
        Box::new(degradation::Degradation),
        Box::new(dependency_unavailable::DependencyUnavailable),
        Box::new(dns_unavailable::DnsUnavailable),
        Box::new(image_pull::ImagePull),
        Box::new(ingress_backend::IngressBackend),
        Box::new(memory_limit::MemoryLimit),
        Box::new(network_policy::NetworkPolicyBlocks),
        Box::new(node_unhealthy::NodeUnhealthy),
        Box::new(pool_exhausted::PoolExhausted),
        Box::new(port_mismatch::PortMismatch),
        Box::new(probe_failing::ProbeFailing),
        Box::new(selector_mismatch::SelectorMismatch),
        Box::new(unschedulable::Unschedulable),
        Box::new(volume_unavailable::VolumeUnavailable),
        Box::new(wrong_address::WrongAddress),
    ];
    all.sort_by_key(|mechanism| mechanism.id());
    all
}
