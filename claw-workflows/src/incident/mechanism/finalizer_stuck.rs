//! The deletion of an object waits for something that does not come.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::evidence::{Evidence, Source};
use claw_k8s::model::{Condition, Namespace, Object as _};
use jiff::Timestamp;

use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::deletion::{self, Stuck};
use crate::incident::facts::{Facts, clip};

/// Finalizers that nobody removes: the controller that should is gone or fails. A namespace waits for what is in it, or for
/// an API whose server does not answer (`apiservice_unavailable`): what may be in it cannot be known then.
#[derive(Clone, Copy, Debug)]
pub(super) struct FinalizerStuck;

impl Mechanism for FinalizerStuck {
    fn id(&self) -> &'static str {
        "finalizer_stuck"
    }

    fn more_ids(&self) -> &'static [&'static str] {
        &["apiservice_unavailable"]
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = deletion::stuck(facts)
            .iter()
            .filter(|stuck| stuck.entity.kind != "Namespace")
            .filter_map(|stuck| object(facts, stuck))
            .collect();
        found.extend(namespaces(facts));
        found
            .into_iter()
            .map(|candidate| long_ago(facts, candidate))
            .collect()
    }
}

/// What has not gone away for long hurts little.
fn long_ago(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let old = candidate
        .onset
        .is_some_and(|since| since < facts.case.window.start);
    if old && !facts.case.subject.contains(&candidate.entity) {
        candidate.clue("it has been so for long", -1.5, Vec::new())
    } else {
        candidate
    }
}

fn object(facts: &Facts<'_>, stuck: &Stuck<'_>) -> Option<Candidate> {
    let Stuck { entity, meta, since } = stuck;
    if meta.finalizers.is_empty() {
        // A pod without finalizers waits for its kubelet: that is the node's trouble.
        return None;
    }
    let names = meta.finalizers.join(", ");
    let user = facts.pods().find(|pod| {
        let mut volumes = pod.spec.volumes.iter();
        entity.kind == "PersistentVolumeClaim"
            && entity.namespace == pod.metadata.namespace
            && !pod.is_finished()
            && volumes.any(|volume| {
                volume
                    .persistent_volume_claim
                    .as_ref()
                    .is_some_and(|claim| claim.claim_name == entity.name)
            })
    });
    let statement = format!("is being deleted since {since} and waits for {names}");
    let raw = serde_json::to_vec(meta).unwrap_or_default();
    let seen = Evidence::new(
        entity.clone(),
        Some(*since),
        statement,
        Source::object(entity),
        "get_dependencies",
        &raw,
    );
    let mut candidate = Candidate::new(
        "finalizer_stuck",
        entity.clone(),
        match user {
            Some(pod) => format!("{entity} cannot be deleted while {} uses it", pod.entity()),
            None => format!("{entity} cannot be deleted: nobody removes its finalizer {names}"),
        },
    )
    .clue("deletion waits for a finalizer", 2.8, vec![seen])
    .since(Some(*since))
    .derived(0.1);
    if let Some(pod) = user {
        let statement = format!("uses {entity}");
        candidate = candidate.clue(
            "it is still used",
            0.5,
            vec![facts.object(pod, pod.status.start_time, statement)],
        );
    }
    let command = match (&entity.namespace, entity.kind.to_lowercase()) {
        (Some(namespace), kind) => format!("kubectl -n {namespace} get {kind} {} -o yaml", entity.name),
        (None, kind) => format!("kubectl get {kind} {} -o yaml", entity.name),
    };
    Some(
        candidate.advise(
            Advice::new(
                match user {
                    Some(pod) => format!("Delete {} first, or leave {entity} be", pod.entity()),
                    None => format!("Bring the controller back that removes {names}"),
                },
                "Whoever set a finalizer removes it when it has cleaned up; removed by hand, that is left undone",
            )
            .command(command),
        ),
    )
}

/// Namespaces by what their controller says that they wait for. An API that does not answer keeps all of them.
fn namespaces(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut unanswered: BTreeMap<String, Vec<(&Namespace, &Condition)>> = BTreeMap::new();
    let mut found = Vec::new();
    for namespace in facts.case.objects.namespaces.iter().filter(|namespace| {
        namespace.status.phase == "Terminating" || namespace.metadata.deletion_timestamp.is_some()
    }) {
        let conditions = namespace
            .status
            .conditions
            .iter()
            .filter(|condition| condition.is_true());
        let mut why: Vec<&Condition> = Vec::new();
        for condition in conditions {
            match condition.kind.as_str() {
                "NamespaceDeletionDiscoveryFailure" => {
                    for api in apis(&condition.message) {
                        unanswered.entry(api).or_default().push((namespace, condition));
                    }
                }
                "NamespaceFinalizersRemaining" | "NamespaceDeletionContentFailure" => why.push(condition),
                _ => {}
            }
        }
        if !why.is_empty() {
            found.push(of_namespace(facts, namespace, &why));
        }
    }
    found.extend(
        unanswered
            .iter()
            .map(|(api, waiting)| of_api(facts, api, waiting)),
    );
    found
}

fn of_namespace(facts: &Facts<'_>, namespace: &Namespace, why: &[&Condition]) -> Candidate {
    let entity = namespace.entity();
    let told: Vec<String> = why
        .iter()
        .map(|condition| clip(&condition.message, 200))
        .collect();
    let since = namespace.metadata.deletion_timestamp.or_else(|| {
        why.iter()
            .filter_map(|condition| condition.last_transition_time)
            .min()
    });
    let statement = format!("is terminating: {}", told.join("; "));
    Candidate::new(
        "finalizer_stuck",
        entity.clone(),
        format!("{entity} cannot be deleted: {}", told.join("; ")),
    )
    .clue("namespace waits for what is in it", 3.0, vec![facts.object(namespace, since, statement)])
    .since(since)
    .hurting(inside(facts, &namespace.metadata.name))
    .derived(0.2)
    .advise(
        Advice::new(
            format!("See what is left in {entity}, and bring the controllers back whose finalizers its conditions name"),
            "Nothing can be made in a namespace that is being deleted, and it goes when it is empty",
        )
        .command(format!(
            "kubectl api-resources --verbs=list --namespaced -o name | xargs -n 1 kubectl get --ignore-not-found -n {}",
            namespace.metadata.name
        )),
    )
}

fn of_api(facts: &Facts<'_>, api: &str, waiting: &[(&Namespace, &Condition)]) -> Candidate {
    // `metrics.k8s.io/v1beta1` is served as `v1beta1.metrics.k8s.io`.
    let name = match api.split_once('/') {
        Some((group, version)) => format!("{version}.{group}"),
        None => api.to_owned(),
    };
    let entity = EntityRef::cluster("APIService", name);
    let times = waiting
        .iter()
        .filter_map(|(_, condition)| condition.last_transition_time);
    let since: Option<Timestamp> = times.min();
    let seen = waiting.iter().take(8).map(|(namespace, condition)| {
        let statement = format!("cannot be deleted: {}", clip(&condition.message, 200));
        facts.object(*namespace, condition.last_transition_time, statement)
    });
    Candidate::new(
        "apiservice_unavailable",
        entity.clone(),
        format!("nobody answers for the API {api}, so that namespaces cannot be deleted"),
    )
    .clue("API cannot be discovered", 3.5, seen.collect())
    .since(since)
    .hurting(waiting.iter().map(|(namespace, _)| namespace.entity()))
    .derived(0.3)
    .advise(
        Advice::new(
            format!("Bring the server behind {entity} back, or delete {entity} if it is gone for good"),
            "Nobody can tell what is in a namespace while an API does not answer",
        )
        .command(format!("kubectl get apiservice {} -o yaml", entity.name)),
    )
}

/// The group and version of each API that a message names.
fn apis(message: &str) -> Vec<String> {
    let words = message.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '[' | ']' | '"'));
    let mut found: Vec<String> = words
        .map(|word| word.trim_end_matches([':', '.']))
        .filter(|word| {
            word.split_once('/').is_some_and(|(group, version)| {
                let mut rest = version.bytes();
                group.contains('.')
                    && rest.next() == Some(b'v')
                    && rest.next().is_some_and(|byte| byte.is_ascii_digit())
                    && !version.contains('/')
            })
        })
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The workloads of a namespace.
fn inside(facts: &Facts<'_>, namespace: &str) -> Vec<EntityRef> {
    let workloads = facts
        .top_workloads()
        .filter(|workload| workload.metadata.ns() == namespace);
    workloads.map(|workload| workload.entity()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FinalizerStuck, apis};
    use crate::incident::case::Case;
    use crate::incident::testing::{at, case, deployment, object, of};

    fn blamed(case: &Case) -> Vec<String> {
        let found = of(&FinalizerStuck, case);
        found
            .iter()
            .map(|candidate| format!("{} {}", candidate.mechanism, candidate.entity))
            .collect()
    }

    fn claim(deleted: i64) -> Case {
        let mut case = case();
        let metadata =
            json!({"deletionTimestamp": at(deleted), "finalizers": ["kubernetes.io/pvc-protection"]});
        case.objects
            .claims
            .push(object("data", json!({"metadata": metadata})));
        case
    }

    #[test]
    fn an_object_is_stuck_when_it_was_to_be_gone_long_ago() {
        assert!(blamed(&claim(1700)).is_empty(), "it takes a moment");
        assert_eq!(
            blamed(&claim(-600)),
            ["finalizer_stuck PersistentVolumeClaim shop/data"]
        );
        let mut used = claim(-600);
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        let rest = json!({"containers": [{"name": "app"}], "volumes": volumes});
        deployment(&mut used, "cart", rest);
        assert!(
            of(&FinalizerStuck, &used)[0]
                .cause
                .contains("while Pod shop/cart-pod uses it")
        );
    }

    fn terminating(conditions: Value) -> Case {
        let mut case = case();
        case.objects.namespaces.push(object(
            "old",
            json!({
                "metadata": {"namespace": null, "deletionTimestamp": at(-3000)},
                "status": {"phase": "Terminating", "conditions": conditions},
            }),
        ));
        case
    }

    #[test]
    fn a_namespace_waits_for_its_content_or_for_an_api() {
        let condition =
            |kind: &str, message: &str| json!([{"type": kind, "status": "True", "message": message}]);
        let content = "Some content in the namespace has finalizers remaining: example.io/cleanup in 2 resource instances";
        let case = terminating(condition("NamespaceFinalizersRemaining", content));
        assert_eq!(blamed(&case), ["finalizer_stuck Namespace old"]);
        let discovery = "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the server is currently unable to handle the request";
        let case = terminating(condition("NamespaceDeletionDiscoveryFailure", discovery));
        assert_eq!(
            blamed(&case),
            ["apiservice_unavailable APIService v1beta1.metrics.k8s.io"]
        );
        assert!(blamed(&terminating(json!([]))).is_empty(), "it is on its way");
    }

    #[test]
    fn apis_are_told_from_paths() {
        assert_eq!(
            apis(
                "APIs: a.example.io/v1: stale, b.example.io/v2beta1: Get \"https://10.0.0.1/apis\": refused"
            ),
            ["a.example.io/v1", "b.example.io/v2beta1"]
        );
        assert!(apis("nothing/here, see docs.example.io/volumes").is_empty());
    }
}
