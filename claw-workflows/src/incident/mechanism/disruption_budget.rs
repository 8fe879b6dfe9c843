//! A disruption budget lets nobody evict its pods.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Node, Object as _, Pod, PodDisruptionBudget};

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// A budget that allows no disruption while a node is to be emptied: drains, upgrades and scale-downs wait for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct DisruptionBudget;

impl Mechanism for DisruptionBudget {
    fn id(&self) -> &'static str {
        "pdb_blocks_eviction"
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let budgets = &facts.case.objects.disruption_budgets;
        budgets
            .iter()
            .filter(|budget| budget.status.disruptions_allowed <= 0 && budget.status.expected_pods > 0)
            .filter_map(|budget| candidate(facts, budget))
            .collect()
    }
}

fn candidate(facts: &Facts<'_>, budget: &PodDisruptionBudget) -> Option<Candidate> {
    let selector = budget.spec.selector.as_ref()?;
    let pods: Vec<&Pod> = facts
        .pods_in(budget.metadata.ns())
        .iter()
        .copied()
        .filter(|pod| !pod.is_finished() && selector.matches(&pod.metadata.labels))
        .collect();
    let emptied: Vec<(&Node, &Pod)> = pods
        .iter()
        .filter_map(|pod| {
            let node = facts.node(&pod.spec.node_name)?;
            node.spec.unschedulable.then_some((node, *pod))
        })
        .collect();
    let told = told(facts, budget, &pods, &emptied);
    if emptied.is_empty() && told.is_empty() {
        return None;
    }
    let status = &budget.status;
    // With all its pods well it allows nothing, and so it never will.
    let never =
        status.current_healthy >= status.expected_pods && status.desired_healthy >= status.expected_pods;
    let entity = budget.entity();
    let since = told.iter().filter_map(|event| event.first_seen()).min();
    let statement = format!(
        "allows no disruption: {} of {} pods are healthy, and {} have to be",
        status.current_healthy, status.expected_pods, status.desired_healthy
    );
    let reason = if never {
        "wants every pod to be there"
    } else {
        "has no healthy pod to spare"
    };
    let mut candidate = Candidate::new(
        "pdb_blocks_eviction",
        entity.clone(),
        format!("{entity} {reason}, so that no pod of it can be moved away from its node"),
    )
    .clue(
        "budget allows no disruption",
        if never { 2.2 } else { 1.2 },
        vec![facts.object(budget, since, statement)],
    )
    .since(since)
    .hurting(pods.iter().map(|pod| facts.workload_of(pod)))
    .hurting(emptied.iter().map(|(node, _)| node.entity()))
    .derived(if never { 0.0 } else { 0.7 });
    if !emptied.is_empty() {
        let seen = emptied.iter().take(4).map(|(node, pod)| {
            let statement = format!("is cordoned, and {} is still there", pod.entity());
            facts.object(*node, None, statement)
        });
        candidate = candidate.clue("a node that is to be emptied holds its pods", 1.2, seen.collect());
    }
    if !told.is_empty() {
        let seen = witness::of_events(facts, told);
        candidate = candidate.clue("an eviction was refused for a budget", 2.0, seen);
    }
    let namespace = budget.metadata.ns();
    Some(candidate.advise(if never {
        Advice::new(
            format!("Run one replica more than {entity} wants, or let it allow one to be missing"),
            "A budget that wants every pod can never let one go",
        )
        .command(format!(
            "kubectl -n {namespace} patch pdb {} --type merge -p '{{\"spec\":{{\"minAvailable\":null,\"maxUnavailable\":1}}}}'",
            budget.metadata.name
        ))
    } else {
        Advice::new(
            format!("Bring the unhealthy pods of {entity} back first"),
            "The budget lets pods go again when enough others are healthy",
        )
        .command(format!("kubectl -n {namespace} describe pdb {}", budget.metadata.name))
    }))
}

/// Events that say that an eviction was refused, where they name the budget, or are about its pods or their node.
fn told<'a>(
    facts: &Facts<'a>,
    budget: &PodDisruptionBudget,
    pods: &[&Pod],
    emptied: &[(&Node, &Pod)],
) -> Vec<&'a Event> {
    let events = facts.case.objects.events.iter();
    events
        .filter(|event| {
            event
                .last_seen()
                .is_none_or(|time| time >= facts.case.window.start)
        })
        .filter(|event| {
            let text = event.message.to_lowercase();
            ["disruption budget", "poddisruptionbudget", "pdb "]
                .iter()
                .any(|words| text.contains(words))
        })
        .filter(|event| {
            let about: EntityRef = event.about();
            let named = clip(&event.message, 4000)
                .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')))
                .any(|word| word.trim_end_matches('.') == budget.metadata.name);
            named
                || about == budget.entity()
                || pods.iter().any(|pod| pod.entity() == about)
                || emptied.iter().any(|(node, _)| node.entity() == about)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::DisruptionBudget;
    use crate::incident::case::Case;
    use crate::incident::testing::{case, deployment, event, object, of};

    fn world(cordoned: bool, healthy: i64, desired: i64) -> Case {
        let mut case = case();
        let rest = json!({"containers": [{"name": "app"}], "nodeName": "node-1"});
        deployment(&mut case, "cart", rest);
        case.objects.nodes.push(object(
            "node-1",
            json!({"metadata": {"namespace": null}, "spec": {"unschedulable": cordoned}}),
        ));
        case.objects.disruption_budgets.push(object(
            "cart",
            json!({
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "cart"}}},
                "status": {
                    "disruptionsAllowed": 0, "expectedPods": 1,
                    "currentHealthy": healthy, "desiredHealthy": desired,
                },
            }),
        ));
        case
    }

    #[test]
    fn a_budget_matters_where_somebody_wants_to_evict() {
        assert!(of(&DisruptionBudget, &world(false, 1, 1)).is_empty());
        let found = of(&DisruptionBudget, &world(true, 1, 1));
        assert_eq!(found[0].entity.to_string(), "PodDisruptionBudget shop/cart");
        assert_eq!(found[0].derived, 0.0);
        // With an unhealthy pod that is the reason.
        assert!(of(&DisruptionBudget, &world(true, 0, 1))[0].derived > 0.5);
        let mut told = world(false, 1, 1);
        event(
            &mut told,
            "Node",
            "node-1",
            "ScaleDownFailed",
            "failed to drain the node: Cannot evict pod as it would violate the pod's disruption budget. The disruption budget cart needs 1 healthy pods and has 1 currently",
            -60,
        );
        assert_eq!(of(&DisruptionBudget, &told).len(), 1);
    }
}
