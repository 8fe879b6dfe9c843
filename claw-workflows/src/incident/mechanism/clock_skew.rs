//! Clocks that do not agree.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::evidence::Evidence;
use claw_k8s::model::{Condition, Node, Object as _};
use claw_metrics::logs::indicators::Indicator;
use jiff::Timestamp;

use super::said::{Said, said};
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::degradation;
use crate::incident::facts::{Facts, clip};

/// A signal below this many robust standard deviations is what clocks do on any day.
const NOTABLE: f64 = 5.0;

/// A node's clock is wrong: tokens and certificates of others seem to be issued in the future, and requests too old.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockSkew;

impl Mechanism for ClockSkew {
    fn id(&self) -> &'static str {
        "clock_skew"
    }

    fn area(&self) -> Area {
        Area::Running
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let told = said(facts, |pattern| pattern.indicates(&[Indicator::ClockSkew]));
        let nodes = &facts.case.objects.nodes;
        let mut found: Vec<Candidate> = nodes
            .iter()
            .filter_map(|node| of_node(facts, node, &told))
            .collect();
        if found.is_empty() {
            found.extend(told.iter().map(|said| of_workload(facts, said)));
        }
        found
    }
}

/// A node whose clock is wrong, by its own word, by what was measured, or because who complains runs on it and nowhere else.
fn of_node(facts: &Facts<'_>, node: &Node, told: &[Said<'_>]) -> Option<Candidate> {
    let entity = node.entity();
    let name = node.metadata.name.as_str();
    let here = |pod: &EntityRef| facts.pod(pod).is_some_and(|pod| pod.spec.node_name == name);
    let mut seen: Vec<Evidence> = Vec::new();
    let mut since: Option<Timestamp> = None;
    for condition in node
        .status
        .conditions
        .iter()
        .filter(|condition| speaks_of_clock(condition))
    {
        let statement = format!("{} is True: {}", condition.kind, clip(&condition.message, 200));
        seen.push(facts.object(node, condition.last_transition_time, statement));
        since = since.into_iter().chain(condition.last_transition_time).min();
    }
    let measured = facts
        .case
        .signals
        .iter()
        .filter(|signal| signal.entity == entity && signal.score >= NOTABLE)
        .filter(|signal| measures_clock(&signal.metric));
    for signal in measured.take(4) {
        seen.push(degradation::evidence(signal));
        since = since.into_iter().chain(signal.onset).min();
    }
    let mut hurt: BTreeSet<EntityRef> = BTreeSet::new();
    for said in told {
        let pods = said.pods();
        if pods.iter().any(|pod| here(pod)) {
            hurt.insert(said.workload.clone());
            hurt.extend(said.hurt(facts));
        }
    }
    // Those that complain run here and nowhere else, though their like runs elsewhere and was heard.
    let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in told
        .iter()
        .flat_map(|said| said.pods())
        .filter_map(|pod| facts.pod(pod))
    {
        *by_node.entry(pod.spec.node_name.as_str()).or_default() += 1;
    }
    let silent_elsewhere = told.iter().any(|said| {
        let speaking = said.pods();
        facts.pods_of(&said.workload).iter().any(|pod| {
            let pod_entity = pod.entity();
            pod.spec.node_name != name
                && !speaking.contains(&pod_entity)
                && !facts.logs_of(&pod_entity).is_empty()
        })
    });
    let alone = by_node.len() == 1 && by_node.contains_key(name) && (silent_elsewhere || told.len() > 1);
    let complaints = told.iter().filter(|said| hurt.contains(&said.workload));
    let complaints: Vec<Evidence> = complaints.flat_map(|said| said.evidence(facts)).collect();
    if seen.is_empty() && !alone {
        return None;
    }
    let began = told
        .iter()
        .filter(|said| hurt.contains(&said.workload))
        .filter_map(|said| said.since(facts));
    let since = since.into_iter().chain(began).min();
    let mut candidate = Candidate::new(
        "clock_skew",
        entity.clone(),
        format!("the clock of {entity} is wrong"),
    )
    .since(since)
    .hurting(hurt);
    if !seen.is_empty() {
        candidate = candidate.clue("its clock is off", 2.5, seen);
    }
    if !complaints.is_empty() {
        let only = if alone { 2.5 } else { 1.5 };
        candidate = candidate.clue("who runs there finds times that do not fit", only, complaints);
    }
    Some(
        candidate.advise(
            Advice::new(
                format!("Have {entity} synchronise its clock again, and drain it until it does"),
                "Tokens, certificates and signed requests are refused where clocks disagree",
            )
            .command(format!(
                "kubectl cordon {name}; kubectl debug node/{name} -it --image=busybox -- chroot /host chronyc tracking"
            )),
        ),
    )
}

/// Somebody's clock is wrong, and nothing tells whose.
fn of_workload(facts: &Facts<'_>, said: &Said<'_>) -> Candidate {
    Candidate::new(
        "clock_skew",
        said.workload.clone(),
        format!(
            "the clock where {} runs and that of whom it talks to disagree: {}",
            said.workload,
            clip(said.sample(), 200)
        ),
    )
    .clue("times that do not fit", 2.5, said.evidence(facts))
    .since(said.since(facts))
    .hurting(said.hurt(facts))
    .derived(0.3)
    .unseen("the clocks of the nodes")
    .advise(Advice::new(
        "Compare the clocks of the nodes at both ends",
        "Tokens, certificates and signed requests are refused where clocks disagree",
    ))
}

fn speaks_of_clock(condition: &Condition) -> bool {
    let kind = condition.kind.to_ascii_lowercase();
    condition.is_true()
        && ["ntp", "clock", "chrony", "timesync"]
            .iter()
            .any(|word| kind.contains(word))
}

/// Whether a series tells how far a clock is off, or that nothing sets it. What the kernel does to keep it right, such as the
/// frequency that it is run at, wanders on any day.
fn measures_clock(metric: &str) -> bool {
    let metric = metric.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| metric.contains(word));
    any(&["clock_skew", "clock_offset"])
        || any(&["timex", "ntp_", "chrony"]) && any(&["offset", "sync_status", "skew", "drift"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::log;
    use super::ClockSkew;
    use crate::incident::case::Case;
    use crate::incident::testing::{case, deployment, object, of};

    /// Deployments, each with the node of its pod.
    fn world(pods: &[(&str, &str)]) -> Case {
        let mut case = case();
        for (name, node) in pods {
            let rest = json!({"containers": [{"name": "app"}], "nodeName": node});
            deployment(&mut case, name, rest);
        }
        for name in ["node-1", "node-2"] {
            case.objects.nodes.push(object(
                name,
                json!({"metadata": {"namespace": null}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
            ));
        }
        case
    }

    fn blamed(case: &Case) -> Vec<String> {
        let found = of(&ClockSkew, case);
        found
            .iter()
            .map(|candidate| candidate.entity.to_string())
            .collect()
    }

    #[test]
    fn several_on_one_node_speak_of_its_clock() {
        let mut case = world(&[("cart", "node-2"), ("auth", "node-2"), ("web", "node-1")]);
        log(&mut case, "cart-pod", "jwt: token used before issued");
        assert_eq!(
            blamed(&case),
            ["Deployment shop/cart"],
            "one alone does not tell whose clock"
        );
        log(
            &mut case,
            "auth-pod",
            "RequestTimeTooSkewed: The difference between the request time and the current time is too large",
        );
        assert_eq!(blamed(&case), ["Node node-2"]);
        log(
            &mut case,
            "web-pod",
            "Clock skew too great while getting initial credentials",
        );
        assert_eq!(blamed(&case).len(), 3, "on several nodes it is not the node");
    }

    #[test]
    fn only_what_tells_the_error_of_a_clock_measures_it() {
        for metric in [
            "node_timex_offset_seconds",
            "node_timex_sync_status",
            "ntp_drift_seconds",
        ] {
            assert!(super::measures_clock(metric), "{metric}");
        }
        for metric in [
            "node_timex_frequency_adjustment_ratio",
            "node_timex_tick_seconds",
            "cpu_offset",
        ] {
            assert!(!super::measures_clock(metric), "{metric}");
        }
    }

    #[test]
    fn expired_certificates_are_another_matter() {
        let mut case = world(&[("cart", "node-2")]);
        log(
            &mut case,
            "cart-pod",
            "x509: certificate has expired or is not yet valid: current time 2026-05-01T10:00:00Z is after 2026-05-01T09:00:00Z",
        );
        assert!(blamed(&case).is_empty());
    }
}
