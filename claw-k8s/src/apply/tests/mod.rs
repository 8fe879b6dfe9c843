mod answers;
mod compared;
mod owners;

use claw_core::entity::EntityRef;
use claw_core::execute::ACTION_ANNOTATION;
use claw_core::patch::merged;
use serde_json::json;

use super::*;
use crate::cluster::write::WriteVerb;

fn action(verb: Verb) -> Action {
    Action {
        verb,
        target: EntityRef::namespaced("Deployment", "shop", "cart"),
        api_version: "apps/v1".to_owned(),
        uid: Some("uid-1".to_owned()),
        resource_version: Some("41".to_owned()),
        pre_image: None,
        patch: json!({"spec": {"replicas": 5}}),
        expected: String::new(),
        reversal: None,
        reason: "load".to_owned(),
    }
}

fn creation() -> Action {
    Action {
        uid: None,
        resource_version: None,
        patch: json!({"spec": {"replicas": 5}, "metadata": {"annotations": {"team": "a"}}}),
        ..action(Verb::Create)
    }
}

fn eviction() -> Action {
    Action {
        target: EntityRef::namespaced("Pod", "shop", "cart-1"),
        api_version: "v1".to_owned(),
        ..action(Verb::Evict)
    }
}

fn id() -> ActionId {
    ActionId("a1b2".to_owned())
}

#[test]
fn a_patch_is_a_compare_and_swap_that_tells_whose_write_it_is() {
    let request = request::of(&action(Verb::Patch), Resource::DEPLOYMENTS, Some(&id())).unwrap();
    assert_eq!(
        request.body,
        json!({
            "metadata": {"uid": "uid-1", "resourceVersion": "41", "annotations": {"claw.dev/action": "a1b2"}},
            "spec": {"replicas": 5},
        })
    );
    assert!(!request.dry_run && request.verb == WriteVerb::Patch);
    let tried = request::of(&action(Verb::Patch), Resource::DEPLOYMENTS, None).unwrap();
    assert!(tried.dry_run && tried.body.pointer("/metadata/annotations").is_none());
}

#[test]
fn what_is_created_is_what_the_action_names() {
    let request = request::of(&creation(), Resource::DEPLOYMENTS, Some(&id())).unwrap();
    assert_eq!(
        request.body,
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "cart", "annotations": {"team": "a", "claw.dev/action": "a1b2"}},
            "spec": {"replicas": 5},
        })
    );
}

#[test]
fn deletions_and_evictions_have_preconditions() {
    let wanted = json!({"uid": "uid-1", "resourceVersion": "41"});
    let deletion = request::of(&action(Verb::Delete), Resource::DEPLOYMENTS, Some(&id())).unwrap();
    assert_eq!(deletion.body["preconditions"], wanted);
    assert!(deletion.body.get("dryRun").is_none());
    let tried = request::of(&action(Verb::Delete), Resource::DEPLOYMENTS, None).unwrap();
    assert_eq!(tried.body["dryRun"], json!(["All"]));
    let eviction = request::of(&eviction(), Resource::PODS, Some(&id())).unwrap();
    assert_eq!(eviction.body["deleteOptions"]["preconditions"], wanted);
    assert_eq!(eviction.body["metadata"]["name"], "cart-1");
}

#[test]
fn actions_that_are_none_are_refused_before_anything_is_sent() {
    let with = |change: &dyn Fn(&mut Action)| {
        let mut changed = action(Verb::Patch);
        change(&mut changed);
        request::of(&changed, Resource::DEPLOYMENTS, None)
    };
    with(&|_| {}).unwrap();
    for (name, outcome) in [
        ("no uid", with(&|action| action.uid = None)),
        ("no version", with(&|action| action.resource_version = None)),
        ("no object", with(&|action| action.patch = json!([1]))),
        ("no namespace", with(&|action| action.target.namespace = None)),
        (
            "status",
            with(&|action| action.patch = json!({"status": {"replicas": 1}})),
        ),
        (
            "a version of its own",
            with(&|action| action.patch = json!({"metadata": {"resourceVersion": null}})),
        ),
        (
            "no annotations at all",
            with(&|action| action.patch = json!({"metadata": {"annotations": null}})),
        ),
        (
            "annotations that are none",
            with(&|action| action.patch = json!({"metadata": {"annotations": []}})),
        ),
        (
            "no metadata",
            with(&|action| action.patch = json!({"metadata": null, "spec": {"replicas": 5}})),
        ),
        (
            "creates without metadata",
            with(&|action| {
                action.verb = Verb::Create;
                action.patch = json!({"metadata": null});
            }),
        ),
        ("evicts no pod", with(&|action| action.verb = Verb::Evict)),
        (
            "creates another",
            with(&|action| {
                action.verb = Verb::Create;
                action.patch = json!({"metadata": {"name": "other"}});
            }),
        ),
        (
            "creates elsewhere",
            with(&|action| {
                action.verb = Verb::Create;
                action.patch = json!({"metadata": {"namespace": "kube-system"}});
            }),
        ),
        (
            "creates something else",
            with(&|action| {
                action.verb = Verb::Create;
                action.patch = json!({"kind": "ClusterRole"});
            }),
        ),
    ] {
        assert!(outcome.is_err(), "{name}");
    }
}

/// What is approved after a dry run is what is written.
#[test]
fn the_write_is_the_patch_of_the_dry_run_and_whose_it_is() {
    let before = json!({"metadata": {"annotations": {"a": "1", "b": "2"}, "labels": {"c": "3"}}, "spec": {"replicas": 3}});
    for patch in [
        json!({"spec": {"replicas": 5}}),
        json!({"metadata": {"annotations": {"a": null, "b": null}}}),
        json!({"metadata": {"annotations": {}}}),
        json!({"metadata": {"labels": null, "annotations": {"a": "4"}}}),
    ] {
        let action = Action {
            patch,
            ..action(Verb::Patch)
        };
        let made = |id: Option<&ActionId>| {
            let request = request::of(&action, Resource::DEPLOYMENTS, id).unwrap();
            claw_core::patch::merged(&before, &request.body)
        };
        let (tried, mut written) = (made(None), made(Some(&id())));
        let annotations = written["metadata"]["annotations"].as_object_mut().unwrap();
        assert_eq!(annotations.remove(ACTION_ANNOTATION), Some(json!("a1b2")));
        assert_eq!(tried, written);
    }
}

#[test]
fn whose_write_stands_is_told_by_the_object() {
    let object = |uid: &str, version: &str, id: &str| json!({"metadata": {"uid": uid, "resourceVersion": version, "annotations": {"claw.dev/action": id}}});
    let ending = json!({"metadata": {"uid": "uid-1", "resourceVersion": "42", "deletionTimestamp": "2026-03-01T10:00:00Z"}});
    let (patch, delete) = (action(Verb::Patch), action(Verb::Delete));
    for (name, action, object, expected) in [
        (
            "ours",
            &patch,
            Some(object("uid-1", "42", "a1b2")),
            Standing::Ours,
        ),
        (
            "ours, written again since",
            &patch,
            Some(object("uid-1", "57", "a1b2")),
            Standing::Ours,
        ),
        (
            "as it was",
            &patch,
            Some(object("uid-1", "41", "older")),
            Standing::NotYet,
        ),
        (
            "not deleted, and changed",
            &delete,
            Some(object("uid-1", "42", "older")),
            Standing::Overtaken,
        ),
        (
            "another of that name",
            &patch,
            Some(object("uid-2", "60", "a1b2")),
            Standing::Gone,
        ),
        ("gone", &patch, None, Standing::Gone),
        (
            "not deleted",
            &delete,
            Some(object("uid-1", "41", "older")),
            Standing::NotYet,
        ),
        ("being deleted", &delete, Some(ending.clone()), Standing::Gone),
        ("deleted", &delete, None, Standing::Gone),
        (
            "made anew",
            &delete,
            Some(object("uid-2", "70", "")),
            Standing::Gone,
        ),
        ("not created", &creation(), None, Standing::NotYet),
        (
            "created",
            &creation(),
            Some(object("uid-1", "42", "a1b2")),
            Standing::Ours,
        ),
        (
            "created by another, or deleted and made again",
            &creation(),
            Some(object("uid-1", "42", "b")),
            Standing::Unclear,
        ),
        (
            "not evicted",
            &eviction(),
            Some(object("uid-1", "41", "")),
            Standing::NotYet,
        ),
        ("evicted", &eviction(), Some(ending), Standing::Gone),
    ] {
        assert_eq!(
            told(action, &id(), object.as_ref()),
            Found::Told(expected),
            "{name}"
        );
    }
    let moved = object("uid-1", "42", "older");
    assert_eq!(
        told(&patch, &id(), Some(&moved)),
        Found::Moved,
        "or its name was replaced"
    );
}

#[test]
fn of_what_has_moved_on_the_first_change_tells_whose_write_stands() {
    let event = |kind: &str, uid: &str, name: &str| json!({"type": kind, "object": {"metadata": {"uid": uid, "annotations": {"claw.dev/action": name}}}});
    let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}});
    let plain = json!({"type": "MODIFIED", "object": {"metadata": {"uid": "uid-1"}}});
    for (name, event, expected) in [
        ("ours", event("MODIFIED", "uid-1", "a1b2"), Standing::Ours),
        (
            "somebody else's",
            event("MODIFIED", "uid-1", "older"),
            Standing::Overtaken,
        ),
        ("somebody else's, unnamed", plain, Standing::Overtaken),
        ("forgotten", gone, Standing::Unclear),
        (
            "another object",
            event("MODIFIED", "uid-2", "a1b2"),
            Standing::Unclear,
        ),
        ("an end", event("DELETED", "uid-1", "a1b2"), Standing::Unclear),
        (
            "not from then on",
            event("ADDED", "uid-1", "older"),
            Standing::Unclear,
        ),
        ("nothing", json!({}), Standing::Unclear),
    ] {
        assert_eq!(told_by(&action(Verb::Patch), &id(), &event), expected, "{name}");
    }
}

#[test]
fn only_what_the_server_refused_is_without_effect() {
    let request = || "patch".to_owned();
    let source = || -> crate::cluster::Source { "said".into() };
    let said = |code| -> crate::cluster::Source {
        Box::new(crate::cluster::ServerSaid {
            code,
            message: String::new(),
        })
    };
    let sure = [
        ClusterError::Conflict {
            request: request(),
            source: source(),
        },
        ClusterError::Denied {
            request: request(),
            source: source(),
        },
        ClusterError::Unauthorized {
            request: request(),
            source: source(),
        },
        ClusterError::NotFound {
            request: request(),
            source: source(),
        },
        ClusterError::BadRequest {
            request: request(),
            source: source(),
        },
        ClusterError::RateLimited {
            request: request(),
            retry_after: None,
            source: said(429),
        },
    ];
    for error in sure {
        let said = error.to_string();
        assert!(failure(&action(Verb::Patch), error).is_without_effect(), "{said}");
    }
    let unsure = [
        ClusterError::RateLimited {
            request: request(),
            retry_after: None,
            source: said(503),
        },
        ClusterError::Tls {
            request: request(),
            source: source(),
        },
        ClusterError::Unavailable {
            request: request(),
            source: source(),
        },
        ClusterError::Stalled {
            request: request(),
            limit: std::time::Duration::ZERO,
        },
        ClusterError::Timeout { request: request() },
        ClusterError::Cancelled { request: request() },
        ClusterError::TooLarge {
            request: request(),
            limit: 1,
        },
        ClusterError::Malformed {
            request: request(),
            source: source(),
        },
        ClusterError::Gone {
            request: request(),
            source: source(),
        },
    ];
    for error in unsure {
        let said = error.to_string();
        assert!(
            !failure(&action(Verb::Patch), error).is_without_effect(),
            "{said}"
        );
    }
}

#[test]
fn what_is_stable_is_what_was_asked_for() {
    let tried = json!({
        "metadata": {"name": "cart", "resourceVersion": "41", "generation": 8, "managedFields": [1]},
        "spec": {"replicas": 5}, "status": {"replicas": 3},
    });
    let written = json!({
        "metadata": {"name": "cart", "resourceVersion": "42", "generation": 8, "annotations": {"claw.dev/action": "a1b2"}},
        "spec": {"replicas": 5}, "status": {"replicas": 4},
    });
    assert_eq!(stable(&tried), stable(&written));
    let other = json!({"metadata": {"name": "cart"}, "spec": {"replicas": 6}});
    assert_ne!(stable(&tried), stable(&other));
    assert_eq!(stable(&json!(null)), json!(null));
}
