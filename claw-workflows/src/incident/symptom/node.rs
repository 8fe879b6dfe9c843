//! What is wrong with nodes.

use claw_core::evidence::Severity;
use claw_k8s::model::{Condition, Node, Object};

use super::said;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Conditions of a node that speak of trouble.
pub(super) fn conditions(facts: &Facts<'_>, node: &Node) -> Vec<Symptom> {
    node.status
        .conditions
        .iter()
        .filter(|condition| speaks_of_trouble(condition))
        .map(|condition| {
            let statement = format!(
                "{} is {}{}",
                condition.kind,
                condition.status,
                said(&condition.message)
            );
            Symptom {
                id: if condition.kind == "Ready" {
                    "node.not_ready"
                } else {
                    "node.condition"
                },
                entity: node.entity(),
                severity: if condition.kind == "Ready" {
                    Severity::Critical
                } else {
                    Severity::Warning
                },
                since: condition.last_transition_time,
                evidence: vec![facts.object(node, condition.last_transition_time, statement.clone())],
                statement,
            }
        })
        .collect()
}

/// Whether a condition says that something is wrong. Besides the kubelet, problem detectors and cloud providers set
/// conditions of their own: their names say whether `True` is good news (`NetworkingReady`) or bad (`KernelDeadlock`). One
/// that says neither is no symptom.
fn speaks_of_trouble(condition: &Condition) -> bool {
    const GOOD: [&str; 4] = ["Ready", "Healthy", "Available", "Succeeded"];
    const BAD: [&str; 12] = [
        "Pressure",
        "Unavailable",
        "Problem",
        "Deadlock",
        "Shutdown",
        "Failure",
        "Error",
        "Unhealthy",
        "NotReady",
        "Restart",
        "ReadonlyFilesystem",
        "OutOfDisk",
    ];
    let ends = |words: &[&str]| words.iter().any(|word| condition.kind.ends_with(word));
    if ends(&BAD) || condition.kind.starts_with("Corrupt") || condition.kind.starts_with("Frequent") {
        condition.is_true()
    } else if condition.kind == "Ready" {
        !condition.is_true()
    } else {
        // Whoever sets a condition to `Unknown` does not know, which only the kubelet's own `Ready` makes bad.
        ends(&GOOD) && condition.status == "False"
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, speaks_of_trouble};

    #[test]
    fn positive_and_unknown_conditions_are_no_trouble() {
        for (kind, status, trouble) in [
            ("Ready", "True", false),
            ("Ready", "False", true),
            ("Ready", "Unknown", true),
            ("DiskPressure", "True", true),
            ("DiskPressure", "False", false),
            ("MemoryPressure", "Unknown", false),
            ("NetworkUnavailable", "True", true),
            ("NetworkingReady", "True", false),
            ("NetworkingReady", "False", true),
            ("StorageReady", "Unknown", false),
            ("ContainerRuntimeReady", "True", false),
            ("AcceleratedHardwareReady", "True", false),
            ("KernelDeadlock", "True", true),
            ("ReadonlyFilesystem", "True", true),
            ("FrequentKubeletRestart", "True", true),
            ("CorruptDockerOverlay2", "True", true),
            ("ContainerRuntimeUnhealthy", "True", true),
            ("GpuNotReady", "True", true),
            ("EtcdIsVoter", "True", false),
        ] {
            let condition = Condition {
                kind: kind.to_owned(),
                status: status.to_owned(),
                ..Condition::default()
            };
            assert_eq!(speaks_of_trouble(&condition), trouble, "{kind} is {status}");
        }
    }
}
