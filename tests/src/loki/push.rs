//! Lines that a client pushes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::params::BadRequest;
use super::store::Store;
use crate::prometheus::Labels;

#[derive(Deserialize)]
struct Body {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    stream: BTreeMap<String, String>,
    values: Vec<Value>,
}

/// A line, since Loki 3 possibly with metadata, which is not kept.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Plain(String, String),
    WithMetadata(String, String, IgnoredAny),
}

/// Labels by which Loki names the service of a stream that does not name it itself, the most telling first.
const SERVICE_LABELS: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// The labels with the name of the service, which Loki finds by itself.
fn named(labels: Labels) -> Labels {
    if !labels.get("service_name").is_empty() {
        return labels;
    }
    let found = SERVICE_LABELS
        .iter()
        .map(|label| labels.get(label))
        .find(|value| !value.is_empty());
    labels.with("service_name", found.unwrap_or("unknown_service"))
}

/// Adds all lines of a body, or none if something is wrong with one of them.
pub(super) fn push(store: &mut Store, body: &[u8]) -> Result<(), BadRequest> {
    let body: Body = serde_json::from_slice(body).map_err(|error| BadRequest(error.to_string()))?;
    let mut lines: Vec<(Labels, i64, Arc<str>)> = Vec::new();
    for Stream { stream, values } in body.streams {
        let labels = Labels::from(&stream);
        if labels == Labels::empty() {
            return Err(BadRequest(
                "error at least one label pair is required per stream".to_owned(),
            ));
        }
        let labels = named(labels);
        for Value::Plain(time, line) | Value::WithMetadata(time, line, _) in values {
            let time = time
                .parse()
                .map_err(|_| BadRequest(format!("strconv.ParseInt: parsing {time:?}: invalid syntax")))?;
            lines.push((labels.clone(), time, line.into()));
        }
    }
    for (labels, time, line) in lines {
        store.put(labels, time, line);
    }
    Ok(())
}
