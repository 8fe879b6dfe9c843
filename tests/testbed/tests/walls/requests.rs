//! Requests of every sort: operations by kinds by places by what people have written down.

use claw_core::patch::merged;
use serde_json::{Value, json};

use super::asked::Asked;
use super::scene::{Place, Scene};

/// Numbers of replicas that are asked for; there are 4.
const REPLICAS: [u32; 9] = [0, 1, 3, 5, 6, 8, 9, 41, 101];

/// A request for a certificate in the name of nobody, whose key nobody has.
const SIGNING_REQUEST: &str = "\
    LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1ITUNBUUF3RVRFUE1BMEdBMVVFQXd3R2JtOW\
    liMlI1TUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowRApBUWNEUWdBRVgraEY0TjR6WmFjdm1Da2k2dEdZWDNNNUFl\
    cENRTE1kSFpXenVwYjVvdE5kL2dlUnl6bmdka1M1CmF4M1FFZzhrdW5RSlpKaHBGakdPRXlVanhJcXBiYUFBTUFvR0\
    NDcUdTTTQ5QkFNQ0EwZ0FNRVVDSVFDM013emQKWldma0thaXorVVhId1g1VjdkZjA1VlZoUlFSL21WUDBhdEl1ZHdJ\
    Z0RlODRmZnZnZ09OYzEzcTN4VWlQRmNFbwpQUWVjbklmYTB2NFhrOWRCRHg4PQotLS0tLUVORCBDRVJUSUZJQ0FURS\
    BSRVFVRVNULS0tLS0K";

/// All of them, for a scene.
pub(crate) fn all(scene: &Scene) -> Vec<Asked> {
    let mut all = of_cluster(scene);
    for place in &scene.places {
        all.extend(scaled(place));
        all.extend(changed(place));
        all.extend(parts(place));
        all.extend(created(scene, place));
        for object in place.objects.values() {
            all.push(Asked::delete(object));
            if object["kind"] == "Pod" {
                all.push(Asked::evict(object));
            }
        }
    }
    all
}

fn scaled(place: &Place) -> Vec<Asked> {
    let mut all = Vec::new();
    for ((kind, name), object) in &place.objects {
        if !matches!(*kind, "Deployment" | "StatefulSet" | "ReplicaSet") {
            continue;
        }
        for replicas in REPLICAS {
            let patch = json!({ "spec": { "replicas": replicas } });
            all.push(Asked::patch(object, patch.clone()));
            if name == "good" || name == "set" {
                all.push(Asked::patch_of(object, "scale", patch));
            }
        }
    }
    let scaler = &place.objects[&("HorizontalPodAutoscaler", "hpa".to_owned())];
    for bounds in [
        json!({ "maxReplicas": 9 }),
        json!({ "maxReplicas": 3 }),
        json!({ "minReplicas": 3 }),
        json!({ "minReplicas": 1 }),
        json!({ "minReplicas": 1, "maxReplicas": 9 }),
        json!({ "maxReplicas": 9, "scaleTargetRef": { "name": "other" } }),
    ] {
        all.push(Asked::patch(scaler, json!({ "spec": bounds })));
    }
    all
}

/// Changes of anything else.
fn changed(place: &Place) -> Vec<Asked> {
    let mut all = Vec::new();
    let annotated = |key: &str, value: Value| json!({ "metadata": { "annotations": { key: value } } });
    let labelled = |key: &str, value: Value| json!({ "metadata": { "labels": { key: value } } });
    let of_all = [
        labelled("team", json!("a")),
        annotated("note", json!("b")),
        labelled("claw.dev/criticality", json!("sandbox")),
        labelled("acme.example/tier", json!("sandbox")),
        annotated("claw.dev/nature", json!("batch")),
        annotated("claw.dev/anything", json!("c")),
        json!({ "metadata": { "finalizers": ["claw.example/held"] } }),
    ];
    for object in place.objects.values() {
        all.extend(of_all.iter().map(|patch| Asked::patch(object, patch.clone())));
    }
    let template = |spec: Value| json!({ "spec": { "template": spec } });
    let main = |more: Value| {
        let main = json!({ "name": "main", "image": "registry.invalid/cart:1", "resources": { "limits": { "memory": "64Mi" } } });
        template(json!({ "spec": { "containers": [merged(&main, &more)] } }))
    };
    let restarted = json!({ "metadata": { "annotations": { "kubectl.kubernetes.io/restartedAt": "now" } } });
    let of_workloads = [
        main(json!({ "image": "registry.invalid/cart:2" })),
        main(json!({ "resources": { "limits": { "memory": "128Mi" } } })),
        template(restarted),
        merged(
            &json!({ "spec": { "replicas": 5 } }),
            &main(json!({ "image": "registry.invalid/cart:2" })),
        ),
        json!({ "spec": { "replicas": 5 }, "metadata": { "labels": { "team": "a" } } }),
        json!({ "spec": { "replicas": 5 }, "metadata": { "annotations": { "note": "a" } } }),
        json!({ "spec": { "revisionHistoryLimit": 3 } }),
        json!({ "spec": { "minReadySeconds": 3, "replicas": 5 } }),
    ];
    for object in place
        .objects
        .values()
        .filter(|object| object["kind"] == "Deployment")
    {
        all.extend(
            of_workloads
                .iter()
                .map(|patch| Asked::patch(object, patch.clone())),
        );
    }
    let mut one = |kind: &'static str, name: &str, patch: Value| {
        all.push(Asked::patch(&place.objects[&(kind, name.to_owned())], patch));
    };
    one("ConfigMap", "mode", json!({ "data": { "mode": "b" } }));
    one("Secret", "key", json!({ "data": { "key": "Yg==" } }));
    one(
        "CronJob",
        "nightly",
        json!({ "spec": { "schedule": "0 4 * * *" } }),
    );
    one(
        "Service",
        "web",
        json!({ "spec": { "ports": [{ "port": 81, "protocol": "TCP" }] } }),
    );
    one(
        "ServiceAccount",
        "robot",
        json!({ "automountServiceAccountToken": false }),
    );
    one(
        "NetworkPolicy",
        "closed",
        json!({ "spec": { "policyTypes": ["Egress"] } }),
    );
    one("DaemonSet", "ds", json!({ "spec": { "minReadySeconds": 5 } }));
    let rule = |resource: &str, verb: &str| json!({ "rules": [{ "apiGroups": ["*"], "resources": [resource], "verbs": [verb] }] });
    for (resource, verb) in [
        ("pods", "list"),
        ("secrets", "get"),
        ("pods/exec", "create"),
        ("roles", "escalate"),
        ("pods", "*"),
    ] {
        one("Role", "reader", rule(resource, verb));
    }
    let subject = json!({ "kind": "ServiceAccount", "name": "robot", "namespace": place.name });
    one("RoleBinding", "reader", json!({ "subjects": [subject] }));
    all
}

/// What goes to parts of objects.
fn parts(place: &Place) -> Vec<Asked> {
    let object = |kind: &'static str, name: &str| &place.objects[&(kind, name.to_owned())];
    let debug = json!({ "spec": { "ephemeralContainers": [{ "name": "debug", "image": "registry.invalid/debug:1" }] } });
    vec![
        Asked::patch_of(
            object("Deployment", "good"),
            "status",
            json!({ "status": { "replicas": 9 } }),
        ),
        Asked::patch_of(
            object("Pod", "alone"),
            "status",
            json!({ "status": { "message": "hello" } }),
        ),
        Asked::patch_of(object("Pod", "alone"), "ephemeralcontainers", debug),
        Asked::create_at(
            object("Pod", "alone"),
            "binding",
            "v1",
            "Binding",
            json!({ "target": { "kind": "Node", "name": "n" } }),
        ),
        Asked::create_at(
            object("ServiceAccount", "robot"),
            "token",
            "authentication.k8s.io/v1",
            "TokenRequest",
            json!({ "spec": {} }),
        ),
    ]
}

fn created(scene: &Scene, place: &Place) -> Vec<Asked> {
    let new = |kind: &'static str, more: Value| {
        let mut object = scene.object(kind, Some(&place.name), "new", more);
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("ownerReferences");
        Asked::create(object)
    };
    let pod = json!({ "schedulerName": "nobody", "containers": [{ "name": "main", "image": "registry.invalid/cart:1" }] });
    let labels = json!({ "app": "new" });
    let workload = json!({ "replicas": 2, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } });
    let once = merged(&pod, &json!({ "restartPolicy": "Never" }));
    let rule = |resource: &str, verb: &str| json!({ "rules": [{ "apiGroups": ["apps"], "resources": [resource], "verbs": [verb] }] });
    let group = "rbac.authorization.k8s.io";
    let bound = |role: &str, subject: Value| json!({ "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": role }, "subjects": [subject] });
    let nobody = json!({ "apiGroup": group, "kind": "User", "name": "nobody" });
    let ours = json!({ "kind": "ServiceAccount", "name": "robot", "namespace": scene.id });
    let mut all = vec![
        new("ConfigMap", json!({ "data": { "a": "b" } })),
        new("ConfigMap", json!({ "metadata": { "labels": { "team": "a" } } })),
        new(
            "ConfigMap",
            json!({ "metadata": { "labels": { "claw.dev/criticality": "sandbox" } } }),
        ),
        new(
            "ConfigMap",
            json!({ "metadata": { "annotations": { "acme.example/nature": "batch" } } }),
        ),
        new("Secret", json!({ "stringData": { "a": "b" } })),
        new("Pod", json!({ "spec": pod })),
        new("Deployment", json!({ "spec": workload })),
        new("Job", json!({ "spec": { "template": { "spec": once } } })),
        new("Service", json!({ "spec": { "ports": [{ "port": 80 }] } })),
        new("ServiceAccount", json!({})),
        new("NetworkPolicy", json!({ "spec": { "podSelector": {} } })),
        new("RoleBinding", bound("view", nobody.clone())),
        new("RoleBinding", bound("edit", nobody.clone())),
        new("RoleBinding", bound("cluster-admin", nobody.clone())),
        new("RoleBinding", bound("system:node", nobody)),
        new("RoleBinding", bound("view", ours)),
    ];
    for (resource, verb) in [
        ("deployments", "get"),
        ("deployments", "*"),
        ("*", "get"),
        ("roles", "bind"),
        ("nodes/proxy", "get"),
    ] {
        all.push(new("Role", rule(resource, verb)));
    }
    all
}

fn of_cluster(scene: &Scene) -> Vec<Asked> {
    let mut all = Vec::new();
    for object in scene.cluster.values() {
        for patch in [
            json!({ "metadata": { "labels": { "team": "a" } } }),
            json!({ "metadata": { "annotations": { "claw.dev/anything": "b" } } }),
            json!({ "metadata": { "finalizers": ["claw.example/held"] } }),
        ] {
            all.push(Asked::patch(object, patch));
        }
        all.push(Asked::delete(object));
    }
    let node = &scene.cluster[&("Node", "node".to_owned())];
    all.push(Asked::patch(node, json!({ "spec": { "unschedulable": true } })));
    all.push(Asked::patch(
        node,
        json!({ "spec": { "taints": [{ "key": "a", "effect": "NoExecute" }] } }),
    ));
    all.push(Asked::patch_of(
        node,
        "status",
        json!({ "status": { "nodeInfo": { "machineID": "a" } } }),
    ));
    let role = &scene.cluster[&("ClusterRole", "reader".to_owned())];
    all.push(Asked::patch(
        role,
        json!({ "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] } }),
    ));
    all.push(Asked::patch(
        role,
        json!({ "metadata": { "labels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } } }),
    ));
    for place in &scene.places {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": place.name, "labels": place.labels } });
        for patch in [
            json!({ "metadata": { "annotations": { "note": "a" } } }),
            json!({ "metadata": { "labels": { "env": "sandbox" } } }),
            json!({ "metadata": { "labels": { "team": "a" } } }),
            json!({ "metadata": { "finalizers": ["claw.example/held"] } }),
        ] {
            all.push(Asked::patch(&namespace, patch));
        }
        // The API server refuses that itself, before it asks a wall.
        if place.name != "kube-system" {
            all.push(Asked::delete(&namespace));
        }
    }
    let new = |kind: &'static str, name: &str, more: Value| {
        let named = json!({ "kind": kind, "metadata": { "name": name } });
        Asked::create(merged(&named, &more))
    };
    let name = format!("{}-new", scene.id);
    let kind = format!("things.{}.example", scene.id);
    let names = json!({ "plural": "things", "kind": "Thing" });
    let version = json!({ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object" } } });
    let group = format!("{}.example", scene.id);
    all.extend([
        new("Namespace", &name, json!({})),
        new("Namespace", &name, json!({ "metadata": { "labels": { "env": "dev" } } })),
        new("PriorityClass", &name, json!({ "value": 7 })),
        new("StorageClass", &name, json!({ "provisioner": "nobody.example" })),
        new("CSIDriver", &name, json!({ "spec": {} })),
        new("ClusterRole", &name, json!({ "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }] })),
        new("ClusterRole", &name, json!({ "rules": [{ "apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"] }] })),
        new("CustomResourceDefinition", &kind, json!({ "spec": { "group": group, "names": names, "scope": "Cluster", "versions": [version] } })),
        new("APIService", &format!("v1.{group}"), json!({ "spec": { "group": group, "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10, "insecureSkipTLSVerify": true, "service": { "name": "a", "namespace": "b" } } })),
        new("CertificateSigningRequest", &name, json!({ "spec": { "request": SIGNING_REQUEST, "signerName": "example.com/serving", "usages": ["digital signature"] } })),
        new("PersistentVolume", &name, json!({ "spec": { "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/nowhere" } } })),
    ]);
    all
}
