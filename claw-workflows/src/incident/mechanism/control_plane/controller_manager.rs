//! Nobody acts on what workloads are to be.

use claw_k8s::model::{Object, Workload};
use jiff::{SignedDuration, Timestamp};

use super::{entity, with_state};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::Facts;
use crate::incident::mechanism::{Area, Mechanism};

/// Controllers see a change within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// Workloads that are named as evidence.
const MAX_WORKLOADS: usize = 8;
/// Kinds whose controllers note which generation they have seen.
const OBSERVED: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"];

/// Workloads were changed, and their controllers have not seen it.
#[derive(Clone, Copy, Debug)]
pub(in crate::incident::mechanism) struct ControllerManagerUnavailable;

impl Mechanism for ControllerManagerUnavailable {
    fn id(&self) -> &'static str {
        "controller_manager_unavailable"
    }

    fn area(&self) -> Area {
        Area::Platform
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let unseen: Vec<(&Workload, Timestamp)> = facts
            .case
            .objects
            .workloads
            .iter()
            .filter_map(|workload| Some((workload, unseen_since(facts, workload)?)))
            .collect();
        candidate(facts, &unseen).into_iter().collect()
    }
}

/// When a workload was changed of which its controller has not taken notice.
fn unseen_since(facts: &Facts<'_>, workload: &Workload) -> Option<Timestamp> {
    if !OBSERVED.contains(&workload.kind.as_str()) || workload.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let wanted = workload.metadata.generation?;
    // A new object has no status at all until its controller has seen it.
    if workload.status.observed_generation.unwrap_or(0) >= wanted {
        return None;
    }
    let edit = workload.metadata.last_edit().and_then(|edit| edit.time);
    let since = edit.or_else(|| workload.metadata.creation_timestamp.filter(|_| wanted <= 1))?;
    (facts.case.window.end.duration_since(since) >= PATIENCE).then_some(since)
}

fn candidate(facts: &Facts<'_>, unseen: &[(&Workload, Timestamp)]) -> Option<Candidate> {
    let (first, _) = unseen.first()?;
    let since = unseen.iter().map(|(_, since)| *since).min();
    // Controllers that noted something later are there.
    let acted = facts.case.objects.workloads.iter().any(|workload| {
        let edit = workload.metadata.last_edit().and_then(|edit| edit.time);
        let seen = workload.status.observed_generation == workload.metadata.generation
            && workload.metadata.generation.is_some();
        workload.kind == first.kind && seen && edit.zip(since).is_some_and(|(edit, since)| edit > since)
    });
    if acted {
        return None;
    }
    let this = entity(facts, "kube-controller-manager");
    let seen = unseen
        .iter()
        .take(MAX_WORKLOADS)
        .map(|(workload, since)| {
            let statement = format!(
                "is of generation {}, and its controller has seen {}",
                workload.metadata.generation.unwrap_or(0),
                workload.status.observed_generation.unwrap_or(0)
            );
            facts.object(*workload, Some(*since), statement)
        })
        .collect();
    let mut found = Candidate::new(
        "controller_manager_unavailable",
        this,
        match unseen.len().saturating_sub(1) {
            0 => format!(
                "the controllers of the cluster do not act: {} was changed, and nobody took notice",
                first.entity()
            ),
            more => format!(
                "the controllers of the cluster do not act: {} and {more} more were changed, and nobody took notice",
                first.entity()
            ),
        },
    )
    .clue("changes that no controller has seen", 3.2, seen)
    .since(since)
    .hurting(
        unseen
            .iter()
            .map(|(workload, _)| facts.top_of(&workload.entity())),
    )
    .derived(0.1);
    if unseen.len() > 1 {
        found = found.clue("several workloads wait", 1.0, Vec::new());
    }
    let advice = Advice::new(
        "Look at the controller manager: whether it runs, and holds its lease",
        "Rollouts, scaling, endpoints and the replacement of lost pods stand still until it does",
    );
    Some(with_state(facts, "kube-controller-manager", found).advise(advice.command(
        "kubectl -n kube-system get pods -l component=kube-controller-manager; kubectl -n kube-system get lease kube-controller-manager -o yaml",
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ControllerManagerUnavailable;
    use crate::incident::candidate::Candidate;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{at, of};

    fn edited(name: &str, second: i64, generation: i64, observed: i64) -> Value {
        let mut workload = fixture::workload("shop", name, json!([{"name": "app"}]));
        workload["metadata"]["generation"] = json!(generation);
        workload["metadata"]["managedFields"] = json!([{"manager": "kubectl", "time": at(second)}]);
        workload["status"]["observedGeneration"] = json!(observed);
        workload
    }

    fn found(workloads: &[Value]) -> Option<Candidate> {
        of(
            &ControllerManagerUnavailable,
            &fixture::case(json!({"workloads": workloads})),
        )
        .pop()
    }

    #[test]
    fn a_change_that_nobody_saw_tells() {
        assert!(found(&[edited("web", 0, 7, 7)]).is_none());
        // A moment ago.
        assert!(found(&[edited("web", 1790, 8, 7)]).is_none());
        let one = found(&[edited("web", 0, 8, 7)]).unwrap();
        assert_eq!(one.entity.to_string(), "Pod kube-system/kube-controller-manager");
        assert_eq!(one.onset, Some(at(0)));
        let two = found(&[edited("web", 0, 8, 7), edited("api", 60, 3, 2)]).unwrap();
        assert_eq!(fixture::clue(&two, "several workloads wait"), Some(1.0));
    }

    #[test]
    fn controllers_that_saw_something_later_are_there() {
        assert!(found(&[edited("web", 0, 8, 7), edited("api", 300, 3, 3)]).is_none());
        assert!(found(&[edited("web", 0, 8, 7), edited("api", -300, 3, 3)]).is_some());
    }
}
