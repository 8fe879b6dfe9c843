//! A small world in which every right of every tool is used.

use claw_core::access::KubernetesRule;
use claw_core::registry::Registry;
use claw_core::tool::ToolSpec;
use claw_k8s::cluster::Resource;
use claw_testbed::suite::{Namespace, Testbed, wait_until};
use serde_json::{Value, json};

use super::agent_under_test::SOON;
use super::objects::{custom_kind, merged};

/// A namespace with objects, and arguments to look at them with. Nothing in it moves: its pods are taken by no scheduler.
pub(crate) struct World {
    pub(crate) namespace: Namespace,
}

impl World {
    pub(crate) async fn new(testbed: &Testbed, tools: &Registry) -> Self {
        let namespace = testbed.namespace("access").await.unwrap();
        serve(testbed, &namespace, tools).await;
        let world = Self { namespace };
        let items = json!({ "apiVersion": "v1", "kind": "List", "items": world.objects() });
        testbed.apply(&items.to_string()).await.unwrap();
        let inside = format!("--namespace={}", world.namespace.name());
        let by_hand = ["create", "job", "by-hand", "--from=cronjob/nightly", &inside];
        testbed.kubectl().run(&by_hand).await.unwrap();
        world.settled(testbed).await;
        world
    }

    fn objects(&self) -> Vec<Value> {
        let object = |api: &str, kind: &str, name: &str, rest: Value| {
            let metadata = json!({ "name": name, "namespace": self.namespace.name() });
            merged(
                json!({ "apiVersion": api, "kind": kind, "metadata": metadata }),
                rest,
            )
        };
        let pods = |containers: &[&str]| {
            let containers = containers
                .iter()
                .map(|name| json!({ "name": name, "image": "registry.invalid/a:1" }));
            json!({ "schedulerName": "nobody", "containers": containers.collect::<Vec<_>>() })
        };
        let workload = |label: &str, spec: Value| {
            json!({ "spec": {
                "replicas": 1, "selector": { "matchLabels": { "app": label } },
                "template": { "metadata": { "labels": { "app": label } }, "spec": spec },
            } })
        };
        // The account does not exist, so that its pods are refused.
        let mut refused = pods(&["main"]);
        refused["serviceAccountName"] = json!("nobody");
        let mut job = pods(&["main"]);
        job["restartPolicy"] = json!("Never");
        let gateway = json!({ "spec": {
            "gatewayClassName": "none", "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }],
        } });
        let claim = json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "no-such-class",
            "resources": { "requests": { "storage": "1Gi" } },
        } });
        let ingress = json!({ "spec": { "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } } } });
        let service = json!({ "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } });
        let nightly = json!({ "spec": {
            "schedule": "0 3 * * *", "suspend": true, "jobTemplate": { "spec": { "template": { "spec": job } } },
        } });
        vec![
            object("apps/v1", "Deployment", "web", workload("web", pods(&["main"]))),
            object("apps/v1", "Deployment", "refused", workload("refused", refused)),
            object("apps/v1", "StatefulSet", "db", workload("db", pods(&["main"]))),
            // Logs of one of several containers: which one, the pod tells.
            object("v1", "Pod", "two", json!({ "spec": pods(&["main", "side"]) })),
            object("batch/v1", "CronJob", "nightly", nightly),
            object("v1", "Service", "web", service),
            object("v1", "ConfigMap", "settings", json!({ "data": { "a": "b" } })),
            object("v1", "PersistentVolumeClaim", "data", claim),
            object("networking.k8s.io/v1", "Ingress", "web", ingress),
            object("gateway.networking.k8s.io/v1", "Gateway", "web", gateway),
        ]
    }

    /// Controllers have done what they do about the objects.
    async fn settled(&self, testbed: &Testbed) {
        let counts = [
            "pods",
            "replicasets.apps",
            "jobs.batch",
            "controllerrevisions.apps",
            "events",
        ];
        let wanted = [4, 2, 1, 1, 5];
        wait_until(SOON, "the world settles", async || {
            let mut seen = Vec::new();
            for kind in counts {
                let inside = format!("--namespace={}", self.namespace.name());
                let names = ["get", kind, &inside, "--output=name"];
                seen.push(testbed.kubectl().run(&names).await?.lines().count());
            }
            let settled = seen.iter().zip(wanted).all(|(seen, wanted)| *seen >= wanted);
            Ok(if settled {
                Ok(())
            } else {
                Err(format!("{counts:?}: {seen:?}"))
            })
        })
        .await
        .unwrap();
    }

    /// A namespace that does not exist.
    fn absent(&self) -> String {
        format!("{}-not", self.namespace.name())
    }

    /// The arguments that fit a tool, each with whether they are about the world or about what does not exist.
    pub(crate) fn arguments(&self, tool: &ToolSpec) -> Vec<Arguments> {
        let here = self.namespace.name();
        let usual = [
            json!({}),
            json!({ "namespace": here }),
            json!({ "namespace": here, "pod_name": "two" }),
            json!({ "namespace": here, "pod_name": "two", "container": "side" }),
            json!({ "namespace": here, "resource_type": "Deployment", "resource_name": "web" }),
            json!({ "namespace": here, "resource_type": "CronJob", "resource_name": "nightly" }),
            json!({ "namespace": self.absent() }),
        ];
        let schema = tool.input.as_value();
        let properties = schema.pointer("/properties").and_then(Value::as_object);
        let known = |name: &str| properties.is_some_and(|known| known.contains_key(name));
        let required = schema.pointer("/required").and_then(Value::as_array);
        let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        usual
            .into_iter()
            .filter(|given| {
                let given = given.as_object().unwrap();
                let complete = required.iter().all(|name| given.contains_key(*name));
                // Of all namespaces, others than the suite's would be a part.
                let bounded = !known("namespace") || given.contains_key("namespace");
                complete && bounded && given.keys().all(|name| known(name))
            })
            .map(|given| Arguments {
                exist: given.get("namespace") != Some(&json!(self.absent())),
                given,
            })
            .collect()
    }
}

/// Arguments of a call.
pub(crate) struct Arguments {
    pub(crate) given: Value,
    /// Whether what they name exists.
    pub(crate) exist: bool,
}

/// Has the API server serve every kind that some tool reads, as far as definitions of custom kinds can.
async fn serve(testbed: &Testbed, namespace: &Namespace, tools: &Registry) {
    let specs = tools.specs();
    let rules: Vec<_> = specs.iter().flat_map(|spec| &spec.access.kubernetes).collect();
    let read = |kind: &&Resource| {
        let of_kind = |rule: &&KubernetesRule| rule.group == kind.group && rule.resource == kind.plural;
        rules.iter().any(of_kind)
    };
    let custom = |kind: &&Resource| !kind.is_built_in() && kind.group != "metrics.k8s.io";
    let served = Resource::ALL
        .iter()
        .filter(read)
        .filter(custom)
        .map(async |resource| {
            custom_kind(resource).serve(testbed, namespace).await.unwrap();
        });
    futures::future::join_all(served).await;
}
