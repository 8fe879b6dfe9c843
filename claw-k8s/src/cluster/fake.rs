//! A cluster in memory, for the tests of tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::clock::ManualClock;
use claw_core::tool::ToolContext;
use serde_json::{Value, json};

use super::{Cluster, ClusterError, Discovery, LogBytes, MockClusterReader, Resource, ServerSaid};
use crate::model::LabelSelector;

/// Objects, what is denied, and what was asked.
#[derive(Default)]
pub(crate) struct Fake {
    objects: Vec<Value>,
    denied: BTreeSet<String>,
    groups: BTreeMap<String, Vec<String>>,
    logs: BTreeMap<(String, String, bool), Result<String, String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) fn new(objects: impl IntoIterator<Item = Value>) -> Self {
        Self {
            objects: objects.into_iter().collect(),
            ..Self::default()
        }
    }

    /// `pods`, `deployments.apps`
    pub(crate) fn deny(mut self, resource: &str) -> Self {
        self.denied.insert(resource.to_owned());
        self
    }

    pub(crate) fn serve(mut self, group: &str, versions: &[&str]) -> Self {
        let versions = versions.iter().map(|v| (*v).to_owned()).collect();
        self.groups.insert(group.to_owned(), versions);
        self
    }

    pub(crate) fn log(
        mut self,
        pod: &str,
        container: &str,
        previous: bool,
        answer: Result<&str, &str>,
    ) -> Self {
        self.logs.insert(
            (pod.to_owned(), container.to_owned(), previous),
            answer.map(str::to_owned).map_err(str::to_owned),
        );
        self
    }

    pub(crate) fn asked(&self) -> Arc<Mutex<Vec<String>>> {
        Arc::clone(&self.asked)
    }

    pub(crate) fn cluster(self) -> Cluster {
        Cluster::new(Arc::new(self.reader()))
    }

    pub(crate) fn reader(self) -> MockClusterReader {
        let this = Arc::new(self);
        let mut mock = MockClusterReader::new();
        let fake = Arc::clone(&this);
        mock.expect_list_page().returning(move |_, request| {
            fake.note(format!(
                "list {} {} {} {}",
                request.resource,
                request.namespace.as_deref().unwrap_or("*"),
                request.label_selector.as_deref().unwrap_or("-"),
                request.field_selector.as_deref().unwrap_or("-"),
            ));
            fake.check(&request.resource)?;
            let items: Vec<_> = fake
                .of(&request.resource)
                .filter(|object| {
                    let ns = object["metadata"]["namespace"].as_str();
                    request.namespace.is_none()
                        || !request.resource.namespaced
                        || ns == request.namespace.as_deref()
                })
                .filter(|object| fits(object, request.label_selector.as_deref()))
                .filter(|object| fields_fit(object, request.field_selector.as_deref()))
                .map(|object| {
                    let mut item = object.clone();
                    let map = item.as_object_mut().unwrap();
                    map.remove("kind");
                    map.remove("apiVersion");
                    if request.metadata_only {
                        map.retain(|key, _| key == "metadata");
                    }
                    item
                })
                .collect();
            Ok(
                json!({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": items})
                    .to_string()
                    .into_bytes(),
            )
        });
        let fake = Arc::clone(&this);
        mock.expect_get().returning(move |_, request| {
            fake.note(format!("get {} {}", request.resource, request.name));
            fake.check(&request.resource)?;
            fake.of(&request.resource)
                .find(|object| {
                    object["metadata"]["name"] == request.name.as_str()
                        && object["metadata"]["namespace"].as_str() == request.namespace.as_deref()
                })
                .map(|object| object.to_string().into_bytes())
                .ok_or_else(|| ClusterError::NotFound {
                    request: format!("get {} {}", request.resource, request.name),
                    source: "absent".into(),
                })
        });
        let fake = Arc::clone(&this);
        mock.expect_pod_logs().returning(move |_, request| {
            let container = request.container.clone().unwrap_or_default();
            fake.note(format!("logs {} {container}", request.pod));
            let what = || "read logs".to_owned();
            match fake.logs.get(&(request.pod.clone(), container, request.previous)) {
                Some(Ok(text)) => Ok(LogBytes {
                    bytes: text.clone().into_bytes(),
                    ..LogBytes::default()
                }),
                Some(Err(message)) => Err(ClusterError::BadRequest {
                    request: what(),
                    source: Box::new(ServerSaid {
                        code: 400,
                        message: message.clone(),
                    }),
                }),
                None => Err(ClusterError::NotFound {
                    request: what(),
                    source: "absent".into(),
                }),
            }
        });
        let fake = Arc::clone(&this);
        mock.expect_can_i().returning(move |_, question| {
            let mut resource = question.resource.clone();
            if !question.subresource.is_empty() {
                resource = format!("{resource}/{}", question.subresource);
            }
            if !question.group.is_empty() {
                resource = format!("{resource}.{}", question.group);
            }
            let place = question.namespace.as_deref().unwrap_or("*");
            fake.note(format!("can {} {resource} {place}", question.verb));
            Ok(!fake.denied.contains(&resource))
        });
        let fake = Arc::clone(&this);
        mock.expect_kinds().returning(move |_, api_version| {
            fake.note(format!("kinds {api_version}"));
            let known = Resource::ALL
                .iter()
                .filter(|kind| kind.api_version() == api_version);
            let known: Vec<_> = known
                .filter(|kind| kind.is_built_in() || fake.groups.contains_key(&*kind.group))
                .cloned()
                .collect();
            if known.is_empty() {
                return Err(ClusterError::NotFound {
                    request: format!("list the kinds of {api_version}"),
                    source: "absent".into(),
                });
            }
            Ok(known)
        });
        let fake = this;
        mock.expect_discover().returning(move |_| {
            fake.note("discover".to_owned());
            let groups: Vec<_> = fake
                .groups
                .iter()
                .map(|(name, versions)| {
                    let versions: Vec<_> = versions.iter().map(|v| json!({"version": v})).collect();
                    json!({"name": name, "versions": versions})
                })
                .collect();
            Ok(Discovery::parse(json!({"groups": groups}).to_string().as_bytes()).unwrap())
        });
        mock
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn check(&self, resource: &Resource) -> Result<(), ClusterError> {
        if self.denied.contains(&resource.to_string()) {
            return Err(ClusterError::Denied {
                request: format!("list {resource}"),
                source: "forbidden".into(),
            });
        }
        Ok(())
    }

    fn of<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| {
            let version = object["apiVersion"].as_str().unwrap_or("v1");
            let group = version.split_once('/').map_or("", |(group, _)| group);
            object["kind"] == resource.kind.as_ref() && group == resource.group
        })
    }
}

fn fits(object: &Value, selector: Option<&str>) -> bool {
    let labels: BTreeMap<String, String> =
        serde_json::from_value(object["metadata"]["labels"].clone()).unwrap_or_default();
    let wanted = selector
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| pair.split_once('='));
    let selector = LabelSelector {
        match_labels: wanted
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        match_expressions: Vec::new(),
    };
    selector.matches(&labels)
}

fn fields_fit(object: &Value, selector: Option<&str>) -> bool {
    selector
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .all(|(path, value)| {
            let pointer = format!("/{}", path.replace('.', "/"));
            object.pointer(&pointer).and_then(Value::as_str) == Some(value)
        })
}

/// A context at ten o'clock with half a minute to go.
pub(crate) fn context() -> ToolContext {
    let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
    ToolContext::new(clock, Duration::from_secs(30))
}
