//! Both API servers, and where they differ.

use std::fmt::Write as _;
use std::sync::Arc;

use claw_core::clock::SystemClock;
use claw_testbed::suite::Testbed;
use claw_testkit::api::{ApiServer, Cluster};
use serde_json::{Value, json};

/// Differences that are meant: step, place, and why.
const KNOWN: [(&str, &str, &str); 0] = [];

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A request, and what of its answer is compared besides status code, kind and reason.
pub(super) struct Step {
    name: &'static str,
    method: &'static str,
    path: String,
    content: &'static str,
    body: Value,
    compare: &'static [&'static str],
}

/// An answer, and what later steps need of it.
pub(super) struct Answer {
    status: u16,
    pub(super) body: Value,
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
            "writes to the scale" => {
                let fields = answer.body.pointer("/metadata/managedFields");
                let fields = fields.and_then(Value::as_array).into_iter().flatten();
                fields
                    .filter(|fields| fields["subresource"] == "scale")
                    .map(|fields| json!([fields["manager"], fields["operation"], fields["time"].is_null()]))
                    .collect()
            }
            place => answer.body.pointer(place).cloned().unwrap_or_default(),
        };
        found.push(((*place).to_owned(), value));
    }
    found
}

pub(super) fn step(
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
    pub(super) fn body(mut self, content: &'static str, body: Value) -> Self {
        self.content = content;
        self.body = body;
        self
    }
}

/// Both servers, and the differences between them so far.
pub(super) struct Pair {
    real: kube::Client,
    simulated: kube::Client,
    pub(super) steps: usize,
    pub(super) differences: String,
}

impl Pair {
    /// Sends a step to both, and notes where they differ.
    pub(super) async fn same(&mut self, step: Step) -> [Answer; 2] {
        let answers = [send(&self.real, &step).await, send(&self.simulated, &step).await];
        self.compare(&step, &answers);
        answers
    }

    /// The same with a path or body for each: continue tokens and versions are each server's own.
    pub(super) async fn each(&mut self, steps: [Step; 2]) -> [Answer; 2] {
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

pub(super) fn config_map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
        "data": {"key": name}})
}

pub(super) fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [
                    {"name": "main", "image": "registry.invalid/a:1", "env": [{"name": "A", "value": "1"}]},
                    {"name": "side", "image": "registry.invalid/b:1"}]}}}})
}

pub(super) fn version(answer: &Answer) -> String {
    let version = answer.body.pointer("/metadata/resourceVersion");
    version.and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) async fn pair(testbed: &Testbed, namespace: &str) -> (Pair, ApiServer) {
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
