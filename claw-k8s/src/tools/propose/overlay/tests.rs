use std::collections::BTreeSet;

use k8s_openapi::DeepMerge;
use k8s_openapi::api::core::v1::{Pod, Service};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::cluster::Resource;

fn of(kind: &Resource, before: &Value, said: &Value) -> Value {
    overlay(Place::of(kind), before, said).unwrap()
}

fn pod(before: Value, said: Value) -> Value {
    let spec = |spec: Value| json!({"spec": spec});
    of(&Resource::PODS, &spec(before), &spec(said))["spec"].take()
}

fn refusal(kind: &Resource, before: Value, said: Value) -> String {
    overlay(Place::of(kind), &before, &said).unwrap_err().to_string()
}

#[test]
fn an_element_that_is_named_keeps_what_is_not_said_of_it() {
    let before = json!({"containers": [
        {"name": "app", "image": "cart:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
         "terminationMessagePath": "/dev/termination-log", "args": ["a", "b"]},
        {"name": "proxy", "image": "proxy:1"}]});
    let said = json!({"containers": [
        {"name": "app", "image": "cart:2", "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}, {"name": "A"}], "args": ["c"]},
        {"name": "new", "image": "new:1", "tty": null}]});
    assert_eq!(
        pod(before.clone(), said.clone()),
        json!({"containers": [
            {"name": "app", "image": "cart:2", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
             "terminationMessagePath": "/dev/termination-log", "args": ["c"]},
            {"name": "proxy", "image": "proxy:1"}, {"name": "new", "image": "new:1"}]})
    );
    // Of kinds that others have defined, a list is a value.
    let whole = json!({"spec": {"containers": [
        {"name": "app", "image": "cart:2", "env": [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}, {"name": "A"}], "args": ["c"]},
        {"name": "new", "image": "new:1"}]}});
    let (before, said) = (json!({"spec": before}), json!({"spec": said}));
    assert_eq!(of(&Resource::APPLICATIONS, &before, &said), whole);
}

#[test]
fn what_is_one_thing_of_several_takes_the_place_of_the_rest() {
    let deployment = |strategy: Value| json!({"spec": {"strategy": strategy}});
    let rolling =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
    for (kind, before, said, after) in [
        (
            Resource::DEPLOYMENTS,
            deployment(rolling.clone()),
            deployment(json!({"type": "Recreate"})),
            deployment(json!({"type": "Recreate"})),
        ),
        (
            Resource::DEPLOYMENTS,
            deployment(rolling),
            deployment(json!({"rollingUpdate": {"maxSurge": 1}})),
            deployment(
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}}),
            ),
        ),
        (
            Resource::BUDGETS,
            json!({"spec": {"minAvailable": 1, "selector": {}}}),
            json!({"spec": {"maxUnavailable": 1}}),
            json!({"spec": {"maxUnavailable": 1, "selector": {}}}),
        ),
    ] {
        assert_eq!(of(&kind, &before, &said), after, "{kind}");
    }
    let app = |more: Value| {
        let named = json!({"name": "app"});
        json!({"containers": [claw_core::patch::merged(&named, &more)]})
    };
    let exec = json!({"exec": {"command": ["true"]}});
    for place in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let before = json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 10});
        let after = json!({"exec": {"command": ["true"]}, "periodSeconds": 10});
        assert_eq!(
            pod(app(json!({place: before})), app(json!({place: exec}))),
            app(json!({place: after}))
        );
    }
    let hook = |hook: Value| app(json!({"lifecycle": {"preStop": hook}}));
    assert_eq!(
        pod(hook(json!({"sleep": {"seconds": 5}})), hook(exec.clone())),
        hook(exec)
    );
    let variable = |source: Value| app(json!({"env": [{"name": "A", "valueFrom": source}]}));
    let (field, key) = (
        json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}),
        json!({"configMapKeyRef": {"name": "a", "key": "b"}}),
    );
    assert_eq!(pod(variable(field), variable(key.clone())), variable(key));
    let profile = |profile: Value| json!({"securityContext": {"seccompProfile": profile}});
    assert_eq!(
        pod(
            profile(json!({"type": "Localhost", "localhostProfile": "a"})),
            profile(json!({"type": "RuntimeDefault"}))
        ),
        profile(json!({"type": "RuntimeDefault"}))
    );
    let before = json!({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "x", "defaultMode": 420}}, {"name": "c", "emptyDir": {}}]});
    let said = json!({"volumes": [{"name": "a", "configMap": {"name": "y"}}, {"name": "b", "configMap": {"name": "z"}}, {"name": "c"}]});
    assert_eq!(
        pod(before, said),
        json!({"volumes": [{"name": "a", "configMap": {"name": "y"}}, {"name": "b", "configMap": {"name": "z", "defaultMode": 420}}, {"name": "c", "emptyDir": {}}]})
    );
}

#[test]
fn ports_are_told_apart_by_name_or_by_number_and_protocol() {
    let service = |ports: Value| json!({"spec": {"ports": ports}});
    let stored = || {
        service(json!([
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080},
            {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090},
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}]))
    };
    let after = |said: Value| of(&Resource::SERVICES, &stored(), &service(said))["spec"]["ports"].take();
    let changed = |place: usize, more: Value| {
        let mut ports = stored()["spec"]["ports"].take();
        ports[place] = claw_core::patch::merged(&ports[place], &more);
        ports
    };
    assert_eq!(
        after(json!([{"name": "http", "port": 8000}])),
        changed(0, json!({"port": 8000}))
    );
    assert_eq!(
        after(json!([{"port": 80, "targetPort": "web"}])),
        changed(0, json!({"targetPort": "web"}))
    );
    assert_eq!(
        after(json!([{"name": "web", "port": 80}])),
        changed(0, json!({"name": "web"}))
    );
    let tcp = after(json!([{"name": "dns-tcp", "port": 53}]));
    assert_eq!(tcp[3], json!({"name": "dns-tcp", "port": 53}));
    let message = refusal(
        &Resource::SERVICES,
        stored(),
        service(json!([{"name": "http", "port": 9090}])),
    );
    assert!(
        message.contains("two elements of spec.ports would have the same name, or port and protocol"),
        "{message}"
    );
    let message = refusal(&Resource::SERVICES, stored(), service(json!([{"targetPort": 1}])));
    assert!(message.contains("has no name, or port and protocol"), "{message}");
    // Of a container as well.
    let container = |ports: Value| json!({"containers": [{"name": "app", "ports": ports}]});
    assert_eq!(
        pod(
            container(
                json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81, "protocol": "TCP"}])
            ),
            container(
                json!([{"containerPort": 81, "name": "admin"}, {"containerPort": 80, "protocol": "UDP"}])
            ),
        ),
        container(
            json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81, "protocol": "TCP", "name": "admin"},
            {"containerPort": 80, "protocol": "UDP"}])
        )
    );
}

#[test]
fn finalizers_and_owners_that_are_not_named_stay() {
    let meta = |finalizers: Value, owners: Value| json!({"metadata": {"finalizers": finalizers, "ownerReferences": owners}});
    let before = meta(
        json!(["a/b", "c/d"]),
        json!([{"uid": "1", "name": "x", "controller": true}]),
    );
    let said = meta(
        json!(["c/d", "e/f"]),
        json!([{"uid": "2", "name": "y"}, {"uid": "1", "controller": false}]),
    );
    for kind in [Resource::CONFIG_MAPS, Resource::APPLICATIONS] {
        assert_eq!(
            of(&kind, &before, &said),
            meta(
                json!(["a/b", "c/d", "e/f"]),
                json!([{"uid": "1", "name": "x", "controller": false}, {"uid": "2", "name": "y"}])
            )
        );
    }
    let gone = of(
        &Resource::CONFIG_MAPS,
        &before,
        &json!({"metadata": {"finalizers": null}}),
    );
    assert_eq!(gone["metadata"].get("finalizers"), None);
}

#[test]
fn what_cannot_be_told_apart_is_refused_unless_all_of_it_is_said() {
    let env = |env: Value| json!({"spec": {"containers": [{"name": "app", "env": env}]}});
    let twice = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    let message = refusal(
        &Resource::PODS,
        env(twice.clone()),
        env(json!([{"name": "A", "value": "3"}])),
    );
    assert!(
        message.contains("several elements of spec.containers.env have the same name"),
        "{message}"
    );
    let other = json!([{"name": "B", "value": "3"}]);
    let after = of(&Resource::PODS, &env(twice.clone()), &env(other));
    assert_eq!(after["spec"]["containers"][0]["env"].as_array().unwrap().len(), 3);
    let more = json!([{"name": "A", "value": "1"}, {"name": "C"}, {"name": "A", "value": "2"}]);
    assert_eq!(of(&Resource::PODS, &env(twice), &env(more.clone())), env(more));
    let spread = |items: Value| json!({"topologySpreadConstraints": items});
    let (hard, soft) = (
        json!({"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}),
        json!({"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 1}),
    );
    assert_eq!(
        pod(spread(json!([hard])), spread(json!([soft]))),
        spread(json!([soft]))
    );
    assert_eq!(
        pod(spread(json!([hard])), spread(json!([soft, hard]))),
        spread(json!([hard, soft]))
    );
}

#[test]
fn braces_where_nothing_was_are_no_labels() {
    let bare = json!({"metadata": {"name": "a"}, "spec": {}});
    let said = json!({"metadata": {"labels": {}, "annotations": {}}});
    for kind in [Resource::CONFIG_MAPS, Resource::APPLICATIONS] {
        assert_eq!(of(&kind, &bare, &said), bare);
    }
    let empty = json!({"spec": {"podSelector": {}}});
    assert_eq!(
        of(&Resource::NETWORK_POLICIES, &json!({"spec": {}}), &empty),
        empty
    );
}

/// What the types of Kubernetes make of the two, read from their own declarations.
fn typed<T: DeepMerge + Serialize + DeserializeOwned>(before: &Value, said: &Value) -> Value {
    let read = |value: &Value| serde_json::from_value::<T>(value.clone()).unwrap();
    let mut after = read(before);
    after.merge_from(read(said));
    json!(after)
}

#[test]
fn lists_are_merged_as_their_types_declare() {
    let spec = |letter: &str, number: u16| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "finalizers": [letter], "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": letter, "uid": letter}]},
            "spec": {
            "volumes": [{"name": letter, "emptyDir": {}}], "imagePullSecrets": [{"name": letter}],
            "hostAliases": [{"ip": letter, "hostnames": ["a"]}], "schedulingGates": [{"name": letter}],
            "resourceClaims": [{"name": letter}], "tolerations": [{"key": letter}], "readinessGates": [{"conditionType": letter}],
            "topologySpreadConstraints": [{"topologyKey": letter, "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}],
            "initContainers": [{"name": letter}], "ephemeralContainers": [{"name": letter}],
            "containers": [{"name": "app", "args": [letter], "env": [{"name": letter, "value": letter}], "envFrom": [{"prefix": letter}],
                "ports": [{"containerPort": number}], "volumeMounts": [{"name": "v", "mountPath": letter}],
                "volumeDevices": [{"name": "v", "devicePath": letter}], "resources": {"claims": [{"name": letter}]}}]}})
    };
    let (before, said) = (spec("a", 1), spec("b", 2));
    assert_eq!(of(&Resource::PODS, &before, &said), typed::<Pod>(&before, &said));
    let service = |port: u16| json!({"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"port": port}], "externalIPs": [port.to_string()]}});
    let (before, said) = (service(1), service(2));
    assert_eq!(
        of(&Resource::SERVICES, &before, &said),
        typed::<Service>(&before, &said)
    );
}

/// Pods of few names, with lists of all sorts.
fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..3_i32).prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    });
    let source = (
        prop::sample::select(&["emptyDir", "configMap", "secret"][..]),
        value.clone(),
    );
    let volume = ("[a-c]", source).prop_map(|(name, (key, value))| json!({"name": name, key: value}));
    let port = (
        prop::option::of("[a-c]"),
        80..83_u16,
        prop::option::of(prop::sample::select(&["TCP", "UDP"][..])),
    )
        .prop_map(|(name, port, protocol)| {
            claw_core::patch::merged(
                &json!({}),
                &json!({"name": name, "containerPort": port, "protocol": protocol}),
            )
        });
    let probe = prop::sample::select(&["exec", "httpGet", "tcpSocket", "periodSeconds"][..]);
    let probe = prop::collection::btree_map(probe, value.clone(), 0..2).prop_map(|map| {
        map.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<Value>()
    });
    let container = ("[a-c]", prop::collection::vec(port, 0..3), probe)
        .prop_map(|(name, ports, probe)| json!({"name": name, "ports": ports, "livenessProbe": probe}));
    let finalizers = prop::collection::btree_set("[a-c]", 0..3);
    (prop::collection::vec(container, 0..3), prop::collection::vec(volume, 0..3), finalizers, value).prop_map(
        |(containers, volumes, finalizers, value)| {
            json!({"metadata": {"finalizers": finalizers}, "spec": {"containers": containers, "volumes": volumes, "other": value}})
        },
    )
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item["name"].as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_so_already_stays_as_it_is(before in object(), known in any::<bool>()) {
        let kind = if known { Resource::PODS } else { Resource::APPLICATIONS };
        prop_assert_eq!(of(&kind, &before, &json!({})), before.clone());
        // Unless it says the same of two that are one.
        if let Ok(after) = overlay(Place::of(&kind), &before, &before) {
            prop_assert_eq!(after, before);
        }
    }

    #[test]
    fn saying_it_twice_changes_nothing_more(before in object(), said in object(), known in any::<bool>()) {
        let kind = if known { Resource::PODS } else { Resource::APPLICATIONS };
        if let Ok(once) = overlay(Place::of(&kind), &before, &said)
            && let Ok(twice) = overlay(Place::of(&kind), &once, &said)
        {
            prop_assert_eq!(twice, once);
        }
    }

    /// Nothing goes that the manifest does not name.
    #[test]
    fn no_element_is_lost(before in object(), said in object()) {
        if let Ok(after) = overlay(Place::of(&Resource::PODS), &before, &said) {
            for list in ["containers", "volumes"] {
                let (was, is) = (names(&before["spec"][list]), names(&after["spec"][list]));
                prop_assert!(was.iter().all(|name| is.contains(name)), "{was:?} {is:?}");
            }
            // A port that stands there twice is one.
            let ports = |object: &Value| {
                let containers = object["spec"]["containers"].as_array().into_iter().flatten();
                let of_one = |container: &Value| {
                    let ports = container["ports"].as_array().into_iter().flatten();
                    ports.map(Value::to_string).collect::<BTreeSet<_>>().len()
                };
                containers.map(of_one).sum::<usize>()
            };
            prop_assert!(ports(&after) >= ports(&before));
            let kept = |object: &Value| object["metadata"]["finalizers"].as_array().unwrap().clone();
            prop_assert!(kept(&before).iter().all(|one| kept(&after).contains(one)));
        }
    }

    /// Where nothing is known, it is what a merge patch does.
    #[test]
    fn of_kinds_of_others_it_is_a_merge_patch(before in object(), said in object()) {
        let (mut before, mut said) = (before, said);
        for object in [&mut before, &mut said] {
            object["metadata"] = json!({});
        }
        prop_assert_eq!(of(&Resource::APPLICATIONS, &before, &said), claw_core::patch::merged(&before, &said));
    }
}
