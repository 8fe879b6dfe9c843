//! The cluster's own components: what shows that one of them does not do its work.
//!
//! Their pods lie in a namespace that is often not read, and in managed clusters nowhere at all. What stopped happening
//! tells: pods that no scheduler speaks of, changes that no controller sees, requests that the API server leaves unanswered.

mod api_server;
mod controller_manager;
mod scheduler;

pub(super) use api_server::ApiServerUnavailable;
pub(super) use controller_manager::ControllerManagerUnavailable;
pub(super) use scheduler::{SchedulerUnavailable, last_placed};

use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Pod};

use crate::incident::candidate::Candidate;
use crate::incident::facts::Facts;

/// Where the components of a cluster run that runs its own.
const NAMESPACE: &str = "kube-system";

/// The pods of a component that run or are to run, where its namespace was read. Installers label them with its name, some with
/// a word behind it; the kubelets that run them from files name them after their node. Others may have a name that begins
/// alike.
fn pods_of<'a>(facts: &Facts<'a>, component: &str) -> Vec<&'a Pod> {
    facts
        .pods()
        .filter(|pod| pod.metadata.ns() == NAMESPACE && !pod.is_finished())
        .filter(|pod| {
            let labelled = ["component", "k8s-app", "app.kubernetes.io/name"]
                .iter()
                .any(|label| {
                    pod.metadata
                        .labels
                        .get(*label)
                        .is_some_and(|value| is_label_of(value, component))
                });
            let of_file = pod
                .metadata
                .controller()
                .is_some_and(|owner| owner.kind == "Node");
            let rest = pod.metadata.name.strip_prefix(component);
            labelled || of_file && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
        .collect()
}

/// Whether a label is that of a component. What backs it up or watches it is called after it, too.
fn is_label_of(value: &str, component: &str) -> bool {
    let rest = value.strip_prefix(component);
    rest.is_some_and(|rest| rest.is_empty() || rest == "-server" || rest.starts_with("-manager"))
}

/// The component as an entity: the pod of it that is in trouble, or the first, or the name that it would have.
fn entity(facts: &Facts<'_>, component: &str) -> EntityRef {
    let pods = pods_of(facts, component);
    let worst = pods.iter().find(|pod| !pod.is_ready()).or(pods.first());
    worst.map_or_else(
        || EntityRef::namespaced("Pod", NAMESPACE, component),
        |pod| facts.workload_of(pod),
    )
}

/// Adds what the component's pods show of themselves.
fn with_state(facts: &Facts<'_>, component: &str, found: Candidate) -> Candidate {
    let pods = pods_of(facts, component);
    let down: Vec<&&Pod> = pods.iter().filter(|pod| !pod.is_ready()).collect();
    match (down.first(), pods.is_empty()) {
        (_, true) => found.unseen(format!("the pods of {component}")),
        (Some(pod), _) => {
            let statement = format!(
                "is not ready, like {} of {} pods of {component}",
                down.len(),
                pods.len()
            );
            let mut seen = vec![facts.object(**pod, None, statement)];
            let events = facts
                .events_of(&pod.entity())
                .iter()
                .rev()
                .filter(|event| event.is_warning());
            seen.extend(events.take(3).map(|event| facts.event_evidence(event)));
            found.clue("its pods are not ready", 1.8, seen)
        }
        (None, _) => found.clue("its pods are ready", -0.7, Vec::new()),
    }
}
