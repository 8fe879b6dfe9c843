//! Records the objects of every kind that an investigation reads.

use claw_core::gate::ObserveError;
use claw_core::tool::ToolErrorKind;
use claw_core::workflow::StepContext;
use claw_k8s::cluster::{Discovery, Resource};
use claw_k8s::model::Pod;
use futures::StreamExt as _;
use serde::Deserialize as _;
use serde_json::Value;

use super::Recording;
use super::list_objects::{ListObjects, ListObjectsInput, ListObjectsOutput};
use crate::failure::Failure;

/// Lists under way at a time.
const CONCURRENT: usize = 8;

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// How many objects.
    pub(super) count: usize,
    /// The pods among them.
    pub(super) pods: Vec<Pod>,
}

/// Records all kinds but Secrets in each of `scopes`, as far as they are served.
pub(super) async fn record(
    cx: &StepContext,
    discovery: &Discovery,
    scopes: &[Option<String>],
    recording: &mut Recording,
) -> Result<Recorded, Failure> {
    let served = Resource::ALL
        .iter()
        .filter(|known| **known != Resource::SECRETS)
        .filter_map(|known| discovery.resolve(known));
    let mut wanted: Vec<ListObjectsInput> = Vec::new();
    for resource in served {
        let everywhere = [None];
        let scopes = if resource.namespaced { scopes } else { &everywhere };
        wanted.extend(scopes.iter().map(|namespace| ListObjectsInput {
            group: resource.group.to_string(),
            version: resource.version.to_string(),
            plural: resource.plural.to_string(),
            kind: resource.kind.to_string(),
            namespace: namespace.clone(),
        }));
    }
    let answers: Vec<_> = futures::stream::iter(wanted)
        .map(|input| async move {
            let what = match &input.namespace {
                Some(namespace) => format!("{} in {namespace}", input.plural),
                None => input.plural.clone(),
            };
            (what, cx.observe::<ListObjects>(input, "to be recorded").await)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut recorded = Recorded::default();
    for (what, answer) in answers {
        match answer {
            Ok(ListObjectsOutput { items, truncated }) => {
                if truncated {
                    recording
                        .missed
                        .insert(format!("{what}: only the first {} were read", items.len()));
                }
                recorded.count = recorded.count.saturating_add(items.len());
                recorded.pods.extend(items.iter().filter_map(pod));
                recording.writer.objects(items);
            }
            Err(ObserveError::Audit(error)) => return Err(error.into()),
            // A group may be served without all of its kinds.
            Err(ObserveError::Tool(error)) if error.kind() == ToolErrorKind::NotFound => {}
            Err(error) => {
                recording.missed.insert(format!("{what}: {error}"));
            }
        }
    }
    Ok(recorded)
}

fn pod(object: &Value) -> Option<Pod> {
    (object.get("kind")?.as_str()? == "Pod")
        .then(|| Pod::deserialize(object).ok())
        .flatten()
}
