//! Manifests over objects as the API server stores them, with its defaults: what is one thing of several is replaced, what is
//! not named stays, and both can be taken back.

use claw_core::action::{Action, pre_image};
use claw_core::execute::{ExecuteError, Executor as _};
use claw_core::patch::{between, merged};
use claw_testbed::suite::{Testbed, wait_until};
use serde_json::{Value, json};

use super::{SOON, Writer, cx};

/// What is there, what the manifest says, and the place that is looked at afterwards with what is to be there.
struct Case {
    name: &'static str,
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    stored: Value,
    said: Value,
    place: &'static str,
    after: Value,
    /// Whether the API server refuses what is said beside what is stored.
    is_refused_beside: bool,
    /// Whether the reversal gives the very same object: addresses and ports of Services are assigned anew.
    is_exact: bool,
}

fn pod(container: &Value, more: &Value) -> Value {
    let app = merged(
        &json!({ "name": "main", "image": "registry.invalid/cart:1" }),
        container,
    );
    let spec = merged(&json!({ "schedulerName": "nobody", "containers": [app] }), more);
    json!({ "metadata": { "labels": { "app": "cart" } }, "spec": spec })
}

fn deployment(container: &Value, more: &Value) -> Value {
    let spec = json!({ "replicas": 0, "selector": { "matchLabels": { "app": "cart" } }, "template": pod(container, more) });
    json!({ "spec": spec })
}

/// A manifest that speaks of the container alone.
fn of_container(container: &Value) -> Value {
    let app = merged(&json!({ "name": "main" }), container);
    json!({ "spec": { "template": { "spec": { "containers": [app] } } } })
}

fn cases() -> Vec<Case> {
    let of = |name, stored, said, place, after, is_refused_beside| Case {
        name,
        api_version: "apps/v1",
        kind: "Deployment",
        plural: "deployments",
        stored,
        said,
        place,
        after,
        is_refused_beside,
        is_exact: true,
    };
    let bare = deployment(&json!({}), &json!({}));
    let recreate = merged(&bare, &json!({ "spec": { "strategy": { "type": "Recreate" } } }));
    let http = json!({ "httpGet": { "path": "/", "port": 80 }, "periodSeconds": 7 });
    let exec = json!({ "exec": { "command": ["true"] } });
    let mut cases = vec![
        of(
            "recreate",
            bare.clone(),
            json!({ "spec": { "strategy": { "type": "Recreate" } } }),
            "/spec/strategy",
            json!({ "type": "Recreate" }),
            true,
        ),
        of(
            "rolling",
            recreate.clone(),
            json!({ "spec": { "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1 } } } }),
            "/spec/strategy/rollingUpdate/maxSurge",
            json!(1),
            false,
        ),
        of(
            "rolling-by-default",
            recreate,
            json!({ "spec": { "strategy": { "type": "RollingUpdate" } } }),
            "/spec/strategy/type",
            json!("RollingUpdate"),
            false,
        ),
        of(
            "probe",
            deployment(&json!({ "livenessProbe": http }), &json!({})),
            of_container(&json!({ "livenessProbe": exec })),
            "/spec/template/spec/containers/0/livenessProbe",
            json!({ "exec": { "command": ["true"] }, "periodSeconds": 7, "failureThreshold": 3, "successThreshold": 1, "timeoutSeconds": 1 }),
            true,
        ),
        of(
            "hook",
            deployment(
                &json!({ "lifecycle": { "preStop": { "sleep": { "seconds": 1 } } } }),
                &json!({}),
            ),
            of_container(&json!({ "lifecycle": { "preStop": exec } })),
            "/spec/template/spec/containers/0/lifecycle/preStop",
            exec.clone(),
            true,
        ),
        of(
            "variable",
            deployment(
                &json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] }),
                &json!({}),
            ),
            of_container(
                &json!({ "env": [{ "name": "A", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } }] }),
            ),
            "/spec/template/spec/containers/0/env",
            json!([{ "name": "A", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } }, { "name": "B", "value": "2" }]),
            true,
        ),
        of(
            "ports",
            deployment(
                &json!({ "ports": [{ "name": "http", "containerPort": 80 }, { "containerPort": 53, "protocol": "UDP" }] }),
                &json!({}),
            ),
            of_container(
                &json!({ "ports": [{ "name": "http", "containerPort": 8080 }, { "containerPort": 53 }] }),
            ),
            "/spec/template/spec/containers/0/ports",
            json!([
                { "name": "http", "containerPort": 8080, "protocol": "TCP" }, { "containerPort": 53, "protocol": "UDP" },
                { "containerPort": 53, "protocol": "TCP" }
            ]),
            false,
        ),
        of(
            "volume",
            deployment(
                &json!({}),
                &json!({ "volumes": [{ "name": "a", "emptyDir": {} }, { "name": "b", "emptyDir": {} }] }),
            ),
            json!({ "spec": { "template": { "spec": { "volumes": [{ "name": "a", "configMap": { "name": "x" } }] } } } }),
            "/spec/template/spec/volumes",
            json!([{ "name": "a", "configMap": { "name": "x", "defaultMode": 420 } }, { "name": "b", "emptyDir": {} }]),
            true,
        ),
        of(
            "profile",
            deployment(
                &json!({}),
                &json!({ "securityContext": { "seccompProfile": { "type": "Localhost", "localhostProfile": "a" } } }),
            ),
            json!({ "spec": { "template": { "spec": { "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } } } } } }),
            "/spec/template/spec/securityContext/seccompProfile",
            json!({ "type": "RuntimeDefault" }),
            true,
        ),
    ];
    let set = json!({ "spec": { "serviceName": "cart", "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } } } });
    cases.push(Case {
        kind: "StatefulSet",
        plural: "statefulsets",
        ..of(
            "on-delete",
            merged(&bare, &set),
            json!({ "spec": { "updateStrategy": { "type": "OnDelete" } } }),
            "/spec/updateStrategy",
            json!({ "type": "OnDelete" }),
            true,
        )
    });
    let daemons = json!({ "spec": { "replicas": null, "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 2 } } } });
    cases.push(Case {
        kind: "DaemonSet",
        plural: "daemonsets",
        ..of(
            "daemons-on-delete",
            merged(&bare, &daemons),
            json!({ "spec": { "updateStrategy": { "type": "OnDelete" } } }),
            "/spec/updateStrategy/type",
            json!("OnDelete"),
            false,
        )
    });
    let service = |name, stored: Value, said: Value, place, after, refused| Case {
        api_version: "v1",
        kind: "Service",
        plural: "services",
        ..of(
            name,
            json!({ "spec": stored }),
            json!({ "spec": said }),
            place,
            after,
            refused,
        )
    };
    let inexact = |case: Case| Case {
        is_exact: false,
        ..case
    };
    let ports =
        json!([{ "name": "http", "port": 80, "targetPort": 8080 }, { "name": "metrics", "port": 9090 }]);
    cases.extend([
        service(
            "service-ports",
            json!({ "ports": ports }),
            json!({ "ports": [{ "name": "http", "port": 81 }] }),
            "/spec/ports",
            json!([
                { "name": "http", "port": 81, "protocol": "TCP", "targetPort": 8080 },
                { "name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090 }
            ]),
            false,
        ),
        service(
            "affinity",
            json!({ "ports": ports, "sessionAffinity": "ClientIP" }),
            json!({ "sessionAffinity": "None" }),
            "/spec/sessionAffinityConfig",
            Value::Null,
            false,
        ),
        service(
            "affinity-by-default",
            json!({ "ports": ports }),
            json!({ "sessionAffinity": "ClientIP" }),
            "/spec/sessionAffinity",
            json!("ClientIP"),
            false,
        ),
        inexact(service(
            "external-name",
            json!({ "ports": ports }),
            json!({ "type": "ExternalName", "externalName": "cart.example.com" }),
            "/spec/type",
            json!("ExternalName"),
            false,
        )),
        inexact(service(
            "no-external-name",
            json!({ "ports": ports, "type": "ExternalName", "externalName": "cart.example.com" }),
            json!({ "type": "ClusterIP" }),
            "/spec/type",
            json!("ClusterIP"),
            false,
        )),
        inexact(service(
            "node-port",
            json!({ "ports": ports, "type": "NodePort" }),
            json!({ "type": "ClusterIP" }),
            "/spec/ports/0/nodePort",
            Value::Null,
            false,
        )),
        Case {
            api_version: "policy/v1",
            kind: "PodDisruptionBudget",
            plural: "poddisruptionbudgets",
            ..of(
                "budget",
                json!({ "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "cart" } } } }),
                json!({ "spec": { "maxUnavailable": 1 } }),
                "/spec/minAvailable",
                Value::Null,
                true,
            )
        },
        Case {
            api_version: "networking.k8s.io/v1",
            kind: "Ingress",
            plural: "ingresses",
            ..of(
                "backend",
                json!({ "spec": { "defaultBackend": { "service": { "name": "cart", "port": { "name": "http" } } } } }),
                json!({ "spec": { "defaultBackend": { "service": { "name": "cart", "port": { "number": 80 } } } } }),
                "/spec/defaultBackend/service/port",
                json!({ "number": 80 }),
                true,
            )
        },
        Case {
            api_version: "v1",
            kind: "ConfigMap",
            plural: "configmaps",
            ..of(
                "labels",
                json!({ "data": { "a": "1" } }),
                json!({ "metadata": { "labels": { "team": "shop" }, "annotations": { "a": "b" } }, "binaryData":
                    { "b": "Yg==" } }),
                "/metadata/labels",
                json!({ "team": "shop" }),
                false,
            )
        },
    ]);
    cases
}

/// What is said beside what is stored, in lists one element after another.
fn beside(stored: &Value, said: &Value) -> Value {
    match (stored, said) {
        (Value::Object(stored), Value::Object(fields)) => {
            let mut all = stored.clone();
            for (key, item) in fields {
                let was = stored.get(key).unwrap_or(&Value::Null);
                all.insert(key.clone(), beside(was, item));
            }
            Value::Object(all)
        }
        (Value::Array(stored), Value::Array(items)) => {
            let said = items.iter().zip(stored).map(|(item, was)| beside(was, item));
            said.chain(stored.iter().skip(items.len()).cloned()).collect()
        }
        _ => said.clone(),
    }
}

fn rights() -> Value {
    let any = ["get", "patch"];
    json!([
        { "apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": any },
        { "apiGroups": [""], "resources": ["services", "configmaps"], "verbs": any },
        { "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": any },
        { "apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": any },
    ])
}

/// The same action with another patch, for the object as it is now.
async fn anew(testbed: &Testbed, path: &str, action: &Action, patch: Value) -> Action {
    let object = testbed.api().get(path).await.unwrap();
    let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
    Action {
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
        pre_image: Some(pre_image(&object)),
        patch,
        reversal: None,
        ..action.clone()
    }
}

/// What an object is meant to be, without what others write to it, and the annotation of whoever wrote last.
fn meant(object: &Value) -> Value {
    let metadata = |key: &str| object["metadata"][key].clone();
    let mut annotations = metadata("annotations");
    if let Some(annotations) = annotations.as_object_mut() {
        annotations
            .retain(|key, _| !key.starts_with("claw.dev/") && !key.starts_with("deployment.kubernetes.io/"));
    }
    let nothing = json!({});
    let annotations = if annotations == nothing {
        Value::Null
    } else {
        annotations
    };
    json!({ "spec": object["spec"], "data": object["data"], "binaryData": object["binaryData"], "labels": metadata("labels"),
        "annotations": annotations })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn manifests_are_taken_as_they_are_meant_and_can_be_taken_back() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("manifests").await.unwrap();
    let ns = namespace.name();
    let writer = Writer::with(&testbed, &namespace, &rights()).await;
    let all = cases();
    for case in &all {
        let name = case.name;
        let named = json!({ "apiVersion": case.api_version, "kind": case.kind, "metadata": { "name": name, "namespace": ns } });
        testbed
            .apply(&merged(&named, &case.stored).to_string())
            .await
            .unwrap();
        let group = if case.api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let path = format!(
            "/{group}/{}/namespaces/{ns}/{}/{name}",
            case.api_version, case.plural
        );
        let manifest = merged(&named, &case.said);
        let input = json!({ "manifest": manifest.to_string(), "reason": "test" });
        // Controllers write to what is new.
        let (action, before) = wait_until(SOON, name, async || {
            let action = writer.propose("apply_manifest", &input).await;
            let before = testbed.api().get(&path).await?;
            let version = before["metadata"]["resourceVersion"].as_str().map(str::to_owned);
            let patch = between(&before, &beside(&before, &case.said));
            let beside = Action {
                patch,
                ..action.clone()
            };
            if version != action.resource_version {
                return Ok(Err("it has changed meanwhile".to_owned()));
            }
            let outcome = writer.executor.dry_run(&cx(), &beside).await;
            if matches!(outcome, Err(ExecuteError::Changed { .. })) {
                return Ok(Err("it has changed meanwhile".to_owned()));
            }
            let is_refused = matches!(outcome, Err(ExecuteError::Refused { .. }));
            assert_eq!(is_refused, case.is_refused_beside, "{name}: {outcome:?}");
            match writer.perform(&action).await.1 {
                Ok(_) => Ok(Ok((action, before))),
                Err(error @ ExecuteError::Changed { .. }) => Ok(Err(error.to_string())),
                Err(error) => panic!("{name}: {error:?}"),
            }
        })
        .await
        .unwrap();
        let after = testbed.api().get(&path).await.unwrap();
        let found = after.pointer(case.place).cloned().unwrap_or_default();
        assert_eq!(found, case.after, "{name}");
        // What somebody adds in between stays.
        let label = json!({ "metadata": { "labels": { "by-others": "x" } } });
        let reversal = action.reversal.clone().expect("each can be taken back");
        wait_until(SOON, name, async || {
            let other = anew(&testbed, &path, &action, label.clone()).await;
            if let Err(error) = writer.perform(&other).await.1 {
                return Ok(Err(error.to_string()));
            }
            let back = anew(&testbed, &path, &action, reversal.clone()).await;
            Ok(writer
                .perform(&back)
                .await
                .1
                .map_err(|error| format!("{error:?}")))
        })
        .await
        .unwrap();
        let mut back = testbed.api().get(&path).await.unwrap();
        let labels = back["metadata"]["labels"].as_object_mut().unwrap();
        assert_eq!(labels.remove("by-others"), Some(json!("x")), "{name}");
        if labels.is_empty() {
            back["metadata"]["labels"] = Value::Null;
        }
        if case.is_exact {
            assert_eq!(meant(&back), meant(&before), "{name}");
        } else {
            assert_eq!(back["spec"]["type"], before["spec"]["type"], "{name}");
        }
    }
    testbed.note(&format!(
        "writes: {} manifests over stored objects, each taken back",
        all.len()
    ));
}
