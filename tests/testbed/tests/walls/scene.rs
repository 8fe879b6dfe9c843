//! Namespaces of every class with objects of every sort, and the account that writes among them.

use std::collections::BTreeMap;
use std::time::Duration;

use claw_core::patch::merged;
use claw_guardrails::walls::{Accounts, Walls};
use claw_testbed::suite::{Account, Namespace, Testbed, wait_until};
use serde_json::{Value, json};

use super::asked::{Asked, place, send};

/// For what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// A namespace, and what its labels say.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Its objects as they are stored, by kind and short name.
    pub(crate) objects: BTreeMap<(&'static str, String), Value>,
}

/// All of it. What lies in other namespaces belongs to the first one, and goes with it.
pub(crate) struct Scene {
    pub(crate) id: String,
    pub(crate) places: Vec<Place>,
    pub(crate) cluster: BTreeMap<(&'static str, String), Value>,
    pub(crate) owner: Value,
    pub(crate) namespaces: Vec<Namespace>,
}

/// Names and values.
type Pairs = &'static [(&'static str, &'static str)];

/// What people have written down of a workload: its name, labels, annotations.
const WORKLOADS: [(&str, Pairs, Pairs); 7] = [
    ("plain", &[], &[]),
    (
        "good",
        &[("claw.dev/criticality", "low")],
        &[("claw.dev/nature", "stateless")],
    ),
    (
        "high",
        &[("claw.dev/criticality", "High"), ("claw.dev/nature", "stateless")],
        &[],
    ),
    (
        "odd",
        &[("claw.dev/criticality", "whatever")],
        &[("claw.dev/nature", "stateless")],
    ),
    (
        "consumer",
        &[("claw.dev/nature", "consumer")],
        &[("claw.dev/criticality", "sandbox")],
    ),
    (
        "batch",
        &[("claw.dev/nature", "batch"), ("claw.dev/criticality", "low")],
        &[],
    ),
    (
        "acme",
        &[("acme.example/tier", "low"), ("acme.example/nature", "stateless")],
        &[],
    ),
];

fn map(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
    Value::Object(pairs.collect())
}

impl Scene {
    pub(crate) async fn new(testbed: &Testbed) -> Self {
        let mut namespaces = Vec::new();
        let mut places = Vec::new();
        for (prefix, labels) in [
            ("walls-own", map(&[("env", "dev")])),
            ("walls-production", map(&[])),
            ("walls-staging", map(&[("env", "Staging")])),
            ("walls-development", map(&[("environment", "dev")])),
            ("walls-odd", map(&[("env", "blue"), ("tier", "qa")])),
            ("walls-excluded", map(&[("env", "dev")])),
        ] {
            let namespace = testbed.namespace(prefix).await.unwrap();
            let patch = json!({ "metadata": { "labels": labels } });
            let path = place("Namespace", None, Some(namespace.name())).1;
            let answer = send(&testbed.api().client(), "PATCH", &path, Some(&patch), &[]).await;
            assert_eq!(answer.code, 200, "{}", answer.message);
            places.push((namespace.name().to_owned(), labels));
            namespaces.push(namespace);
        }
        places.push(("kube-system".to_owned(), map(&[])));
        let id = namespaces[0].name().to_owned();
        let stored = testbed
            .api()
            .get(&place("Namespace", None, Some(&id)).1)
            .await
            .unwrap();
        let owner =
            json!({ "apiVersion": "v1", "kind": "Namespace", "name": id, "uid": stored["metadata"]["uid"] });
        let mut scene = Self {
            id,
            places: Vec::new(),
            cluster: BTreeMap::new(),
            owner,
            namespaces,
        };
        let mut wanted: Vec<Value> = scene.of_cluster();
        for (name, _) in &places {
            wanted.extend(scene.inside(name));
        }
        testbed
            .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": wanted }).to_string())
            .await
            .unwrap();
        scene.cluster = scene.stored(testbed, &scene.of_cluster()).await;
        for (name, labels) in places {
            let objects = scene.stored(testbed, &scene.inside(&name)).await;
            let mut labels: BTreeMap<String, String> = serde_json::from_value(labels).unwrap();
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.clone());
            scene.places.push(Place {
                name,
                labels,
                objects,
            });
        }
        scene
    }

    /// The place whose name begins so.
    pub(crate) fn place(&self, prefix: &str) -> &Place {
        self.places
            .iter()
            .find(|place| place.name.starts_with(prefix))
            .unwrap()
    }

    /// An object that belongs to the scene.
    pub(crate) fn object(
        &self,
        kind: &'static str,
        namespace: Option<&str>,
        name: &str,
        more: Value,
    ) -> Value {
        let named = json!({
            "apiVersion": place(kind, None, None).0, "kind": kind,
            "metadata": { "name": format!("{}-{name}", self.id), "namespace": namespace, "ownerReferences": [self.owner] },
        });
        merged(&named, &more)
    }

    async fn stored(&self, testbed: &Testbed, wanted: &[Value]) -> BTreeMap<(&'static str, String), Value> {
        let mut found = BTreeMap::new();
        for object in wanted {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            let kind = super::asked::known(text("/kind").unwrap());
            let name = text("/metadata/name").unwrap();
            let (_, path) = place(kind, text("/metadata/namespace"), Some(name));
            let mut stored = testbed.api().get(&path).await.unwrap();
            stored["kind"] = json!(kind);
            let short = name
                .strip_prefix(&self.id)
                .unwrap()
                .trim_start_matches('-')
                .to_owned();
            found.insert((kind, short), stored);
        }
        found
    }

    /// What is made in a namespace. Nothing of it runs.
    fn inside(&self, namespace: &str) -> Vec<Value> {
        let pod = json!({ "schedulerName": "nobody", "containers": [{ "name": "main", "image": "registry.invalid/cart:1",
            "resources": { "limits": { "memory": "64Mi" } } }] });
        let workload = |name: &str, more: Value| {
            let labels = json!({ "app": format!("{}-{name}", self.id) });
            let template = json!({ "metadata": { "labels": labels }, "spec": pod });
            merged(
                &json!({ "spec": { "selector": { "matchLabels": labels }, "template": template } }),
                &more,
            )
        };
        let object = |kind, name: &str, more| self.object(kind, Some(namespace), name, more);
        let counted = |more: Value| merged(&json!({ "spec": { "replicas": 4 } }), &more);
        let mut all: Vec<Value> = WORKLOADS
            .iter()
            .map(|(name, labels, annotations)| {
                let metadata = json!({ "labels": map(labels), "annotations": map(annotations) });
                let paused = json!({ "metadata": metadata, "spec": { "paused": true } });
                object("Deployment", name, workload(name, counted(paused)))
            })
            .collect();
        let nowhere =
            json!({ "spec": { "template": { "spec": { "nodeSelector": { "claw": "nowhere" } } } } });
        let mut job = pod.clone();
        job["restartPolicy"] = json!("Never");
        let nightly = json!({ "spec": { "schedule": "0 3 * * *", "suspend": true,
            "jobTemplate": { "spec": { "template": { "spec": job } } } } });
        let scaler = json!({ "spec": { "minReplicas": 2, "maxReplicas": 6,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody" } } });
        let rules = json!({ "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] });
        let bound = json!({ "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody" }] });
        all.extend([
            object("StatefulSet", "set", workload("set", counted(json!({ "spec": { "serviceName": "set" } })))),
            object("ReplicaSet", "rs", workload("rs", counted(json!({})))),
            object("DaemonSet", "ds", workload("ds", nowhere)),
            object("CronJob", "nightly", nightly),
            object("HorizontalPodAutoscaler", "hpa", scaler),
            object("ConfigMap", "mode", json!({ "data": { "mode": "a" } })),
            object("Secret", "key", json!({ "stringData": { "key": "a" } })),
            object("Service", "web", json!({ "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } })),
            object("ServiceAccount", "robot", json!({})),
            object("NetworkPolicy", "closed", json!({ "spec": { "podSelector": {} } })),
            object("Role", "reader", rules),
            object("RoleBinding", "reader", bound),
            object("Pod", "alone", json!({ "spec": pod })),
            object("Pod", "known", json!({ "metadata": { "labels": { "claw.dev/criticality": "low", "claw.dev/nature": "batch" } }, "spec": pod })),
        ]);
        all
    }

    fn of_cluster(&self) -> Vec<Value> {
        let rules = json!({ "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] });
        vec![
            self.object("Node", None, "node", json!({})),
            self.object("ClusterRole", None, "reader", rules),
            self.object("PriorityClass", None, "usual", json!({ "value": 1000 })),
            self.object(
                "StorageClass",
                None,
                "disk",
                json!({ "provisioner": "nobody.example" }),
            ),
        ]
    }

    /// Applies walls, and waits until the API server asks them. What belongs to the scene goes with it.
    ///
    /// They are applied one after the other, and the API server learns of them in that order: whoever meets the last one meets
    /// them all.
    pub(crate) async fn build(&self, testbed: &Testbed, walls: &Walls, writer: &Account) {
        let owned = json!({ "metadata": { "ownerReferences": [self.owner] } });
        let items: Vec<Value> = walls
            .manifests()
            .iter()
            .map(|object| merged(object, &owned))
            .collect();
        testbed
            .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
            .await
            .unwrap();
        let client = writer.api(testbed).await.unwrap().client();
        let objects = &self.place("walls-development").objects;
        let fewer = Asked::patch(
            &objects[&("Deployment", "plain".to_owned())],
            json!({ "spec": { "replicas": 1 } }),
        );
        let last = walls.names().last().unwrap().clone();
        wait_until(SOON, "the walls", async || {
            let answer = fewer.send(&client).await;
            let denies = answer.denied_by().is_some_and(|(wall, _)| wall == last);
            Ok(match denies || answer.warned_by(&last).next().is_some() {
                true => Ok(()),
                false => Err(format!("{last}: {answer:?}")),
            })
        })
        .await
        .unwrap();
    }
}

/// The accounts of a policy: one that writes and may do everything, so that nothing but the walls holds it; one that reads, the
/// same.
pub(crate) async fn accounts(testbed: &Testbed, own: &Namespace, name: &str) -> (Accounts, Account, Account) {
    let everything = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let (writer, reader) = (format!("{name}-writer"), format!("{name}-reader"));
    let writing = Account::create(testbed, own, &writer, &everything).await.unwrap();
    let reading = Account::create(testbed, own, &reader, &everything).await.unwrap();
    let accounts = Accounts::in_namespace(own.name()).named(reader, writer);
    (accounts, writing, reading)
}
