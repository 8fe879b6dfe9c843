use proptest::prelude::*;
use serde_json::json;

use super::*;

fn names(before: &Value, after: &Value) -> Vec<&'static str> {
    let mut found = BTreeSet::new();
    of_change(before, after, &mut found);
    found.iter().map(|operation| operation.name()).collect()
}

/// A workload whose pods are made so.
fn workload(spec: Value) -> Value {
    json!({"spec": {"replicas": 2, "template": {"spec": spec}}})
}

/// A container beside one that never changes.
fn containers(container: Value) -> Value {
    json!({"containers": [container, {"name": "proxy", "image": "proxy:1"}]})
}

/// What it is to add to a plain pod.
fn gained(spec: Value) -> Vec<&'static str> {
    let plain = containers(json!({"name": "web", "image": "cart:1"}));
    let mut after = plain.clone();
    claw_core::patch::merge(&mut after, &spec);
    names(&workload(plain), &workload(after))
}

fn of_container(more: Value) -> Vec<&'static str> {
    let mut container = json!({"name": "web", "image": "cart:1"});
    claw_core::patch::merge(&mut container, &more);
    gained(containers(container))
}

#[test]
fn a_secret_that_a_pod_is_given_is_touched() {
    let env = json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]});
    assert_eq!(of_container(env), ["touch_secret"]);
    assert_eq!(
        of_container(json!({"envFrom": [{"secretRef": {"name": "s"}}]})),
        ["touch_secret"]
    );
    for volume in [
        json!({"name": "a", "secret": {"secretName": "s"}}),
        json!({"name": "a", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}}),
    ] {
        assert_eq!(gained(json!({"volumes": [volume]})), ["touch_secret"], "{volume}");
    }
    assert_eq!(
        gained(json!({"imagePullSecrets": [{"name": "s"}]})),
        ["touch_secret"]
    );
    let listed = json!({"name": "a", "flexVolume": {"options": [{"secretRef": {"name": "s"}}]}});
    assert!(gained(json!({"volumes": [listed]})).contains(&"touch_secret"));
    let driver = json!({"name": "a", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}});
    assert_eq!(
        gained(json!({"volumes": [driver]})),
        ["change_privileges", "touch_secret"]
    );
}

#[test]
fn another_account_and_the_node_itself_are_escalation() {
    for spec in [
        json!({"serviceAccountName": "builder"}),
        json!({"hostNetwork": true}),
        json!({"hostPID": true}),
        json!({"hostIPC": "yes"}),
        json!({"volumes": [{"name": "a", "hostPath": {"path": "/etc"}}]}),
        json!({"volumes": [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}),
        containers(json!({"name": "web", "securityContext": {"privileged": true}})),
        containers(json!({"name": "web", "securityContext": {"capabilities": {"add": ["CAP_SYS_ADMIN"]}}})),
        json!({"initContainers": [{"name": "init", "securityContext": {"capabilities": {"add": ["all"]}}}]}),
    ] {
        assert_eq!(gained(spec.clone()), ["escalate"], "{spec}");
    }
    // A volume on a node, for whoever claims it.
    let volume = json!({"spec": {"hostPath": {"path": "/var/lib"}}});
    assert_eq!(names(&json!({}), &volume), ["escalate"]);
}

#[test]
fn everything_else_that_pods_may_do_beyond_their_code_is_a_privilege() {
    for context in [
        json!({"runAsUser": 0}),
        json!({"runAsNonRoot": false}),
        json!({"allowPrivilegeEscalation": true}),
        json!({"readOnlyRootFilesystem": false}),
        json!({"capabilities": {"add": ["NET_BIND_SERVICE"]}}),
        json!({"seccompProfile": {"type": "Unconfined"}}),
        json!({"procMount": "Unmasked"}),
        json!({"seLinuxOptions": {"type": "spc_t"}}),
    ] {
        let found = of_container(json!({"securityContext": context}));
        assert_eq!(found, ["change_privileges"], "{context}");
    }
    let port = json!({"ports": [{"containerPort": 80, "hostPort": 80}]});
    assert_eq!(of_container(port), ["change_privileges"]);
    for spec in [
        json!({"nodeName": "n1"}),
        json!({"runtimeClassName": "runc"}),
        json!({"shareProcessNamespace": true}),
        json!({"automountServiceAccountToken": true}),
        json!({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]}}),
        json!({"securityContext": {"fsGroup": 0}}),
        json!({"volumes": [{"name": "a", "nfs": {"server": "s", "path": "/"}}]}),
    ] {
        assert_eq!(gained(spec.clone()), ["change_privileges"], "{spec}");
    }
}

#[test]
fn what_holds_pods_back_and_what_they_need_anyway_is_none() {
    for context in [
        json!({"runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000}),
        json!({"allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": true}),
        json!({"capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}),
    ] {
        assert_eq!(
            of_container(json!({"securityContext": context})),
            [""; 0],
            "{context}"
        );
    }
    for spec in [
        json!({"serviceAccountName": "default", "automountServiceAccountToken": false, "hostUsers": false}),
        json!({"hostNetwork": false, "securityContext": {"fsGroup": 2000}}),
        json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "c"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "d"}}]}),
        json!({"nodeSelector": {"a": "b"}, "terminationGracePeriodSeconds": 60}),
    ] {
        assert_eq!(gained(spec.clone()), [""; 0], "{spec}");
    }
    assert_eq!(
        of_container(json!({"ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "b"}]})),
        [""; 0]
    );
}

#[test]
fn what_held_pods_back_is_not_given_up_unseen() {
    let held =
        json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let before = json!({"hostUsers": false, "containers": [{"name": "web", "securityContext": held}]});
    let of = |after: Value| names(&workload(before.clone()), &workload(after));
    assert_eq!(of(before.clone()), [""; 0]);
    for after in [
        json!({"hostUsers": false, "containers": [{"name": "web"}]}),
        json!({"hostUsers": false, "containers": [{"name": "web", "securityContext": {"runAsNonRoot": true}}]}),
        json!({"containers": [{"name": "web", "securityContext": held}]}),
        // Under another name it is not held back.
        json!({"hostUsers": false, "containers": [{"name": "web2"}]}),
        json!({"hostUsers": false, "containers": [{"name": "web", "securityContext": held}, {"name": "side"}]}),
    ] {
        assert_eq!(of(after.clone()), ["change_privileges"], "{after}");
    }
    // The pod says it for all of its containers, and another user is another one.
    let of_pod = json!({"securityContext": {"runAsUser": 1000}, "containers": [{"name": "web"}]});
    let own = |user: u32| json!({"containers": [{"name": "web", "securityContext": {"runAsUser": user}}]});
    assert_eq!(names(&workload(of_pod.clone()), &workload(own(1000))), [""; 0]);
    assert_eq!(
        names(&workload(of_pod), &workload(own(1001))),
        ["change_privileges"]
    );
}

#[test]
fn what_all_containers_are_held_back_by_holds_for_new_ones_and_every_one_of_a_name() {
    let held =
        |name: &str| json!({"name": name, "securityContext": {"runAsNonRoot": true, "runAsUser": 1000}});
    let less = |name: &str| json!({"name": name, "securityContext": {"runAsNonRoot": true}});
    let of = |before: Value, after: Value| names(&workload(before), &workload(after));
    // The common part is all that new ones are held to.
    let two = || json!({"containers": [held("web"), less("proxy")]});
    let and = |new: Value| json!({"containers": [held("web"), less("proxy"), new]});
    assert_eq!(of(two(), and(less("side"))), [""; 0]);
    assert_eq!(of(two(), and(json!({"name": "side"}))), ["change_privileges"]);
    // Of two containers of one name, what holds back only one does not hold back both.
    let twice = |second: Value| json!({"containers": [held("web")], "initContainers": [second]});
    assert_eq!(
        of(twice(held("web")), twice(json!({"name": "web"}))),
        ["change_privileges"]
    );
}

#[test]
fn what_says_nothing_is_no_privilege() {
    for spec in [
        json!({"nodeName": ""}),
        json!({"runtimeClassName": null}),
        json!({"securityContext": {"sysctls": [], "seLinuxOptions": {}}}),
    ] {
        assert_eq!(gained(spec.clone()), [""; 0], "{spec}");
    }
}

#[test]
fn pods_are_found_wherever_they_are_described() {
    let spec = json!({"hostNetwork": true});
    for object in [
        json!({"spec": spec}),
        json!({"spec": {"template": {"spec": spec}}}),
        json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}),
        json!({"template": {"spec": spec}}),
    ] {
        assert_eq!(names(&json!({}), &object), ["escalate"], "{object}");
    }
}

fn volume() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"name": "a", "emptyDir": {}}),
        json!({"name": "a", "hostPath": {"path": "/"}}),
        json!({"name": "a", "secret": {"secretName": "s"}}),
        json!({"name": "a", "nfs": {"server": "s", "path": "/"}}),
    ])
}

fn spec() -> impl Strategy<Value = Value> {
    let context = prop::sample::select(vec![
        json!({}),
        json!({"runAsNonRoot": true}),
        json!({"privileged": true}),
        json!({"capabilities": {"add": ["NET_RAW"]}}),
    ]);
    let container = (prop::sample::select(vec!["web", "proxy"]), context)
        .prop_map(|(name, context)| json!({"name": name, "securityContext": context}));
    let parts = (
        prop::collection::vec(volume(), 0..3),
        prop::collection::vec(container, 0..3),
        prop::sample::select(vec![json!(null), json!("builder"), json!("default")]),
        any::<bool>(),
    );
    parts.prop_map(|(volumes, containers, account, network)| {
        json!({"volumes": volumes, "containers": containers, "serviceAccountName": account, "hostNetwork": network})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// No two steps get a pod further than what each of them is told to be.
    #[test]
    fn what_is_gained_in_the_end_was_gained_on_the_way(a in spec(), b in spec(), c in spec()) {
        let [a, b, c] = [a, b, c].map(workload);
        let of = |before: &Value, after: &Value| {
            let mut found = BTreeSet::new();
            of_change(before, after, &mut found);
            // Of the harmless sort is what both steps together may shift among containers.
            found.remove(&Operation::ChangePrivileges);
            found
        };
        let way = &of(&a, &b) | &of(&b, &c);
        prop_assert!(of(&a, &c).is_subset(&way));
    }

    #[test]
    fn what_stays_as_it_is_gains_nothing(a in spec()) {
        let mut found = BTreeSet::new();
        of_change(&workload(a.clone()), &workload(a), &mut found);
        prop_assert!(found.is_empty() , "{:?}", found);
    }
}
