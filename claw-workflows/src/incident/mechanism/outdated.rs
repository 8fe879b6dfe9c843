//! Pods that are not of the revision that their StatefulSet has by now.
//!
//! The controller makes no pod anew that never got ready, whatever its template has become since: it waits for it. Whoever
//! corrects the template has to delete the pod as well.

use claw_core::entity::EntityRef;
use claw_k8s::model::Pod;

use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};

/// Pods that a command names.
const MAX_PODS: usize = 5;
/// The label by which a StatefulSet marks of which revision a pod is.
const REVISION: &str = "controller-revision-hash";

/// Of a fault of pods that are all of an older revision, the first advice: the template is another one already, so that an edit
/// of it does not help by itself.
pub(in crate::incident) fn advise(facts: &Facts<'_>, candidate: &mut Candidate) {
    let Some(pods) = outdated(facts, candidate) else {
        return;
    };
    let workload = &candidate.entity;
    let names: Vec<&str> = pods
        .iter()
        .take(MAX_PODS)
        .map(|pod| pod.metadata.name.as_str())
        .collect();
    let names = names.join(" ");
    let plural = if pods.len() == 1 { "" } else { "s" };
    candidate.cause.push_str(&format!(
        "; the template is another one by now, and pod{plural} {} of the revision before",
        if pods.len() == 1 {
            format!("{} is still", clip(&names, 100))
        } else {
            format!("{} are still", clip(&names, 100))
        }
    ));
    let namespace = workload.namespace.as_deref().unwrap_or("default");
    let advice = Advice::new(
        format!("Delete the pod{plural} {names} of {workload}, which makes them anew from its template"),
        "The controller waits for a pod of the old revision to get ready and does not replace it by itself",
    );
    let delete = advice.command(format!("kubectl -n {namespace} delete pod {names}"));
    candidate.advice.insert(0, delete);
}

/// The pods that a candidate about a StatefulSet hurts, if all of them are unwell and of an older revision.
fn outdated<'a>(facts: &Facts<'a>, candidate: &Candidate) -> Option<Vec<&'a Pod>> {
    let set = facts
        .workload(&candidate.entity)
        .filter(|set| set.kind == "StatefulSet")?;
    // With `Parallel` none is waited for, and what lies below the partition is made anew as it was.
    let waits = set.spec.pod_management_policy != "Parallel";
    let rolling = set.spec.update_strategy.as_ref();
    let rolling = rolling.and_then(|strategy| strategy.rolling_update.as_ref());
    let partition = rolling.and_then(|rolling| rolling.partition).unwrap_or_default();
    let is_kept = |pod: &Pod| {
        let (_, ordinal) = pod.metadata.name.rsplit_once('-').unwrap_or_default();
        ordinal
            .parse::<i64>()
            .is_ok_and(|ordinal| ordinal < i64::from(partition))
    };
    let newest = set.status.update_revision.as_str();
    let is_pod = |entity: &&EntityRef| entity.kind == "Pod";
    let pods: Vec<&Pod> = candidate
        .hurts
        .iter()
        .filter(is_pod)
        .filter_map(|pod| facts.pod(pod))
        .collect();
    let old = |pod: &&Pod| {
        let revision = pod.metadata.labels.get(REVISION);
        !pod.is_ready() && !is_kept(pod) && revision.is_some_and(|revision| revision != newest)
    };
    (waits && !newest.is_empty() && !pods.is_empty() && pods.iter().all(old)).then_some(pods)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{case, object};

    /// The command for a StatefulSet of revision `new` of which a pod of that revision fails.
    fn command(revision: &str, ready: &str) -> Option<String> {
        of_set(json!({"replicas": 3}), revision, ready)
    }

    fn of_set(spec: serde_json::Value, revision: &str, ready: &str) -> Option<String> {
        let mut case = case();
        case.objects.workloads.push(object(
            "store",
            json!({"kind": "StatefulSet", "spec": spec, "status": {"updateRevision": "store-new"}}),
        ));
        case.objects.pods.push(object(
            "store-2",
            json!({
                "metadata": {"labels": {"controller-revision-hash": revision}},
                "spec": {"containers": []},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            }),
        ));
        let set = EntityRef::namespaced("StatefulSet", "shop", "store");
        let mut candidate = Candidate::new("image_pull", set, "its image cannot be pulled")
            .hurting([EntityRef::namespaced("Pod", "shop", "store-2")])
            .advise(Advice::new("Set another image", "why").command("kubectl set image"));
        advise(&Facts::new(&case), &mut candidate);
        candidate.advice[0].command.clone()
    }

    #[test]
    fn what_is_kept_old_on_purpose_or_not_waited_for_needs_no_deletion() {
        let set = Some("kubectl set image".to_owned());
        let kept = json!({"updateStrategy": {"rollingUpdate": {"partition": 3}}});
        assert_eq!(of_set(kept, "store-old", "False"), set);
        let parallel = json!({"podManagementPolicy": "Parallel"});
        assert_eq!(of_set(parallel, "store-old", "False"), set);
    }

    #[test]
    fn a_pod_of_an_older_revision_has_to_be_deleted() {
        let delete = Some("kubectl -n shop delete pod store-2".to_owned());
        assert_eq!(command("store-old", "False"), delete);
        let set = Some("kubectl set image".to_owned());
        assert_eq!(
            command("store-new", "False"),
            set,
            "it is what the template asks for"
        );
        assert_eq!(
            command("store-old", "True"),
            set,
            "it is well, and is to be replaced later"
        );
    }
}
