//! Records the objects of every kind that an investigation reads.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;

use claw_core::gate::ObserveError;
use claw_core::report::Gap;
use claw_core::tool::ToolErrorKind;
use claw_core::workflow::StepContext;
use claw_k8s::bundle::RecordedKind;
use claw_k8s::cluster::{ClusterError, Discovery, Resource};
use claw_k8s::model::Pod;
use claw_k8s::tools::{GetNodes, GetNodesInput};
use futures::StreamExt as _;
use serde::Deserialize as _;
use serde_json::Value;

use super::Recording;
use super::list_objects::{ListObjects, ListObjectsInput, ListObjectsOutput};
use crate::failure::Failure;

/// Lists under way at a time.
const CONCURRENT: usize = 8;
/// Events about nodes are kept here.
const OF_NODES: &str = "default";
/// Kinds that live in namespaces of their own and tell about others.
const ELSEWHERE: [Resource; 3] = [
    Resource::APPLICATIONS,
    Resource::KUSTOMIZATIONS,
    Resource::HELM_RELEASES,
];

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// How many objects.
    pub(super) count: usize,
    /// The pods among them.
    pub(super) pods: Vec<Pod>,
    /// The kinds, each with the namespaces of which it was read; `None` stands for all.
    kinds: BTreeMap<Resource, BTreeSet<Option<String>>>,
}

impl Recorded {
    /// For the manifest.
    pub(super) fn kinds(&self) -> Vec<RecordedKind> {
        let told = self.kinds.iter().map(|(resource, namespaces)| RecordedKind {
            namespaces: (!namespaces.contains(&None)).then(|| namespaces.iter().flatten().cloned().collect()),
            ..RecordedKind::everywhere(resource)
        });
        let mut told: Vec<RecordedKind> = told.collect();
        told.sort();
        told
    }
}

/// Records all kinds but Secrets of the namespaces, of all where there are none, as far as they are served.
pub(super) async fn record(
    cx: &StepContext,
    discovery: &Discovery,
    namespaces: &BTreeSet<String>,
    recording: &mut Recording,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    let served = Resource::ALL
        .iter()
        .filter(|known| **known != Resource::SECRETS)
        .filter_map(|known| Some((known, discovery.resolve(known)?)));
    let mut wanted: Vec<(Resource, Option<String>)> = Vec::new();
    for (known, resource) in served {
        let mut scopes: BTreeSet<Option<String>> = namespaces.iter().cloned().map(Some).collect();
        if scopes.is_empty() || !resource.namespaced || ELSEWHERE.contains(known) {
            scopes = [None].into();
        } else if *known == Resource::EVENTS {
            scopes.insert(Some(OF_NODES.to_owned()));
        }
        let done = recorded.kinds.get(&resource);
        scopes.retain(|scope| done.is_none_or(|done| !done.contains(scope) && !done.contains(&None)));
        wanted.extend(scopes.into_iter().map(|scope| (resource.clone(), scope)));
    }
    let answers: Vec<_> = futures::stream::iter(wanted)
        .map(|(resource, namespace)| async move {
            let input = ListObjectsInput {
                group: resource.group.to_string(),
                version: resource.version.to_string(),
                plural: resource.plural.to_string(),
                kind: resource.kind.to_string(),
                namespace: namespace.clone(),
            };
            let answer = cx.observe::<ListObjects>(input, "to be recorded").await;
            (resource, namespace, answer)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    for (resource, namespace, answer) in answers {
        match answer {
            Ok(ListObjectsOutput { items, truncated }) => {
                if truncated {
                    let reason = format!("only the first {} objects were recorded", items.len());
                    recording.missed(&resource.to_string(), reason, "record single namespaces");
                }
                recorded.count = recorded.count.saturating_add(items.len());
                recorded.pods.extend(items.iter().filter_map(pod));
                recording.writer.objects(items);
                recorded.kinds.entry(resource).or_default().insert(namespace);
            }
            Err(ObserveError::Audit(error)) => return Err(error.into()),
            // A group may be served without all of its kinds.
            Err(ObserveError::Tool(error)) if error.kind() == ToolErrorKind::NotFound => {}
            Err(error) => {
                let gap = gap(&resource, &error);
                recording.gaps.insert(gap);
            }
        }
    }
    Ok(())
}

/// As an investigation would say it.
fn gap(resource: &Resource, error: &ObserveError) -> Gap {
    let cluster = match error {
        ObserveError::Tool(error) => error
            .source()
            .and_then(|source| source.downcast_ref::<ClusterError>()),
        _ => None,
    };
    match cluster {
        Some(error) => error.gap(resource.to_string()),
        None => Gap {
            source: resource.to_string(),
            reason: error.to_string(),
            remedy: "see the audit log of the recording".to_owned(),
        },
    }
}

/// Tells whether the cluster measures what pods and nodes use.
pub(super) async fn usage(cx: &StepContext, recording: &mut Recording) -> Result<(), Failure> {
    match cx
        .observe::<GetNodes>(GetNodesInput {}, "what the cluster measures")
        .await
    {
        Ok(answer) => {
            // What is missing of the objects was said when they were listed.
            let objects = [Resource::NODES, Resource::EVENTS].map(|resource| resource.to_string());
            let gaps = answer.gaps.into_iter();
            recording
                .gaps
                .extend(gaps.filter(|gap| !objects.contains(&gap.source)));
            Ok(())
        }
        Err(ObserveError::Audit(error)) => Err(error.into()),
        // A tool that is denied the nodes says so of the list, too.
        Err(_) => Ok(()),
    }
}

fn pod(object: &Value) -> Option<Pod> {
    (object.get("kind")?.as_str()? == "Pod")
        .then(|| Pod::deserialize(object).ok())
        .flatten()
}
