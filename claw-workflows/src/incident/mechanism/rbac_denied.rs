//! A service account may not do what its workload needs.

use std::sync::LazyLock;

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_k8s::model::{Object as _, Pod};
use claw_k8s::world::references;
use jiff::SignedDuration;
use regex::Regex;

use super::said::{Said, said};
use super::{Area, Mechanism};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, SKEW, clip};

/// Kinds of objects that give rights.
const RIGHTS: [&str; 4] = ["RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole"];
/// For how long rights may have been changed before the first refusal.
const WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// The API server refuses a workload's service account: a right, or the binding that gives it, is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct RbacDenied;

impl Mechanism for RbacDenied {
    fn id(&self) -> &'static str {
        "rbac_denied"
    }

    fn area(&self) -> Area {
        Area::Control
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        said(facts, |pattern| told(&pattern.sample).is_some())
            .iter()
            .filter_map(|said| candidate(facts, said))
            .collect()
    }
}

/// What the API server refused, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    namespace: String,
    account: String,
    verb: String,
    resource: String,
    /// The object that was to be read or written, where the sentence names it.
    object: Option<String>,
    /// The namespace that it is in.
    within: Option<String>,
}

/// The API server's sentence: `secrets "a" is forbidden: … in API group "" in the namespace "b"`, or `pods is forbidden: User "system:serviceaccount:ns:name" cannot list resource "pods" …`.
pub(super) fn told(text: &str) -> Option<Refusal> {
    static SENTENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"forbidden: User \\?"system:serviceaccount:([^:"]+):([^"\\]+)\\?" cannot (\w+) (?:resource )?\\?"([^"\\]+)"#,
        )
        .ok()
    });
    let found = SENTENCE.as_ref()?.captures(text)?;
    let part = |index: usize| found.get(index).map(|part| part.as_str().to_owned());
    let before = text.get(..found.get(0)?.start())?.trim_end();
    let before = before.strip_suffix("is").unwrap_or(before).trim_end();
    let quotes = ['"', '\\'];
    let object = before.ends_with('"').then(|| {
        let inner = before.trim_end_matches(quotes);
        inner.rsplit(quotes).next().unwrap_or_default().to_owned()
    });
    let within = text.split_once("in the namespace ").map(|(_, rest)| {
        let rest = rest.trim_start_matches(quotes);
        rest.split(quotes).next().unwrap_or_default().to_owned()
    });
    Some(Refusal {
        namespace: part(1)?,
        account: part(2)?,
        verb: part(3)?,
        resource: part(4)?,
        object: object.filter(|object| !object.is_empty()),
        within: within.filter(|within| !within.is_empty()),
    })
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let Refusal {
        namespace,
        account,
        verb,
        resource,
        object,
        within,
    } = told(said.sample())?;
    let since = said.since(facts);
    let within = within.unwrap_or_else(|| namespace.clone());
    let changed = rights(facts, &[namespace.as_str(), within.as_str()], since);
    let entity = changed.map_or_else(|| said.workload.clone(), |change| change.entity.clone());
    let mut found = Candidate::new(
        "rbac_denied",
        entity,
        format!(
            "service account {account} of {namespace}, as which {} runs, may not {verb} {resource}: {}",
            said.workload,
            clip(said.sample(), 160)
        ),
    )
    .clue("the API server refuses its service account", 3.0, said.evidence(facts))
    .since(since)
    .hurting([said.workload.clone()])
    .hurting(said.hurt(facts))
    .hurting(object.map_or_else(Vec::new, |object| users(facts, &resource, &within, &object)))
    .advise(
        Advice::new(
            format!("Look at the roles that are bound to service account {account} of {namespace}, and bind one that may {verb} {resource}"),
            "The API server refuses what no role that is bound to the account allows",
        )
        .command(format!(
            "kubectl auth can-i {verb} {resource} --as=system:serviceaccount:{namespace}:{account} -n {namespace}; kubectl -n {namespace} get rolebindings,roles -o wide; kubectl get clusterrolebindings -o wide"
        )),
    );
    if let Some(change) = changed {
        found = found
            .clue(
                "rights were changed before",
                1.5,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference));
    } else {
        found = found.unseen("which roles are bound to the account");
    }
    Some(found)
}

/// Pods that use a Secret or ConfigMap which was to be written, and are not well.
fn users(facts: &Facts<'_>, resource: &str, namespace: &str, name: &str) -> Vec<EntityRef> {
    let kind = match resource {
        "secrets" => "Secret",
        "configmaps" => "ConfigMap",
        _ => return Vec::new(),
    };
    let uses = |pod: &&&Pod| {
        let mut used = references(&pod.spec).into_iter();
        !pod.is_ready() && !pod.is_finished() && used.any(|used| used.kind == kind && used.name == name)
    };
    let pods = facts.pods_in(namespace).iter().filter(uses);
    pods.map(|pod| pod.entity()).collect()
}

/// The last change of rights in the namespaces, or of the cluster, before the first refusal.
fn rights<'a>(facts: &Facts<'a>, namespaces: &[&str], since: Option<jiff::Timestamp>) -> Option<&'a Change> {
    let since = since?;
    let concerns = |entity: &EntityRef| {
        RIGHTS.contains(&entity.kind.as_str())
            && entity
                .namespace
                .as_deref()
                .is_none_or(|known| namespaces.contains(&known))
    };
    facts
        .case
        .changes
        .iter()
        .filter(|change| concerns(&change.entity))
        .filter(|change| {
            let after = since.duration_since(change.time);
            after >= -SKEW && after <= WITHIN
        })
        .max_by_key(|change| change.time)
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::{RbacDenied, told};
    use crate::incident::testing::of;

    const REFUSED: &str = "ERROR pods is forbidden: User \"system:serviceaccount:shop:build\" cannot create resource \"pods\" in API group \"\" in the namespace \"shop\"";

    fn blamed(text: &str, changed: Option<(&str, &str)>) -> Vec<String> {
        let mut case = fixture::case(json!({
            "workloads": [fixture::workload("shop", "build", json!([{"name": "app"}]))],
            "pods": [fixture::pod("shop", "build", json!([{"name": "app"}]))],
        }));
        fixture::log(&mut case, "build-7d9f8b6c5-x1", text);
        if let Some((kind, time)) = changed {
            let entity = EntityRef::namespaced(kind, "shop", "build");
            case.changes.push(fixture::change(time, &entity, &[]));
        }
        of(&RbacDenied, &case)
            .into_iter()
            .map(|found| found.entity.to_string())
            .collect()
    }

    #[test]
    fn a_right_that_is_not_there_is_told_with_the_change_that_took_it() {
        assert_eq!(blamed(REFUSED, None), ["Deployment shop/build"]);
        let soon = "2026-05-01T09:50:00Z";
        assert_eq!(
            blamed(REFUSED, Some(("RoleBinding", soon))),
            ["RoleBinding shop/build"]
        );
        assert_eq!(
            blamed(REFUSED, Some(("Ingress", soon))),
            ["Deployment shop/build"]
        );
        let after = "2026-05-01T09:59:00Z";
        assert_eq!(
            blamed(REFUSED, Some(("RoleBinding", after))),
            ["Deployment shop/build"]
        );
        assert!(blamed("ERROR GET /admin: 403 Forbidden", None).is_empty());
    }

    #[test]
    fn the_sentence_is_read_where_it_stands_in_json() {
        let told = told(
            r#"secrets is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \"secrets\""#,
        );
        assert_eq!(told.map(|told| told.resource).as_deref(), Some("secrets"));
    }
}
