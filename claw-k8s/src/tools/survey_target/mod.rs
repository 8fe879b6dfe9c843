//! `survey_target`

mod health;
mod kept;
mod look;
mod notes;
mod plan;
mod scene;
mod working;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::action::{Action, Verb, pre_image};
use claw_core::radius::BlastRadius;
use claw_core::survey::{Survey, Target};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use serde_json::Value;

use self::look::Look;
use self::notes::Notes;
use crate::cluster::{Cluster, ClusterError, Resource};

/// The namespace that every cluster has, and whose uid is that of the cluster.
const FIRST: &str = "kube-system";

/// The label or annotation that says what a workload is, unless another is set.
const NATURE: &str = "claw.dev/nature";

/// Looks at what feels an action: for whoever judges it, not for models.
///
/// Everything is read anew. What could not be read is in [`BlastRadius::unseen`], and never counted as nothing. Secrets are not
/// looked at.
///
/// What counts for each axis of the radius: pods that end or are made anew, of a workload that is scaled down the difference;
/// of a ConfigMap, Secret or ServiceAccount, and of a claim, the pods that use it, as though they ended. Endpoints as many as
/// may be missing at a time, which a rolling update bounds. Nodes and zones as many as lose pods at a time: a rolling update counts
/// as many as it lets pods be missing, what evicts, deletes, scales down or drains all that it takes pods from. Endpoints behind a NetworkPolicy, Service, Ingress or route that
/// changes all count. Objects are the target and what it owns that changes or ends, without pods, and without ReplicaSets that
/// have none. Kinds that are not known here reach without end.
#[derive(Clone, Debug)]
pub struct SurveyTarget {
    cluster: Cluster,
    nature: String,
}

impl SurveyTarget {
    /// The tool over a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            nature: NATURE.to_owned(),
        }
    }

    /// Another label or annotation that says what a workload is.
    #[must_use]
    pub fn with_nature_label(mut self, label: impl Into<String>) -> Self {
        self.nature = label.into();
        self
    }
}

/// The kind of a target, where the cluster serves it.
type Kind = Result<Option<Resource>, ClusterError>;

/// An object, where it could be read.
type Read = Result<Value, ClusterError>;

#[async_trait]
impl Tool for SurveyTarget {
    const NAME: &'static str = "survey_target";
    const EFFECT: Effect = Effect::Read;
    type Input = Action;
    type Output = Survey;

    fn description(&self) -> &str {
        "Look at what an action is about to change, and at everything that feels it; nothing is changed by the call"
    }

    fn access(&self) -> Access {
        let (get, list, both) = (&["get"], &["list"], &["get", "list"]);
        let mut access = Access::none().looks_up("", "namespaces", get);
        for (group, resource) in [
            ("", "nodes"),
            ("", "persistentvolumeclaims"),
            ("", "pods"),
            ("apps", "replicasets"),
            ("batch", "jobs"),
        ] {
            access = access.uses(group, resource, both);
        }
        for (group, resource) in [
            ("discovery.k8s.io", "endpointslices"),
            ("policy", "poddisruptionbudgets"),
        ] {
            access = access.uses(group, resource, list);
        }
        access = access.uses("argoproj.io", "applications", list).everywhere();
        for (group, resource) in [
            ("", "configmaps"),
            ("", "persistentvolumes"),
            ("", "serviceaccounts"),
            ("", "services"),
            ("apps", "daemonsets"),
            ("apps", "deployments"),
            ("apps", "statefulsets"),
            ("autoscaling", "horizontalpodautoscalers"),
            ("batch", "cronjobs"),
            ("gateway.networking.k8s.io", "grpcroutes"),
            ("gateway.networking.k8s.io", "httproutes"),
            ("gateway.networking.k8s.io", "tcproutes"),
            ("gateway.networking.k8s.io", "tlsroutes"),
            ("networking.k8s.io", "ingresses"),
            ("networking.k8s.io", "networkpolicies"),
        ] {
            access = access.looks_up(group, resource, get);
        }
        access
    }

    async fn call(&self, cx: &ToolContext, action: Action) -> Result<Survey, ToolError> {
        let mut notes = Notes::default();
        let (place, namespaces) = (namespace_of(&action), Resource::NAMESPACES);
        // What does not need the answer to something else is asked at the same time.
        let ((resource, target), first, namespace) = futures::join!(
            self.target(cx, &action),
            self.object(cx, &namespaces, None, FIRST),
            self.namespace(cx, place),
        );
        let cluster = notes.one(first).and_then(|first| text(&first, "/metadata/uid"));
        let namespace = notes.found(namespace).flatten();
        let named = |place: &str| namespace.as_ref().and_then(|namespace| texts(namespace, place));
        let mut survey = Survey {
            cluster,
            namespace_labels: named("/metadata/labels"),
            namespace_annotations: named("/metadata/annotations"),
            radius: BlastRadius {
                objects: [action.target.clone()].into(),
                ..BlastRadius::default()
            },
            ..Survey::default()
        };
        match notes.one(resource) {
            Some(Some(resource)) => {
                self.look(cx, &action, (&resource, target), &mut survey, &mut notes)
                    .await;
            }
            Some(None) => notes.add(format!(
                "the cluster serves no {} in {}",
                action.target.kind, action.api_version
            )),
            None => {}
        }
        survey.radius.unseen = notes.finish()?;
        Ok(survey)
    }
}

impl SurveyTarget {
    /// The kind of the target, and the target, if it may be looked at.
    async fn target(&self, cx: &ToolContext, action: &Action) -> (Kind, Option<Read>) {
        let target = &action.target;
        let kind = self.cluster.kind(cx, &action.api_version, &target.kind).await;
        let read = match &kind {
            Ok(Some(resource)) if *resource != Resource::SECRETS => {
                let place = target.namespace.as_deref();
                Some(self.object(cx, resource, place, &target.name).await)
            }
            _ => None,
        };
        (kind, read)
    }

    async fn object(
        &self,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Value, ClusterError> {
        self.cluster.object(cx, resource, namespace, name).await
    }

    /// The namespace that the action is in, where it is in one.
    async fn namespace(&self, cx: &ToolContext, name: Option<&str>) -> Result<Option<Value>, ClusterError> {
        match name {
            None => Ok(None),
            Some(name) => self.object(cx, &Resource::NAMESPACES, None, name).await.map(Some),
        }
    }

    /// What an autoscaler scales.
    async fn scaled(
        &self,
        cx: &ToolContext,
        action: &Action,
        autoscaler: &Value,
    ) -> Result<Option<Value>, ClusterError> {
        let named = |place: &str| autoscaler.pointer(place).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (
            named("/spec/scaleTargetRef/kind"),
            named("/spec/scaleTargetRef/name"),
        ) else {
            return Ok(None);
        };
        let api_version = named("/spec/scaleTargetRef/apiVersion").unwrap_or_default();
        let Some(resource) = self.cluster.kind(cx, api_version, kind).await? else {
            return Ok(None);
        };
        let namespace = action.target.namespace.as_deref();
        self.object(cx, &resource, namespace, name).await.map(Some)
    }

    /// Looks at the target and around it.
    async fn look(
        &self,
        cx: &ToolContext,
        action: &Action,
        (resource, read): (&Resource, Option<Read>),
        survey: &mut Survey,
        notes: &mut Notes,
    ) {
        let target = &action.target;
        let Some(read) = read else {
            notes.add(format!("{target}: Secrets are not looked at"));
            return;
        };
        let missing = matches!(read, Err(ClusterError::NotFound { .. }));
        let object = notes.found(read);
        survey.target = object.as_ref().and_then(as_target);
        let before = match (&object, action.verb) {
            (Some(object), _) => object.clone(),
            (None, Verb::Create) if missing => Value::Null,
            (None, _) => {
                if missing {
                    notes.add(format!("there is no {target}"));
                }
                return;
            }
        };
        if object.is_some() && survey.target.is_none() {
            notes.add(format!("{target} is not what the API promises"));
        }
        // What is to be created brings its marks along.
        let marked = if before.is_null() { &action.patch } else { &before };
        survey.kept_by = kept::keeper(&self.cluster, cx, (resource, action), marked, notes).await;
        survey.health = health::health(resource, &before, cx.clock.now());
        if *resource == Resource::AUTOSCALERS {
            survey.scaled = notes.found(self.scaled(cx, action, marked).await).flatten();
        }
        let look = Look {
            cluster: &self.cluster,
            cx,
            action,
            resource,
            before: &before,
            scaled: survey.scaled.as_ref(),
            notes,
        };
        let scene = look.around().await;
        survey.is_working = working::is_working(&self.nature, resource, &before, scene.pods.as_deref());
        survey.radius = scene.radius();
    }
}

/// The namespace that an action is in. A namespace is in itself.
fn namespace_of(action: &Action) -> Option<&str> {
    let target = &action.target;
    match target.kind.as_str() {
        "Namespace" => Some(&target.name),
        _ => target.namespace.as_deref(),
    }
}

/// Labels or annotations; of an object that has none, none.
fn texts(object: &Value, place: &str) -> Option<BTreeMap<String, String>> {
    match object.pointer(place) {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(named) => serde_json::from_value(named.clone()).ok(),
    }
}

/// The object as it was read, if it is one that is stored.
fn as_target(object: &Value) -> Option<Target> {
    Some(Target {
        uid: text(object, "/metadata/uid")?,
        resource_version: text(object, "/metadata/resourceVersion")?,
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        pre_image: pre_image(object),
        object: object.clone(),
    })
}

fn text(object: &Value, place: &str) -> Option<String> {
    let text = object.pointer(place)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
