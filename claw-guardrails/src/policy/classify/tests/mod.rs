use claw_core::entity::EntityRef;
use claw_core::outside::{Notification, PipelineRun};
use proptest::prelude::*;
use serde_json::json;

use super::*;

mod properties;

fn action(verb: Verb, api_version: &str, kind: &str, patch: Value) -> Action {
    serde_json::from_value(json!({
        "verb": verb, "target": EntityRef::namespaced(kind, "shop", "cart"), "api_version": api_version,
        "uid": "1", "resource_version": "2", "pre_image": null, "patch": patch,
        "expected": "", "reversal": null, "reason": "",
    }))
    .unwrap()
}

fn deployment() -> Value {
    json!({"spec": {"replicas": 4, "template": {
        "metadata": {"labels": {"app": "cart"}},
        "spec": {"containers": [
            {"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "1"}}},
            {"name": "proxy", "image": "proxy:1"}]}}}})
}

fn patched(patch: Value) -> Vec<&'static str> {
    let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
    names(&operations(&action, Some(&deployment()), &Labels::default()))
}

fn names(operations: &BTreeSet<Operation>) -> Vec<&'static str> {
    operations.iter().map(|operation| operation.name()).collect()
}

#[test]
fn a_patch_is_what_it_changes() {
    let template = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    let containers =
        |web: Value| template(json!({"containers": [web, {"name": "proxy", "image": "proxy:1"}]}));
    assert_eq!(patched(json!({"spec": {"replicas": 5}})), ["scale_up"]);
    assert_eq!(patched(json!({"spec": {"replicas": 3}})), ["scale_down"]);
    assert_eq!(patched(json!({"spec": {"replicas": null}})), ["scale_down"]);
    assert_eq!(patched(json!({"spec": {"replicas": "9"}})), ["scale_down"]);
    assert_eq!(patched(json!({"spec": {"replicas": 4}})), [""; 0]);
    assert_eq!(patched(json!({})), [""; 0]);
    assert_eq!(
        patched(containers(
            json!({"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "2"}}})
        )),
        ["change_resources"]
    );
    assert_eq!(
        patched(containers(
            json!({"name": "web", "image": "cart:2", "resources": {"requests": {"cpu": "2"}}})
        )),
        ["change_resources", "configure"]
    );
    // The proxy is taken out.
    assert_eq!(
        patched(template(json!({"containers": [
            {"name": "web", "image": "cart:1", "resources": {"requests": {"cpu": "1"}}}]}))),
        ["configure"]
    );
    assert_eq!(patched(template(json!({"securityContext": {}}))), ["configure"]);
    assert_eq!(
        patched(template(json!({"securityContext": {"runAsUser": 0}}))),
        ["configure", "change_privileges"]
    );
    assert_eq!(
        patched(json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}}})),
        ["restart"]
    );
    assert_eq!(
        patched(json!({"metadata": {"labels": {"a": "b"}}})),
        ["configure"]
    );
    assert_eq!(
        patched(json!({"metadata": {"annotations": {"claw.dev/criticality": "sandbox"}}})),
        ["change_policy"]
    );
    assert_eq!(patched(json!({"status": {"replicas": 1}})), ["write_status"]);
    assert_eq!(
        patched(json!({"spec": {"replicas": 5, "paused": true}})),
        ["scale_up", "configure"]
    );
    // Everything is taken away.
    assert_eq!(
        patched(json!(null)),
        ["change_resources", "scale_down", "configure"]
    );
}

#[test]
fn kinds_and_verbs_count_besides() {
    let of = |verb, api_version, kind, patch| {
        names(&operations(
            &action(verb, api_version, kind, patch),
            None,
            &Labels::default(),
        ))
    };
    assert_eq!(
        of(Verb::Delete, "v1", "Namespace", json!(null)),
        ["delete", "delete_namespace"]
    );
    assert_eq!(of(Verb::Create, "v1", "Namespace", json!({})), ["create"]);
    assert_eq!(of(Verb::Evict, "v1", "Pod", json!(null)), ["drain"]);
    assert_eq!(
        of(Verb::Patch, "v1", "Secret", json!({"data": {"a": "b"}})),
        ["configure", "touch_secret"]
    );
    // Another group's kind of the same name is another kind.
    assert_eq!(
        of(Verb::Create, "vault.example/v1", "Secret", json!({})),
        ["create"]
    );
    let role = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let group = "rbac.authorization.k8s.io/v1";
    assert_eq!(of(Verb::Create, group, "Role", role), ["create", "change_rbac"]);
    for verb in ["*", "escalate", "bind", "impersonate"] {
        let role = json!({"rules": [{"verbs": ["get"]}, {"verbs": [verb]}]});
        assert_eq!(
            of(Verb::Create, group, "Role", role),
            ["create", "change_rbac", "escalate"],
            "{verb}"
        );
    }
    assert_eq!(
        of(Verb::Create, "networking.k8s.io/v1", "NetworkPolicy", json!({})),
        ["create", "change_network_policy"]
    );
    assert_eq!(
        of(Verb::Create, "networking.k8s.io/v1", "Ingress", json!({})),
        ["create"]
    );
    for kind in ["PodExecOptions", "PodAttachOptions", "PodPortForwardOptions"] {
        assert_eq!(of(Verb::Create, "v1", kind, json!({})), ["create", "exec"]);
    }
    assert_eq!(
        of(
            Verb::Create,
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({})
        ),
        ["create", "change_kinds"]
    );
    assert_eq!(
        of(
            Verb::Create,
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            json!({})
        ),
        ["create", "change_admission"]
    );
    let own = format!("{OWN_GROUP}/v1");
    assert_eq!(
        of(Verb::Create, &own, "Approval", json!({})),
        ["create", "change_policy"]
    );
    assert_eq!(
        of(
            Verb::Patch,
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"maxReplicas": 9}})
        ),
        ["adjust_hpa", "scale_down"]
    );
    assert_eq!(
        of(
            Verb::Patch,
            "v1",
            "Node",
            json!({"spec": {"unschedulable": true}})
        ),
        ["cordon"]
    );
    // More replicas of something that is not known may be fewer.
    assert_eq!(
        of(
            Verb::Patch,
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 99}})
        ),
        ["scale_down"]
    );
}

#[test]
fn what_lowers_an_autoscaler_scales_down() {
    let before = json!({"spec": {"minReplicas": 4, "maxReplicas": 9}, "status": {"currentReplicas": 6}});
    let of = |patch: Value| {
        let action = action(Verb::Patch, "autoscaling/v2", "HorizontalPodAutoscaler", patch);
        names(&operations(&action, Some(&before), &Labels::default()))
    };
    assert_eq!(
        of(json!({"spec": {"maxReplicas": 12, "minReplicas": 6}})),
        ["adjust_hpa"]
    );
    // More pods than run start at once.
    assert_eq!(
        of(json!({"spec": {"maxReplicas": 12, "minReplicas": 7}})),
        ["scale_up", "adjust_hpa"]
    );
    for patch in [
        json!({"maxReplicas": 5}),
        json!({"minReplicas": 1}),
        json!({"minReplicas": null}),
        json!({"maxReplicas": 12, "minReplicas": 3}),
    ] {
        assert_eq!(
            of(json!({"spec": patch})),
            ["adjust_hpa", "scale_down"],
            "{patch}"
        );
    }
}

#[test]
fn what_a_policy_reads_is_not_for_agents_to_write() {
    let labels = Labels {
        criticality: "acme.example/tier".to_owned(),
        ..Labels::default()
    };
    let of = |before: Option<Value>, patch: Value| {
        let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
        names(&operations(&action, before.as_ref(), &labels))
    };
    let before = || Some(json!({"metadata": {"labels": {"acme.example/tier": "critical", "app": "cart"}}}));
    for patch in [
        json!({"metadata": {"labels": {"acme.example/tier": "sandbox"}}}),
        json!({"metadata": {"labels": {"acme.example/tier": null}}}),
        json!({"metadata": {"labels": null}}),
        json!({"metadata": null}),
        json!({"metadata": {"labels": "none"}}),
    ] {
        for before in [before(), None] {
            assert!(of(before, patch.clone()).contains(&"change_policy"), "{patch}");
        }
    }
    assert_eq!(of(None, json!({"status": null})), ["write_status"]);
    assert_eq!(
        of(before(), json!({"metadata": {"labels": {"app": "x"}}})),
        ["configure"]
    );
}

#[test]
fn what_a_policy_reads_of_a_namespace_is_not_for_agents_to_annotate() {
    let labels = Labels {
        environment: vec!["stage".to_owned()],
        criticality: "tier".to_owned(),
        nature: "holds".to_owned(),
        ..Labels::default()
    };
    let of = |kind: &str, key: &str| {
        let patch = json!({"metadata": {"annotations": {key: "x"}}});
        let before = json!({"metadata": {"annotations": {"note": "y"}}});
        names(&operations(
            &action(Verb::Patch, "v1", kind, patch),
            Some(&before),
            &labels,
        ))
    };
    for key in ["stage", "env", "environment", "tier", "holds"] {
        assert_eq!(of("Namespace", key), ["change_policy"], "{key}");
    }
    assert_eq!(of("Namespace", "note"), ["configure"]);
    // Elsewhere the environment is not looked for.
    assert_eq!(of("Service", "stage"), ["configure"]);
    assert_eq!(of("Service", "holds"), ["change_policy"]);
}

#[test]
fn what_deletes_or_frees_by_the_way_is_named_so() {
    let of = |api_version, kind, patch| {
        names(&operations(
            &action(Verb::Patch, api_version, kind, patch),
            Some(&json!({"metadata": {"finalizers": ["a"]}, "spec": {"finalizers": ["kubernetes"]}})),
            &Labels::default(),
        ))
    };
    let orphan =
        json!({"metadata": {"ownerReferences": [{"kind": "Deployment", "name": "gone", "uid": "9"}]}});
    assert_eq!(of("apps/v1", "ReplicaSet", orphan.clone()), ["delete"]);
    assert_eq!(of("v1", "Namespace", orphan), ["delete", "delete_namespace"]);
    let freed = json!({"metadata": {"finalizers": []}});
    assert_eq!(of("v1", "PersistentVolumeClaim", freed), ["delete"]);
    let freed = json!({"spec": {"finalizers": []}});
    assert_eq!(of("v1", "Namespace", freed), ["delete", "delete_namespace"]);
    let taint = json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}});
    assert_eq!(of("v1", "Node", taint), ["drain"]);
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug"}]}});
    assert_eq!(of("v1", "Pod", debug), ["exec"]);
}

#[test]
fn the_order_of_containers_counts() {
    let template = |first: Value, second: Value| json!({"spec": {"template": {"spec": {"initContainers": [first, second]}}}});
    let before = template(json!({"name": "a"}), json!({"name": "b"}));
    let patch = template(
        json!({"name": "b", "resources": {"requests": {"cpu": "1"}}}),
        json!({"name": "a"}),
    );
    let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
    assert_eq!(
        names(&operations(&action, Some(&before), &Labels::default())),
        ["change_resources", "configure"]
    );
}

#[test]
fn powers_are_escalation_however_they_are_given() {
    let of = |api_version, kind, object| {
        names(&operations(
            &action(Verb::Create, api_version, kind, object),
            None,
            &Labels::default(),
        ))
    };
    let group = "rbac.authorization.k8s.io/v1";
    for (kind, object) in [
        (
            "ClusterRoleBinding",
            json!({"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}),
        ),
        (
            "ClusterRole",
            json!({"aggregationRule": {"clusterRoleSelectors": []}}),
        ),
        (
            "ClusterRole",
            json!({"metadata": {"labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}}),
        ),
        (
            "Role",
            json!({"rules": [{"resources": ["serviceaccounts/token"], "verbs": ["create"]}]}),
        ),
        (
            "Role",
            json!({"rules": [{"resources": ["secrets"], "verbs": ["get"]}]}),
        ),
        (
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["*/exec"], "verbs": ["create"]}]}),
        ),
        (
            "ClusterRole",
            json!({"rules": [{"nonResourceURLs": ["*"], "verbs": ["get"]}]}),
        ),
        // Which roles take it in, is written elsewhere.
        ("ClusterRole", json!({"metadata": {"labels": {"team": "shop"}}})),
    ] {
        assert!(of(group, kind, object.clone()).contains(&"escalate"), "{object}");
    }
    assert!(of("authentication.k8s.io/v1", "TokenRequest", json!({})).contains(&"escalate"));
    assert!(of("policy/v1", "Eviction", json!({})).contains(&"drain"));
    assert!(of("v1", "Binding", json!({})).contains(&"unknown"));
}

#[test]
fn what_may_not_be_changed_may_not_be_created() {
    let of = |api_version, kind, object| {
        names(&operations(
            &action(Verb::Create, api_version, kind, object),
            None,
            &Labels::default(),
        ))
    };
    let development = json!({"metadata": {"labels": {"environment": "development"}}});
    assert_eq!(of("v1", "Namespace", development), ["create", "change_policy"]);
    let sandbox = json!({"metadata": {"labels": {"claw.dev/criticality": "sandbox"}}});
    assert_eq!(of("apps/v1", "Deployment", sandbox), ["create", "change_policy"]);
    // The object is another than the action says.
    let other = json!({"kind": "Secret", "metadata": {"name": "cart", "namespace": "shop"}});
    assert_eq!(of("v1", "ConfigMap", other), ["create", "unknown"]);
    let good = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "cart", "namespace": "shop"}, "data": {"a": "b"}});
    assert_eq!(of("v1", "ConfigMap", good.clone()), ["create"]);
    // Helm writes what is empty, and a status that nobody has written yet.
    let mut empty = good;
    claw_core::patch::merge(
        &mut empty,
        &json!({"metadata": {"labels": {}, "annotations": {}}, "status": {}}),
    );
    assert_eq!(of("v1", "ConfigMap", empty), ["create"]);
}

#[test]
fn empty_labels_where_none_were_are_no_labels() {
    for empty in [json!({}), json!([])] {
        let object = json!({"metadata": {"labels": empty}});
        let action = action(Verb::Create, "apps/v1", "Deployment", object);
        let found = operations(&action, None, &Labels::default());
        assert_eq!(names(&found), ["create"], "{empty}");
    }
    for name in ["labels", "annotations"] {
        let patch = json!({"metadata": {name: {}}});
        assert_eq!(patched(patch.clone()), ["configure"], "{name}");
        let action = action(Verb::Patch, "apps/v1", "Deployment", patch);
        let labelled = json!({"metadata": {name: {"claw.dev/nature": "stateful"}}});
        assert_eq!(
            names(&operations(&action, Some(&labelled), &Labels::default())),
            [""; 0],
            "{name}"
        );
        // What it would take the place of is not known.
        let found = operations(&action, None, &Labels::default());
        assert!(found.contains(&Operation::ChangePolicy), "{name}");
    }
}

#[test]
fn rights_that_are_not_known_are_taken_for_the_worst() {
    let binding = action(
        Verb::Patch,
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        json!({"subjects": [{"kind": "User", "name": "eve"}]}),
    );
    let of = |before: Option<Value>| operations(&binding, before.as_ref(), &Labels::default());
    let to = |role: &str| Some(json!({"roleRef": {"kind": "ClusterRole", "name": role}, "subjects": []}));
    assert!(of(to("cluster-admin")).contains(&Operation::Escalate));
    assert!(!of(to("view")).contains(&Operation::Escalate));
    assert!(of(None).contains(&Operation::Escalate));
}

#[test]
fn resources_of_cron_jobs_are_resources() {
    let job = |resources: Value| {
        let spec = json!({"containers": [{"name": "report", "resources": resources}]});
        json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})
    };
    let action = action(
        Verb::Patch,
        "batch/v1",
        "CronJob",
        job(json!({"limits": {"memory": "1Gi"}})),
    );
    let before = job(json!({"limits": {"memory": "512Mi"}}));
    assert_eq!(
        names(&operations(&action, Some(&before), &Labels::default())),
        ["change_resources"]
    );
}

#[test]
fn other_spellings_of_a_kind_are_not_other_kinds() {
    for (api_version, kind) in [
        ("apps/v1", "Deployments"),
        ("v1", "Namespaces"),
        ("v1", "CONFIGMAP"),
    ] {
        let action = action(Verb::Patch, api_version, kind, json!({"data": {"a": "b"}}));
        let found = operations(&action, None, &Labels::default());
        assert!(
            found.contains(&Operation::Unknown),
            "{api_version} {kind}: {found:?}"
        );
    }
    for (api_version, kind) in [("v1", "secret"), ("v1", "Secrets"), ("core/v1", "Secret")] {
        let action = action(Verb::Patch, api_version, kind, json!({"data": {"a": "b"}}));
        let found = operations(&action, None, &Labels::default());
        assert!(
            found.contains(&Operation::TouchSecret),
            "{api_version} {kind}: {found:?}"
        );
    }
    let foreign = action(
        Verb::Patch,
        "acme.example/v1",
        "Deployment",
        json!({"spec": {"replicas": 9}}),
    );
    let before = json!({"spec": {"replicas": 8}});
    assert_eq!(
        names(&operations(&foreign, Some(&before), &Labels::default())),
        ["configure"]
    );
}
fn message() -> Action {
    let text = "cart was scaled up".to_owned();
    Notification { text }.action("incidents", "people should know")
}

fn run() -> Action {
    let inputs = [("version".to_owned(), "1.2".to_owned())].into();
    PipelineRun { inputs }.action("deploy-cart", "the fix is in 1.2")
}

#[test]
fn messages_and_pipelines_are_operations_of_their_own() {
    let all = |action: &Action| names(&operations(action, None, &Labels::default()));
    assert_eq!(all(&message()), ["notify"]);
    assert_eq!(all(&run()), ["trigger_pipeline"]);
    // Kinds of others, spellings that might lead elsewhere, and more than they hold.
    let changed = |change: fn(&mut Action)| {
        let mut action = run();
        change(&mut action);
        all(&action)
    };
    assert_eq!(
        changed(|action| action.api_version = "tekton.dev/v1".to_owned()),
        ["create"]
    );
    assert_eq!(
        changed(|action| action.patch = json!({"inputs": {}, "ref": "x"})),
        ["unknown"]
    );
    assert_eq!(changed(|action| action.verb = Verb::Delete), ["unknown"]);
    assert_eq!(
        changed(|action| action.target.name = "a/../b".to_owned()),
        ["unknown"]
    );
    assert!(changed(|action| action.target.kind = "pipelinerun".to_owned()).contains(&"change_policy"));
    assert!(changed(|action| action.target.kind = "Approval".to_owned()).contains(&"change_policy"));
    assert!(changed(|action| action.api_version = "claw.dev/v2".to_owned()).contains(&"change_policy"));
}

#[test]
fn people_are_told_by_the_agent_itself_and_pipelines_wait_for_them() {
    use crate::policy::{Facts, Phase, Policy};
    let now = jiff::Timestamp::UNIX_EPOCH;
    let tier = |phase, action: &Action| {
        let decision = Policy::default()
            .with_phase(phase)
            .judge(action, &Facts::default(), now);
        decision.unwrap().tier
    };
    for phase in [Phase::Observe, Phase::Expanded] {
        assert_eq!(tier(phase, &message()), Tier::AutoLogged, "{phase:?}");
    }
    assert_eq!(tier(Phase::LowRiskWrites, &run()), Tier::Forbidden);
    assert!((Tier::AsyncApproval..Tier::Forbidden).contains(&tier(Phase::Expanded, &run())));
}

proptest! {
    #[test]
    fn nothing_else_in_the_own_group_is_allowed(
        kind in "(Notification|PipelineRun|notification|Notifications|Approval|Policy|[A-Za-z]{1,12})",
        version in "(v1|v2|v1beta1)",
        name in "[a-zA-Z0-9./_-]{0,12}",
        verb in prop::sample::select(vec![Verb::Create, Verb::Patch, Verb::Delete, Verb::Evict]),
        patch in prop::sample::select(vec![
            json!({"text": "a"}), json!({"text": "a", "to": "b"}), json!({"inputs": {"a": "b"}}),
            json!({"inputs": {"a": ["b"]}}), json!({"spec": {"a": 1}}), json!("a"),
        ]),
    ) {
        let action = Action {
            verb,
            api_version: format!("claw.dev/{version}"),
            target: EntityRef::cluster(kind, name),
            patch,
            ..message()
        };
        let found = operations(&action, None, &Labels::default());
        let mild = [Operation::Notify, Operation::TriggerPipeline];
        let sound = Outside::of(&action).is_ok_and(|outside| outside.is_some());
        prop_assert_eq!(sound, found.iter().any(|operation| mild.contains(operation)));
        prop_assert!(sound || found.iter().any(|operation| operation.tier() == Tier::Forbidden), "{:?}", found);
    }
}
