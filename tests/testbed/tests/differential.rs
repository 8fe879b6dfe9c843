//! The simulated API server answers as the real one does.
//!
//! The same requests go to both, in the same order. Compared are the status code, kind and reason of each answer, and
//! the places in it that the step names. Where the two differ, either the simulated one is wrong, or the difference is
//! listed in `KNOWN` with its reason.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::fmt::Write as _;
use std::sync::Arc;

use claw_core::clock::SystemClock;
use claw_testbed::suite::Testbed;
use claw_testkit::api::{ApiServer, Cluster};
use serde_json::{Value, json};

/// Differences that are meant: step, place, and why.
const KNOWN: [(&str, &str, &str); 0] = [];

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A request, and what of its answer is compared besides status code, kind and reason.
struct Step {
    name: &'static str,
    method: &'static str,
    path: String,
    content: &'static str,
    body: Value,
    compare: &'static [&'static str],
}

/// An answer, and what later steps need of it.
struct Answer {
    status: u16,
    body: Value,
}

async fn send(client: &kube::Client, step: &Step) -> Answer {
    let mut request = http::Request::builder().method(step.method).uri(&step.path);
    if !step.body.is_null() {
        request = request.header("content-type", step.content);
    }
    let body = match &step.body {
        Value::Null => Vec::new(),
        // Bytes that are no JSON.
        Value::String(text) => text.clone().into_bytes(),
        body => body.to_string().into_bytes(),
    };
    #[allow(clippy::disallowed_methods)] // the testbed makes the world that agents are tested in
    let answer = client
        .send(request.body(kube::client::Body::from(body)).unwrap())
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect_bytes().await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, body }
}

/// What is compared, by its place.
fn essence(answer: &Answer, step: &Step) -> Vec<(String, Value)> {
    let mut found = vec![("status code".to_owned(), json!(answer.status))];
    for place in ["/kind", "/reason"] {
        found.push((
            place.to_owned(),
            answer.body.pointer(place).cloned().unwrap_or_default(),
        ));
    }
    for place in step.compare {
        let value = match *place {
            "names" => {
                let items = answer.body["items"].as_array().into_iter().flatten();
                items.map(|item| item["metadata"]["name"].clone()).collect()
            }
            "more" => json!(
                answer
                    .body
                    .pointer("/metadata/continue")
                    .and_then(Value::as_str)
                    .is_some_and(|token| !token.is_empty())
            ),
            "events" => {
                let text = answer
                    .body
                    .as_str()
                    .map(str::to_owned)
                    .unwrap_or_else(|| answer.body.to_string());
                let lines = text
                    .lines()
                    .filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines
                    .map(|event| {
                        json!([
                            event["type"],
                            event["object"]["metadata"]["name"],
                            event["object"]["code"]
                        ])
                    })
                    .collect()
            }
            place => answer.body.pointer(place).cloned().unwrap_or_default(),
        };
        found.push(((*place).to_owned(), value));
    }
    found
}

fn step(
    name: &'static str,
    method: &'static str,
    path: impl Into<String>,
    compare: &'static [&'static str],
) -> Step {
    Step {
        name,
        method,
        path: path.into(),
        content: JSON,
        body: Value::Null,
        compare,
    }
}

impl Step {
    fn body(mut self, content: &'static str, body: Value) -> Self {
        self.content = content;
        self.body = body;
        self
    }
}

/// Both servers, and the differences between them so far.
struct Pair {
    real: kube::Client,
    simulated: kube::Client,
    steps: usize,
    differences: String,
}

impl Pair {
    /// Sends a step to both, and notes where they differ.
    async fn same(&mut self, step: Step) -> [Answer; 2] {
        let answers = [send(&self.real, &step).await, send(&self.simulated, &step).await];
        self.compare(&step, &answers);
        answers
    }

    /// The same with a path or body for each: continue tokens and versions are each server's own.
    async fn each(&mut self, steps: [Step; 2]) -> [Answer; 2] {
        let [real, simulated] = &steps;
        let answers = [
            send(&self.real, real).await,
            send(&self.simulated, simulated).await,
        ];
        self.compare(real, &answers);
        answers
    }

    fn compare(&mut self, step: &Step, [real, simulated]: &[Answer; 2]) {
        self.steps += 1;
        for ((place, expected), (_, got)) in essence(real, step).into_iter().zip(essence(simulated, step)) {
            let known = KNOWN
                .iter()
                .any(|(name, where_, _)| *name == step.name && *where_ == place);
            if expected != got && !known {
                let _ = writeln!(
                    self.differences,
                    "{}: {place}: really {expected}, simulated {got}\n    {}\n    {}",
                    step.name, real.body, simulated.body
                );
            }
        }
    }
}

fn config_map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
        "data": {"key": name}})
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [
                    {"name": "main", "image": "registry.invalid/a:1", "env": [{"name": "A", "value": "1"}]},
                    {"name": "side", "image": "registry.invalid/b:1"}]}}}})
}

fn version(answer: &Answer) -> String {
    let version = answer.body.pointer("/metadata/resourceVersion");
    version.and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn pair(testbed: &Testbed, namespace: &str) -> (Pair, ApiServer) {
    let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    let server = ApiServer::start(Cluster::new(vec![own], Arc::new(SystemClock)))
        .await
        .unwrap();
    let pair = Pair {
        real: testbed.api().client(),
        simulated: server.client().unwrap(),
        steps: 0,
        differences: String::new(),
    };
    (pair, server)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run -p claw-testbed -- test"]
async fn both_api_servers_answer_the_same() {
    let testbed = Testbed::from_env()
        .await
        .unwrap_or_else(|error| panic!("{}", error.line()));
    let namespace = testbed.namespace("same").await.unwrap();
    let ns = namespace.name();
    let (mut pair, _server) = pair(&testbed, ns).await;
    let maps = format!("/api/v1/namespaces/{ns}/configmaps");
    let deployments = format!("/apis/apps/v1/namespaces/{ns}/deployments");
    creation(&mut pair, &maps).await;
    lists(&mut pair, &maps).await;
    selectors(&mut pair, &maps).await;
    reads(&mut pair, ns, &maps).await;
    patches(&mut pair, &maps, &deployments).await;
    conflicts(&mut pair, &maps).await;
    dry_runs(&mut pair, &maps).await;
    scale(&mut pair, &deployments).await;
    deletion(&mut pair, &maps).await;
    access(&mut pair, ns).await;
    watches(&mut pair, &maps).await;
    println!("{} requests compared", pair.steps);
    assert!(pair.differences.is_empty(), "\n{}", pair.differences);
}

async fn creation(pair: &mut Pair, maps: &str) {
    const MADE: &[&str] = &[
        "/metadata/name",
        "/metadata/labels",
        "/data",
        "/metadata/generation",
    ];
    for (name, labels) in [
        ("a", json!({"app": "web", "tier": "front"})),
        ("b", json!({"app": "web"})),
        ("c", json!({"app": "db"})),
        ("d", json!({"tier": "back"})),
        ("e", json!({})),
        ("f", json!({"app": "web", "tier": "back"})),
        ("g", json!({"app": ""})),
    ] {
        pair.same(step("create", "POST", maps, MADE).body(JSON, config_map(name, labels)))
            .await;
    }
    for (name, body) in [
        ("create what is there", config_map("a", json!({}))),
        (
            "create with a name that is none",
            config_map("Not_A_Name", json!({})),
        ),
        (
            "create with another kind",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
        ),
        (
            "create without a name",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        ),
        (
            "create in another namespace",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "other"}}),
        ),
        ("create from what is no JSON", json!("{not json")),
    ] {
        pair.same(step(name, "POST", maps, &[]).body(JSON, body)).await;
    }
}

async fn lists(pair: &mut Pair, maps: &str) {
    const PAGE: &[&str] = &["names", "more", "/metadata/remainingItemCount"];
    // The real server adds a ConfigMap of its own to every namespace.
    let own = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";
    pair.same(step("list", "GET", format!("{maps}?{own}"), &["names", "more"]))
        .await;
    let mut page = pair
        .same(step(
            "first page",
            "GET",
            format!("{maps}?limit=3&labelSelector=app"),
            PAGE,
        ))
        .await;
    for name in ["second page", "page after the last"] {
        let next = page.each_ref().map(|answer| {
            let token = answer
                .body
                .pointer("/metadata/continue")
                .and_then(Value::as_str)
                .unwrap_or_default();
            step(
                name,
                "GET",
                format!("{maps}?limit=3&labelSelector=app&continue={token}"),
                PAGE,
            )
        });
        page = pair.each(next).await;
    }
    pair.same(step(
        "page with a token that is none",
        "GET",
        format!("{maps}?limit=3&continue=nonsense"),
        &[],
    ))
    .await;
    pair.same(step(
        "limit that is no number",
        "GET",
        format!("{maps}?limit=many"),
        &[],
    ))
    .await;
    pair.same(step(
        "list everywhere",
        "GET",
        "/api/v1/configmaps?labelSelector=tier%3Dfront,app%3Dweb",
        &["names"],
    ))
    .await;
    pair.same(step(
        "list of an empty namespace",
        "GET",
        "/api/v1/namespaces/nowhere/configmaps",
        &["names"],
    ))
    .await;
}

async fn selectors(pair: &mut Pair, maps: &str) {
    for (name, selector) in [
        ("equal", "app%3Dweb"),
        ("equal twice", "app%3D%3Dweb"),
        ("unequal", "app!%3Dweb,tier"),
        ("in", "app%20in%20(web,%20db)"),
        ("notin", "app%20notin%20(web),tier"),
        ("exists", "tier"),
        ("exists not", "!tier,app"),
        ("two", "app%3Dweb,tier%3Dback"),
        ("empty value", "app%3D"),
        ("broken", "app%3D%3D%3Dweb"),
        ("broken set", "app%20in%20web"),
        ("no label name", "-app%3Dweb"),
    ] {
        pair.same(step(
            name,
            "GET",
            format!("{maps}?labelSelector={selector}"),
            &["names"],
        ))
        .await;
    }
    for (name, path) in [
        ("field name", format!("{maps}?fieldSelector=metadata.name%3Da")),
        ("field that is none", format!("{maps}?fieldSelector=data.key%3Da")),
        (
            "field that is broken",
            format!("{maps}?fieldSelector=metadata.name"),
        ),
    ] {
        pair.same(step(name, "GET", path, &["names"])).await;
    }
}

async fn reads(pair: &mut Pair, ns: &str, maps: &str) {
    for (name, path) in [
        ("read", format!("{maps}/a")),
        ("read what is not there", format!("{maps}/zzz")),
        (
            "read in a namespace that is not there",
            "/api/v1/namespaces/nowhere/configmaps/a".to_owned(),
        ),
        (
            "a resource that is none",
            format!("/api/v1/namespaces/{ns}/widgets"),
        ),
        (
            "a group that is none",
            format!("/apis/example.com/v1/namespaces/{ns}/widgets"),
        ),
        ("a path that is none", "/nothing/here".to_owned()),
        ("a subresource that is none", format!("{maps}/a/widget")),
        ("namespace", format!("/api/v1/namespaces/{ns}")),
        (
            "logs of a pod that is not there",
            format!("/api/v1/namespaces/{ns}/pods/zzz/log"),
        ),
    ] {
        pair.same(step(
            name,
            "GET",
            path,
            &["/metadata/name", "/data", "/details/name", "/details/kind"],
        ))
        .await;
    }
    pair.same(
        step("method that is none", "POST", format!("{maps}/a"), &[]).body(JSON, config_map("a", json!({}))),
    )
    .await;
}

async fn patches(pair: &mut Pair, maps: &str, deployments: &str) {
    const MAP: &[&str] = &["/data", "/metadata/labels", "/metadata/annotations"];
    let a = format!("{maps}/a");
    for (name, content, body) in [
        (
            "merge patch",
            MERGE,
            json!({"data": {"more": "1"}, "metadata": {"labels": {"tier": null}}}),
        ),
        ("merge patch of nothing", MERGE, json!({})),
        (
            "merge patch that renames",
            MERGE,
            json!({"metadata": {"name": "other"}}),
        ),
        ("merge patch that is no object", MERGE, json!([1])),
        (
            "JSON patch",
            JSON_PATCH,
            json!([{"op": "add", "path": "/metadata/annotations", "value": {"x": "y"}}]),
        ),
        (
            "JSON patch whose test holds",
            JSON_PATCH,
            json!([{"op": "test", "path": "/data/more", "value": "1"}, {"op": "remove", "path": "/data/more"}]),
        ),
        (
            "JSON patch whose test fails",
            JSON_PATCH,
            json!([{"op": "test", "path": "/data/key", "value": "no"}]),
        ),
        (
            "JSON patch of what is not there",
            JSON_PATCH,
            json!([{"op": "remove", "path": "/data/none"}]),
        ),
        ("JSON patch that is no list", JSON_PATCH, json!({"op": "remove"})),
        ("patch of a kind that is none", "application/x-patch", json!({})),
    ] {
        pair.same(step(name, "PATCH", &a, MAP).body(content, body)).await;
    }
    pair.same(
        step(
            "merge patch of what is not there",
            "PATCH",
            format!("{maps}/zzz"),
            &[],
        )
        .body(MERGE, json!({})),
    )
    .await;
    const SPEC: &[&str] = &["/metadata/generation", "/spec/replicas"];
    pair.same(step("create a deployment", "POST", deployments, SPEC).body(JSON, deployment("web")))
        .await;
    let web = format!("{deployments}/web");
    const IMAGES: &[&str] = &[
        "/metadata/generation",
        "/spec/template/spec/containers/0/image",
        "/spec/template/spec/containers/0/env",
        "/spec/template/spec/containers/1/image",
    ];
    for (name, content, body) in [
        (
            "strategic patch of one container",
            STRATEGIC,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.invalid/a:2"}]}}}}),
        ),
        (
            "strategic patch of one variable",
            STRATEGIC,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}]}}}}),
        ),
        (
            "patch of metadata only",
            MERGE,
            json!({"metadata": {"annotations": {"note": "x"}}}),
        ),
        (
            "patch that changes nothing",
            MERGE,
            json!({"spec": {"replicas": 0}}),
        ),
    ] {
        pair.same(step(name, "PATCH", &web, IMAGES).body(content, body))
            .await;
    }
}

async fn conflicts(pair: &mut Pair, maps: &str) {
    let b = format!("{maps}/b");
    let read = pair.same(step("read before", "GET", &b, &["/data"])).await;
    let old = read.each_ref().map(version);
    pair.same(step("move on", "PATCH", &b, &["/data"]).body(MERGE, json!({"data": {"n": "1"}})))
        .await;
    let stale = |name, method, content, data: Value| {
        old.each_ref().map(|version| {
            let mut body = config_map("b", json!({"app": "web"}));
            body["metadata"]["resourceVersion"] = json!(version);
            body["data"] = data.clone();
            step(name, method, &b, &["/details/name"]).body(content, body)
        })
    };
    pair.each(stale(
        "replace with an old version",
        "PUT",
        JSON,
        json!({"n": "2"}),
    ))
    .await;
    pair.each(stale(
        "patch with an old version",
        "PATCH",
        MERGE,
        json!({"n": "2"}),
    ))
    .await;
    let mut body = config_map("b", json!({"app": "web"}));
    body["data"] = json!({"n": "3"});
    pair.same(step("replace without a version", "PUT", &b, &["/data"]).body(JSON, body.clone()))
        .await;
    body["metadata"]["name"] = json!("c");
    pair.same(step("replace with another name", "PUT", &b, &[]).body(JSON, body))
        .await;
    pair.same(
        step("replace what is not there", "PUT", format!("{maps}/zzz"), &[])
            .body(JSON, config_map("zzz", json!({}))),
    )
    .await;
}

async fn dry_runs(pair: &mut Pair, maps: &str) {
    let made = config_map("dry", json!({}));
    pair.same(
        step(
            "dry run of a creation",
            "POST",
            format!("{maps}?dryRun=All"),
            &["/data"],
        )
        .body(JSON, made.clone()),
    )
    .await;
    pair.same(step("nothing was made", "GET", format!("{maps}/dry"), &[]))
        .await;
    pair.same(
        step(
            "dry run of a patch",
            "PATCH",
            format!("{maps}/c?dryRun=All"),
            &["/data"],
        )
        .body(MERGE, json!({"data": {"dry": "1"}})),
    )
    .await;
    pair.same(step(
        "nothing was patched",
        "GET",
        format!("{maps}/c"),
        &["/data"],
    ))
    .await;
    pair.same(step(
        "dry run of a deletion",
        "DELETE",
        format!("{maps}/c?dryRun=All"),
        &[],
    ))
    .await;
    pair.same(step(
        "nothing was deleted",
        "GET",
        format!("{maps}/c"),
        &["/data"],
    ))
    .await;
    pair.same(
        step(
            "dry run of another kind",
            "POST",
            format!("{maps}?dryRun=Some"),
            &[],
        )
        .body(JSON, made),
    )
    .await;
}

async fn scale(pair: &mut Pair, deployments: &str) {
    let scale = format!("{deployments}/web/scale");
    const SCALE: &[&str] = &["/spec/replicas", "/metadata/name", "/status/selector"];
    pair.same(step("read a scale", "GET", &scale, SCALE)).await;
    pair.same(
        step(
            "dry run of a scale",
            "PATCH",
            format!("{scale}?dryRun=All"),
            SCALE,
        )
        .body(MERGE, json!({"spec": {"replicas": 5}})),
    )
    .await;
    pair.same(step("still as before", "GET", &scale, SCALE)).await;
    pair.same(
        step("scale below nothing", "PATCH", &scale, &[]).body(MERGE, json!({"spec": {"replicas": -1}})),
    )
    .await;
    pair.same(step(
        "scale of what is not there",
        "GET",
        format!("{deployments}/zzz/scale"),
        &[],
    ))
    .await;
}

async fn deletion(pair: &mut Pair, maps: &str) {
    let g = format!("{maps}/g");
    let wrong = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}});
    pair.same(step("delete another one of that name", "DELETE", &g, &[]).body(JSON, wrong))
        .await;
    pair.same(step("delete", "DELETE", &g, &["/status"])).await;
    pair.same(step("delete what is gone", "DELETE", &g, &["/details/name"]))
        .await;
    let finalized = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "finalizers": ["example.com/keep"]}});
    pair.same(step("create with a finalizer", "POST", maps, &["/metadata/finalizers"]).body(JSON, finalized))
        .await;
    let kept = format!("{maps}/kept");
    pair.same(step(
        "delete what is kept",
        "DELETE",
        &kept,
        &["/metadata/finalizers"],
    ))
    .await;
    pair.same(step("it is still there", "GET", &kept, &["/metadata/finalizers"]))
        .await;
    pair.same(step("let it go", "PATCH", &kept, &[]).body(MERGE, json!({"metadata": {"finalizers": null}})))
        .await;
    pair.same(step("now it is gone", "GET", &kept, &[])).await;
}

async fn access(pair: &mut Pair, ns: &str) {
    for (name, verb, resource) in [
        ("may list pods", "list", "pods"),
        ("may delete namespaces", "delete", "namespaces"),
    ] {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": ns, "verb": verb, "resource": resource}}});
        pair.same(
            step(
                name,
                "POST",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                &["/status/allowed"],
            )
            .body(JSON, review),
        )
        .await;
    }
}

async fn watches(pair: &mut Pair, maps: &str) {
    let list = pair
        .same(step(
            "list before a watch",
            "GET",
            format!("{maps}?labelSelector=watched"),
            &["names"],
        ))
        .await;
    let from = list.each_ref().map(version);
    pair.same(
        step("create what is watched", "POST", maps, &[])
            .body(JSON, config_map("w", json!({"watched": "yes"}))),
    )
    .await;
    pair.same(
        step("patch what is watched", "PATCH", format!("{maps}/w"), &[])
            .body(MERGE, json!({"data": {"n": "1"}})),
    )
    .await;
    pair.same(
        step("take it out of the selection", "PATCH", format!("{maps}/w"), &[])
            .body(MERGE, json!({"metadata": {"labels": {"watched": null}}})),
    )
    .await;
    pair.same(step("delete it unseen", "DELETE", format!("{maps}/w"), &[]))
        .await;
    let watch = from.each_ref().map(|version| {
        step(
            "watch",
            "GET",
            format!("{maps}?watch=true&timeoutSeconds=1&labelSelector=watched&resourceVersion={version}"),
            &["events"],
        )
    });
    pair.each(watch).await;
}
