//! One end of a call speaks the mesh's TLS and the other does not.

use claw_core::entity::EntityRef;
use claw_k8s::model::{DynamicObject, LabelSelector, Object, Pod, Workload};
use claw_metrics::logs::indicators::Indicator;
use jiff::Timestamp;

use super::ways_in::text;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::Facts;
use crate::incident::witness;

/// The container that Istio puts into each pod of the mesh, as a container or as a sidecar among the init containers.
const PROXY: &str = "istio-proxy";
/// Where rules for the whole mesh are kept unless somebody sets another place.
const ROOT: &str = "istio-system";

/// A workload accepts mutual TLS only, and somebody calls it who has no proxy to speak it.
#[derive(Clone, Copy, Debug)]
pub(super) struct MtlsMismatch;

impl Mechanism for MtlsMismatch {
    fn id(&self) -> &'static str {
        "mtls_mismatch"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let rules = facts.case.objects.mesh.iter();
        if !rules.clone().any(|rule| rule.kind == "PeerAuthentication") {
            return Vec::new();
        }
        calls(facts)
            .into_iter()
            .filter_map(|(caller, callee)| candidate(facts, &caller, callee))
            .collect()
    }
}

/// Calls between workloads, as configured, measured or complained of.
pub(super) fn calls<'a>(facts: &Facts<'a>) -> Vec<(EntityRef, &'a Workload)> {
    let known = facts.case.calls.iter().map(|call| (&call.caller, &call.callee));
    let told = facts
        .complaints()
        .iter()
        .filter_map(|complaint| match &complaint.target {
            Target::Known(callee) => Some((&complaint.workload, callee)),
            _ => None,
        });
    let mut found: Vec<(EntityRef, &Workload)> = known
        .chain(told)
        .filter_map(|(caller, callee)| {
            let caller = facts.unit_of(caller);
            let callee = facts.workload(&facts.unit_of(callee))?;
            (caller != callee.entity()).then_some((caller, callee))
        })
        .collect();
    found.sort_by_key(|(caller, callee)| (caller.clone(), callee.entity()));
    found.dedup_by(|a, b| a.0 == b.0 && a.1.entity() == b.1.entity());
    found
}

/// Whether a pod has a proxy of the mesh.
pub(super) fn in_mesh(pod: &Pod) -> bool {
    pod.spec
        .containers
        .iter()
        .chain(&pod.spec.init_containers)
        .any(|container| container.name == PROXY)
}

/// The rules of a kind that hold for a workload, the closest first: of itself, of its namespace, of the mesh.
pub(super) fn rules_for<'a>(facts: &Facts<'a>, kind: &str, workload: &Workload) -> Vec<&'a DynamicObject> {
    let closeness = |rule: &DynamicObject| -> Option<u8> {
        let ns = rule.metadata.ns();
        let selector = rule
            .spec
            .get("selector")
            .and_then(|selector| serde_json::from_value::<LabelSelector>(selector.clone()).ok())
            .filter(|selector| !selector.match_labels.is_empty());
        match selector {
            Some(selector) => (ns == workload.metadata.ns()
                && selector.matches(&workload.template().metadata.labels))
            .then_some(0),
            None if ns == workload.metadata.ns() => Some(1),
            None => (ns == ROOT).then_some(2),
        }
    };
    let mut found: Vec<(u8, &DynamicObject)> = facts
        .case
        .objects
        .mesh
        .iter()
        .filter(|rule| rule.kind == kind)
        .filter_map(|rule| Some((closeness(rule)?, rule)))
        .collect();
    found.sort_by_key(|(closeness, rule)| (*closeness, rule.entity()));
    found.into_iter().map(|(_, rule)| rule).collect()
}

/// The rule by which a workload accepts nothing but mutual TLS.
fn strict<'a>(facts: &Facts<'a>, workload: &Workload) -> Option<&'a DynamicObject> {
    let mode = |rule: &DynamicObject| {
        let mode = rule.spec.get("mtls").map(|mtls| text(mtls, "mode").to_owned());
        mode.filter(|mode| !mode.is_empty() && mode != "UNSET")
    };
    let rules = rules_for(facts, "PeerAuthentication", workload);
    let (rule, mode) = rules.into_iter().find_map(|rule| Some((rule, mode(rule)?)))?;
    // Some ports may be left out of it, and which one is called is not known here.
    (mode == "STRICT" && rule.spec.get("portLevelMtls").is_none()).then_some(rule)
}

fn candidate(facts: &Facts<'_>, caller: &EntityRef, callee: &Workload) -> Option<Candidate> {
    let rule = strict(facts, callee)?;
    let to = callee.entity();
    // Only proxies enforce it.
    if !facts.pods_of(&to).iter().any(|pod| in_mesh(pod)) {
        return None;
    }
    let bare: Vec<&Pod> = facts
        .pods_of(caller)
        .iter()
        .copied()
        .filter(|pod| !pod.is_finished() && !in_mesh(pod))
        .collect();
    if bare.is_empty() {
        return None;
    }
    let complaint = complaint(facts, caller, &to);
    let trouble = complaint.and_then(Complaint::since);
    let law = rule.entity();
    let edit = recent_change::before_trouble(facts, &law, trouble, |_| true);
    let started: Option<Timestamp> = bare
        .iter()
        .filter_map(|pod| pod.metadata.creation_timestamp)
        .max();
    let demanded = edit.map(|edit| edit.time).or(rule.metadata.creation_timestamp);
    // Callers that lost their proxy after the rule was there are at fault, otherwise the rule that came over them.
    let lost = demanded
        .zip(started)
        .is_some_and(|(demanded, started)| started > demanded)
        && started.is_some_and(|started| started >= facts.case.window.start);
    let (entity, cause) = if lost {
        let cause =
            format!("{caller} runs without the mesh's proxy, and {to} accepts mutual TLS only ({law})");
        (caller.clone(), cause)
    } else {
        let cause = format!("{law} has {to} accept mutual TLS only, and {caller} has no proxy to speak it");
        (law.clone(), cause)
    };
    let evidence = std::iter::once(facts.object(rule, demanded, "has mutual TLS mode STRICT"))
        .chain(witness::of_pods(
            facts,
            bare.iter()
                .map(|pod| (*pod, None, "has no proxy of the mesh".to_owned())),
            |_| false,
        ))
        .collect();
    let mut found = Candidate::new("mtls_mismatch", entity.clone(), cause)
        .aspect(caller.to_string())
        .clue(
            "mutual TLS is demanded of a caller without a proxy",
            2.0,
            evidence,
        )
        .hurting([caller.clone()]);
    found = match complaint {
        Some(complaint) => found.clue("its connections are cut", 1.8, complaint.evidence(facts)),
        None => found.unseen(format!("whether calls from {caller} to {to} fail")),
    };
    let brought = if lost {
        facts.rollout_before(caller, trouble.or(started), &[])
    } else {
        edit
    };
    found = match brought {
        Some(change) => found
            .clue("changed before", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time)),
        None => found.since(if lost { started } else { demanded }),
    };
    if !lost {
        found = recent_change::doubt_old(facts, &rule.metadata, found);
    }
    let advice = Advice::new(
        format!("Give the pods of {caller} a proxy, or let {to} accept plain text until they have one"),
        "The proxy of the called side closes connections that are not mutual TLS",
    );
    Some(found.advise(advice.command(format!(
        "kubectl -n {} get peerauthentication {} -o yaml",
        rule.metadata.ns(),
        rule.metadata.name
    ))))
}

/// What a caller says whose connections are closed by the other side's proxy.
fn complaint<'f, 'a>(facts: &'f Facts<'a>, caller: &EntityRef, to: &EntityRef) -> Option<&'f Complaint<'a>> {
    facts.complaints().iter().find(|complaint| {
        complaint.workload == *caller
            && complaint.target == Target::Known(to.clone())
            && matches!(
                complaint.kind,
                Indicator::ConnectionReset
                    | Indicator::ConnectionRefused
                    | Indicator::TlsFailure
                    | Indicator::ProtocolMismatch
                    | Indicator::UpstreamError
                    | Indicator::Timeout
            )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::MtlsMismatch;
    use crate::incident::case::Case;
    use crate::incident::testing::of;

    fn case(mode: &str, selector: &Value, caller: &Value) -> Case {
        let proxied = json!([{"name": "app"}, {"name": "istio-proxy"}]);
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "cart", json!([{"name": "app"}])),
            ],
            "pods": [fixture::pod("shop", "web", caller.clone()), fixture::pod("shop", "cart", proxied)],
            "services": [fixture::service("shop", "cart", json!({"port": 80}))],
            "mesh": [{
                "kind": "PeerAuthentication",
                "metadata": {"name": "default", "namespace": "shop", "creationTimestamp": "2026-05-01T09:55:00Z"},
                "spec": {"selector": selector, "mtls": {"mode": mode}},
            }],
        }));
        fixture::call(&mut case, "web", "cart");
        case
    }

    #[test]
    fn a_caller_without_a_proxy_cannot_call_who_demands_mutual_tls() {
        let bare = json!([{"name": "app"}]);
        let count = |mode, selector, caller: &Value| of(&MtlsMismatch, &case(mode, &selector, caller)).len();
        assert_eq!(count("STRICT", Value::Null, &bare), 1);
        assert_eq!(count("PERMISSIVE", Value::Null, &bare), 0);
        assert_eq!(count("STRICT", json!({"matchLabels": {"app": "cart"}}), &bare), 1);
        assert_eq!(
            count("STRICT", json!({"matchLabels": {"app": "other"}}), &bare),
            0
        );
        let proxied = json!([{"name": "app"}, {"name": "istio-proxy"}]);
        assert_eq!(count("STRICT", Value::Null, &proxied), 0);
    }

    #[test]
    fn a_cut_connection_makes_it_surer() {
        let mut case = case("STRICT", &Value::Null, &json!([{"name": "app"}]));
        fixture::log(
            &mut case,
            "web-7d9f8b6c5-x1",
            "Get \"http://cart:80/\": read: connection reset by peer",
        );
        let found = of(&MtlsMismatch, &case);
        assert_eq!(fixture::clue(&found[0], "its connections are cut"), Some(1.8));
        assert_eq!(found[0].entity.kind, "PeerAuthentication");
    }
}
