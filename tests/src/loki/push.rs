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
