//! One request, and what of its answer is compared.

use serde_json::{Value, json};

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A request, and what of its answer is compared besides status code, kind and reason.
pub(super) struct Step {
    pub(super) name: &'static str,
    method: &'static str,
    path: String,
    content: &'static str,
    body: Value,
    accept: &'static str,
    compare: &'static [&'static str],
}

/// An answer, and what later steps need of it.
pub(super) struct Answer {
    pub(super) status: u16,
    /// After how many seconds the client is asked to come again.
    retry_after: Option<String>,
    pub(super) body: Value,
}

pub(super) async fn send(client: &kube::Client, step: &Step) -> Answer {
    let mut request = http::Request::builder().method(step.method).uri(&step.path);
    if !step.body.is_null() {
        request = request.header("content-type", step.content);
    }
    if !step.accept.is_empty() {
        request = request.header("accept", step.accept);
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
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let bytes = answer.into_body().collect_bytes().await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer {
        status,
        retry_after,
        body,
    }
}

/// What is compared, by its place.
pub(super) fn essence(answer: &Answer, step: &Step) -> Vec<(String, Value)> {
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
            "events" => events(answer)
                .map(|event| {
                    json!([
                        event["type"],
                        event["object"]["metadata"]["name"],
                        event["object"]["code"]
                    ])
                })
                .collect(),
            "reasons of events" => events(answer)
                .map(|event| {
                    json!([
                        event["object"]["reason"],
                        event["object"]["metadata"]["annotations"]
                    ])
                })
                .collect(),
            "forms of events" => events(answer)
                .map(|event| json!([event["type"], form(&event["object"])]))
                .collect(),
            "form" => form(&answer.body),
            "forms of items" => {
                let items = answer.body["items"].as_array().into_iter().flatten();
                items.map(form).collect()
            }
            "lines" => answer.body.clone(),
            "retry after" => json!(answer.retry_after),
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

/// The lines of a watch.
fn events(answer: &Answer) -> impl Iterator<Item = Value> {
    let text = answer.body.as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| answer.body.to_string());
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    lines.into_iter()
}

/// What an object says that it is, and which fields it has.
fn form(object: &Value) -> Value {
    let fields = object.as_object().into_iter().flatten().map(|(name, _)| name);
    json!([object["apiVersion"], object["kind"], fields.collect::<Vec<_>>()])
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
        accept: "",
        compare,
    }
}

impl Step {
    pub(super) fn body(mut self, content: &'static str, body: Value) -> Self {
        self.content = content;
        self.body = body;
        self
    }

    /// With a header that says in which form the answer is wanted.
    pub(super) fn accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
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
