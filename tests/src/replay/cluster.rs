//! The objects and container logs of a recording, behind the port to the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::tool::ToolContext;
use claw_k8s::bundle::{Bundle, Content, Identity};
use claw_k8s::cluster::{
    AccessQuestion, ClusterError, ClusterReader, Discovery, GetRequest, ListRequest, LogBytes, LogRequest,
    Resource, ServerSaid, ServerVersion,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::selector::{fields_match, labels_match};

/// A recorded cluster. It grants every right, and serves the API groups whose objects were recorded.
#[derive(Clone, Debug)]
pub struct RecordedCluster(Arc<Recorded>);

/// Objects of one kind by namespace and name.
type OfKind = BTreeMap<(Option<String>, String), Value>;

#[derive(Debug)]
struct Recorded {
    /// Objects by kind and group, then by namespace and name.
    objects: BTreeMap<(String, String), OfKind>,
    /// Logs by namespace, pod, container, and whether it is the previous run's.
    logs: BTreeMap<(String, String, String, bool), Content>,
    discovery: Discovery,
}

impl RecordedCluster {
    /// The cluster of `bundle`.
    pub fn of(bundle: &Bundle) -> Self {
        let mut objects: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Groups that every cluster serves are served even where nothing of them was recorded.
        for resource in Resource::ALL
            .iter()
            .filter(|resource| resource.is_built_in() && !resource.group.is_empty())
        {
            versions
                .entry(resource.group.to_string())
                .or_default()
                .insert(resource.version.to_string());
        }
        for object in &bundle.objects {
            let Some(identity) = Identity::of(object) else {
                continue;
            };
            let version = object
                .get("apiVersion")
                .and_then(Value::as_str)
                .and_then(|text| text.split_once('/'));
            if let Some((group, version)) = version {
                versions
                    .entry(group.to_owned())
                    .or_default()
                    .insert(version.to_owned());
            }
            objects
                .entry((identity.kind, identity.group))
                .or_default()
                .insert((identity.namespace, identity.name), object.clone());
        }
        let logs = bundle.logs.iter().map(|log| {
            let key = (
                log.namespace.clone(),
                log.pod.clone(),
                log.container.clone(),
                log.previous,
            );
            (key, log.content.clone())
        });
        let groups: Vec<(&str, Vec<&str>)> = versions
            .iter()
            .map(|(group, versions)| {
                (
                    group.as_str(),
                    versions.iter().rev().map(String::as_str).collect(),
                )
            })
            .collect();
        let discovery = Discovery::with_groups(
            groups
                .iter()
                .map(|(group, versions)| (*group, versions.as_slice())),
        );
        Self(Arc::new(Recorded {
            objects,
            logs: logs.collect(),
            discovery,
        }))
    }

    /// Objects of a kind, whichever version they were recorded in.
    fn of_kind(&self, resource: &Resource) -> Option<&OfKind> {
        let key = (resource.kind.to_string(), resource.group.to_string());
        self.0.objects.get(&key)
    }
}

#[async_trait]
impl ClusterReader for RecordedCluster {
    async fn list_page(&self, _cx: &ToolContext, request: &ListRequest) -> Result<Vec<u8>, ClusterError> {
        let wanted = |((namespace, _), object): &(&(Option<String>, String), &Value)| {
            (request.namespace.is_none() || !request.resource.namespaced || *namespace == request.namespace)
                && labels_match(object, request.label_selector.as_deref())
                && fields_match(object, request.field_selector.as_deref())
        };
        let start: usize = match &request.continue_token {
            None => 0,
            Some(token) => token.parse().map_err(|_| ClusterError::Gone {
                request: format!("list {}", request.resource),
                source: "no such page".into(),
            })?,
        };
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).max(1);
        let mut items: Vec<Value> = self
            .of_kind(&request.resource)
            .into_iter()
            .flatten()
            .filter(wanted)
            .skip(start)
            .take(limit.saturating_add(1))
            .map(|(_, object)| item(object, request.metadata_only))
            .collect();
        let mut metadata = json!({"resourceVersion": "1"});
        if items.len() > limit {
            items.truncate(limit);
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert(
                    "continue".to_owned(),
                    start.saturating_add(limit).to_string().into(),
                );
            }
        }
        let list = json!({
            "kind": format!("{}List", request.resource.kind), "apiVersion": "v1", "metadata": metadata, "items": items,
        });
        Ok(list.to_string().into_bytes())
    }

    async fn get(&self, _cx: &ToolContext, request: &GetRequest) -> Result<Vec<u8>, ClusterError> {
        let key = (request.namespace.clone(), request.name.clone());
        self.of_kind(&request.resource)
            .and_then(|objects| objects.get(&key))
            .map(|object| item(object, request.metadata_only).to_string().into_bytes())
            .ok_or_else(|| ClusterError::NotFound {
                request: format!("get {} {}", request.resource, request.name),
                source: "it was not recorded".into(),
            })
    }

    async fn pod_logs(&self, _cx: &ToolContext, request: &LogRequest) -> Result<LogBytes, ClusterError> {
        let what = format!("read the log of pod {}/{}", request.namespace, request.pod);
        let containers = self
            .0
            .logs
            .iter()
            .filter(|((namespace, pod, container, previous), _)| {
                *namespace == request.namespace
                    && *pod == request.pod
                    && *previous == request.previous
                    && request
                        .container
                        .as_ref()
                        .is_none_or(|wanted| wanted == container)
            });
        let found: Vec<&Content> = containers.map(|(_, content)| content).collect();
        match found.as_slice() {
            [] if request.previous => Err(refused(what, "previous terminated container not found")),
            [] => Err(ClusterError::NotFound {
                request: what,
                source: "it was not recorded".into(),
            }),
            [content] => {
                let text = content.read().map_err(|error| ClusterError::Unavailable {
                    request: what,
                    source: error.into(),
                })?;
                Ok(end_of(&text, request))
            }
            _ => Err(refused(what, "a container name must be specified")),
        }
    }

    async fn can_i(&self, _cx: &ToolContext, _question: &AccessQuestion) -> Result<bool, ClusterError> {
        Ok(true)
    }

    async fn discover(&self, _cx: &ToolContext) -> Result<Discovery, ClusterError> {
        Ok(self.0.discovery.clone())
    }

    async fn version(&self, _cx: &ToolContext) -> Result<ServerVersion, ClusterError> {
        Ok(ServerVersion::default())
    }
}

fn refused(request: String, message: &str) -> ClusterError {
    ClusterError::BadRequest {
        request,
        source: Box::new(ServerSaid {
            code: 400,
            message: message.to_owned(),
        }),
    }
}

fn item(object: &Value, metadata_only: bool) -> Value {
    match object {
        Value::Object(fields) if metadata_only => {
            let kept: Map<String, Value> = fields
                .iter()
                .filter(|(name, _)| *name == "metadata")
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

/// The lines that the request asks for. One without a time belongs to the line before it.
fn end_of(text: &str, request: &LogRequest) -> LogBytes {
    let mut late = true;
    let recent = text.split_inclusive('\n').filter(|line| {
        let time = line
            .split_whitespace()
            .next()
            .and_then(|word| word.parse::<Timestamp>().ok());
        if let (Some(time), Some(since)) = (time, request.since) {
            late = time >= since;
        }
        late
    });
    let mut lines: Vec<&str> = recent.collect();
    if let Some(most) = request.tail_lines {
        let most = usize::try_from(most).unwrap_or(0);
        lines.drain(..lines.len().saturating_sub(most));
    }
    let mut bytes = lines.concat().into_bytes();
    let excess = bytes.len().saturating_sub(request.limit_bytes);
    bytes.drain(..excess);
    LogBytes {
        bytes,
        cut: excess > 0,
        cut_end: false,
    }
}
