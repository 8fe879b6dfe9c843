//! What GitOps controllers do to a cluster, or fail to do.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_k8s::gitops::Delivered;

use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// A delivery that failed (`gitops_sync_failed`): what should be in the cluster is not. And a change by hand that was taken
/// back, because the repository says otherwise (`drift_reverted`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Gitops;

impl Mechanism for Gitops {
    fn id(&self) -> &'static str {
        "gitops"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["gitops_sync_failed", "drift_reverted"]
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let delivered = facts.case.delivered.iter();
        let mut found: Vec<Candidate> = delivered
            .filter_map(|delivered| failed(facts, delivered))
            .collect();
        found.extend(facts.top_workloads().filter_map(|workload| {
            use claw_k8s::model::Object as _;
            reverted(facts, &workload.entity())
        }));
        found
    }
}

fn failed(facts: &Facts<'_>, delivered: &Delivered) -> Option<Candidate> {
    let failure = delivered.failure.as_ref()?;
    let entity = &delivered.entity;
    let recent = failure.since.is_none_or(|since| since >= facts.case.window.start);
    let of_others = failure.reason.starts_with("Dependency");
    let statement = format!(
        "could not be delivered ({}): {}",
        failure.reason,
        clip(&failure.message, 240)
    );
    let mut candidate = Candidate::new(
        "gitops_sync_failed",
        entity.clone(),
        format!("{entity} could not be delivered: {}", clip(&failure.message, 200)),
    )
    .clue(
        "delivery failed",
        if of_others { 1.5 } else { 2.8 },
        vec![facts.delivery_evidence(delivered, failure.since, statement)],
    )
    .since(failure.since)
    .hurting(delivered.keeps.iter().cloned())
    .derived(if of_others { 0.8 } else { 0.2 });
    if !recent {
        candidate = candidate.clue("it has failed for long", -1.0, Vec::new());
    }
    if let Some(change) = recent_change::before_trouble(facts, entity, failure.since, |_| true) {
        candidate = candidate
            .clue(
                "revision that could not be delivered",
                0.5,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    }
    let namespace = entity.namespace.as_deref().unwrap_or("default");
    let source = delivered.sources.first().map_or("its source", String::as_str);
    Some(
        candidate.advise(
            Advice::new(
                format!("Mend what the message names in {source}, and let {entity} be delivered again"),
                "The cluster keeps what it had, in part or as a whole, until a delivery succeeds",
            )
            .command(format!(
                "kubectl -n {namespace} get {} {} -o yaml",
                entity.kind.to_lowercase(),
                entity.name
            )),
        ),
    )
}

/// Two changes of a workload, the second of which takes the first back and is a GitOps controller's.
fn reverted(facts: &Facts<'_>, workload: &EntityRef) -> Option<Candidate> {
    let changes = facts.changes_of(workload);
    let (index, back) = changes.iter().enumerate().rev().find(|(_, change)| {
        change.time >= facts.case.window.start && is_controllers(facts, workload, change)
    })?;
    let by_hand = changes
        .iter()
        .take(index)
        .rev()
        .copied()
        .find(|change| takes_back(back, change))?;
    if is_controllers(facts, workload, by_hand) {
        return None;
    }
    let keeper = facts
        .case
        .delivered
        .iter()
        .find(|delivered| delivered.keeps.contains(workload));
    let who = keeper.map_or_else(
        || {
            back.author
                .clone()
                .unwrap_or_else(|| "a GitOps controller".to_owned())
        },
        |keeper| keeper.entity.to_string(),
    );
    let source = keeper
        .and_then(|keeper| keeper.sources.first())
        .map_or("the repository", String::as_str);
    Some(
        Candidate::new(
            "drift_reverted",
            workload.clone(),
            format!(
                "{who} took back what was changed by hand in {workload}: {}",
                clip(&by_hand.summary, 160)
            ),
        )
        .clue(
            "a change by hand was taken back",
            2.0,
            vec![facts.change_evidence(by_hand), facts.change_evidence(back)],
        )
        .since(Some(back.time))
        .brought_by(Some(&back.reference))
        .derived(0.1)
        .advise(Advice::new(
            format!("Commit the change of {workload} to {source}"),
            "What is changed in the cluster only is taken back at the next comparison with the repository",
        )),
    )
}

/// Whether a GitOps controller made a change: it signed for it, or it keeps the workload and nobody else did.
fn is_controllers(facts: &Facts<'_>, workload: &EntityRef, change: &Change) -> bool {
    match change.author.as_deref().map(str::to_ascii_lowercase) {
        // As which they write; people may have names that begin alike.
        Some(author) => {
            let account = author.rsplit([':', '/']).next().unwrap_or(&author);
            [
                "argocd",
                "argocd-controller",
                "argocd-application-controller",
                "argo-cd",
                "kustomize-controller",
                "helm-controller",
                "flux",
                "fluxcd",
                "gitops",
                "fleet-agent",
                "fleetagent",
            ]
            .contains(&account)
        }
        None => facts
            .case
            .delivered
            .iter()
            .any(|delivered| delivered.keeps.contains(workload)),
    }
}

/// Whether each line of the first difference is a line of the other, the other way round.
fn takes_back(back: &Change, first: &Change) -> bool {
    let turned: Vec<String> = first
        .detail
        .iter()
        .filter_map(|line| {
            let (path, values) = line.split_once(": ")?;
            let (old, new) = values.split_once(" → ")?;
            Some(format!("{path}: {new} → {old}"))
        })
        .collect();
    !turned.is_empty() && turned.iter().all(|line| back.detail.contains(line))
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use claw_k8s::gitops::{Delivered, Failure};
    use serde_json::json;

    use super::Gitops;
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deploy, deployment, of};

    fn cart() -> EntityRef {
        EntityRef::namespaced("Deployment", "shop", "cart")
    }

    fn world(failure: Option<Failure>) -> Case {
        let mut case = case();
        deployment(&mut case, "cart", json!({"containers": [{"name": "app"}]}));
        case.delivered.push(Delivered {
            entity: EntityRef::namespaced("Application", "argocd", "shop"),
            controller: "argocd".to_owned(),
            sources: vec!["https://git.example/shop deploy@main".to_owned()],
            target_namespace: Some("shop".to_owned()),
            revision: "9c41e7b".to_owned(),
            in_sync: Some(failure.is_none()),
            healthy: Some(true),
            suspended: false,
            message: String::new(),
            failure,
            last_delivery: None,
            keeps: vec![cart()],
        });
        case
    }

    fn ids(case: &Case) -> Vec<&'static str> {
        of(&Gitops, case)
            .iter()
            .map(|candidate| candidate.mechanism)
            .collect()
    }

    #[test]
    fn a_delivery_that_failed_hurts_what_it_keeps() {
        let failure = |reason: &str, second: i64| Failure {
            reason: reason.to_owned(),
            message: "one or more objects failed to apply".to_owned(),
            since: Some(at(second)),
        };
        let found = of(&Gitops, &world(Some(failure("SyncError", -60))));
        assert!(found[0].hurts.contains(&cart()));
        let old = of(&Gitops, &world(Some(failure("SyncError", -900_000))));
        let less = found[0].own_score() - old[0].own_score();
        assert!((less - 1.0).abs() < 1e-9, "what failed for long counts for less");
        assert!(of(&Gitops, &world(Some(failure("DependencyNotReady", -60))))[0].derived > 0.5);
        assert!(ids(&world(None)).is_empty());
    }

    #[test]
    fn a_change_by_hand_that_is_taken_back_is_told() {
        let mut case = world(None);
        let change = |reference: &str, second, author: &str, detail: &str| {
            let mut change = deploy(&cart(), reference, second);
            change.author = Some(author.to_owned());
            change.detail = vec![detail.to_owned()];
            change
        };
        let (up, down) = (
            "containers[app].image: a:1 → a:2",
            "containers[app].image: a:2 → a:1",
        );
        case.changes = vec![
            change("hand", -900, "kubectl-edit", up),
            change("sync", -600, "argocd-controller", down),
        ];
        assert_eq!(ids(&case), ["drift_reverted"]);
        // Another change, a person's rollback, and two syncs.
        case.changes[1].detail = vec!["containers[app].image: b:1 → b:2".to_owned()];
        assert!(ids(&case).is_empty());
        case.changes[1] = change("sync", -600, "kubectl-rollout", down);
        assert!(ids(&case).is_empty());
        case.changes = vec![
            change("one", -900, "argocd-controller", up),
            change("two", -600, "argocd-controller", down),
        ];
        assert!(ids(&case).is_empty());
        // A person whose name begins like a controller's, and a sync that takes back a part.
        case.changes = vec![
            change("hand", -900, "kubectl-edit", up),
            change("other", -600, "fleetwood@example.com", down),
        ];
        assert!(ids(&case).is_empty());
        case.changes[1].author =
            Some("system:serviceaccount:argocd:argocd-application-controller".to_owned());
        assert_eq!(ids(&case), ["drift_reverted"]);
        case.changes[0].detail.push("spec.replicas: 2 → 3".to_owned());
        assert!(ids(&case).is_empty());
    }
}
