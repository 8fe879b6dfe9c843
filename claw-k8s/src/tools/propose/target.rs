//! The object that a proposal is about, as it was read.

use claw_core::entity::EntityRef;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use serde_json::Value;

use super::managed::by_gitops;
use super::{gitops, input};
use crate::cluster::{Cluster, ClusterError, Resource};

/// An object, read a moment ago.
#[derive(Debug)]
pub(super) struct Target {
    /// Its kind.
    pub(super) resource: Resource,
    /// Kind, namespace and name as they were asked for.
    pub(super) entity: EntityRef,
    /// All of it.
    pub(super) object: Value,
    /// Its uid.
    pub(super) uid: String,
    /// Its version.
    pub(super) resource_version: String,
    /// What to know about it, whatever is proposed.
    pub(super) notes: Vec<String>,
}

impl Target {
    /// Reads an object that is to be changed. What is not there, is being deleted, or is kept by a GitOps controller is an
    /// error.
    pub(super) async fn read(
        cluster: &Cluster,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Self, ToolError> {
        let entity = named(resource, namespace, name)?;
        let object = cluster.object(cx, resource, namespace, name).await?;
        Self::of(resource, entity, object)?.unkept(cluster, cx).await
    }

    /// As [`read`](Self::read), where the object need not be there.
    pub(super) async fn find(
        cluster: &Cluster,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Self>, ToolError> {
        let entity = named(resource, namespace, name)?;
        match cluster.object(cx, resource, namespace, name).await {
            Ok(object) => Self::of(resource, entity, object)?
                .unkept(cluster, cx)
                .await
                .map(Some),
            Err(ClusterError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads an object of which nothing changes that a GitOps controller could take back: a pod that ends, a node.
    pub(super) async fn look(
        cluster: &Cluster,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Self, ToolError> {
        let entity = named(resource, namespace, name)?;
        let object = cluster.object(cx, resource, namespace, name).await?;
        let mut target = Self::of(resource, entity, object)?;
        target.notes = by_gitops(&target.entity, &target.object).into_iter().collect();
        Ok(target)
    }

    async fn unkept(mut self, cluster: &Cluster, cx: &ToolContext) -> Result<Self, ToolError> {
        self.notes = gitops::unkept(cluster, cx, &self.resource, &self.entity, &self.object).await?;
        Ok(self)
    }

    fn of(resource: &Resource, entity: EntityRef, object: Value) -> Result<Self, ToolError> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let same = text("/metadata/name") == Some(&entity.name)
            && text("/metadata/namespace") == entity.namespace.as_deref()
            && text("/kind").is_none_or(|kind| kind == entity.kind);
        let stored = |pointer: &str| text(pointer).filter(|it| !it.is_empty()).map(str::to_owned);
        let (uid, version) = (stored("/metadata/uid"), stored("/metadata/resourceVersion"));
        let (true, Some(uid), Some(resource_version)) = (same, uid, version) else {
            return Err(ToolError::new(
                ToolErrorKind::Internal,
                format!(
                    "asked for {entity}, the API server answered with something else; look at what is in front of it"
                ),
            ));
        };
        if object
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|time| !time.is_null())
        {
            return Err(ToolError::invalid_input(format!(
                "{entity} is being deleted already; wait until it is gone, or see which finalizer holds it up"
            )));
        }
        Ok(Self {
            resource: resource.clone(),
            entity,
            object,
            uid,
            resource_version,
            notes: Vec::new(),
        })
    }

    /// A text in it.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.object.pointer(pointer)?.as_str()
    }

    /// A whole number in it.
    pub(super) fn number(&self, pointer: &str) -> Option<i64> {
        self.object.pointer(pointer)?.as_i64()
    }

    /// Whether something in it is `true`.
    pub(super) fn is_true(&self, pointer: &str) -> bool {
        self.object.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    /// One of its annotations.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.object.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// That it is as asked for.
    pub(super) fn unchanged(&self) -> ToolError {
        ToolError::invalid_input(format!(
            "{} is already as asked for: there is nothing to change",
            self.entity
        ))
    }
}

/// Kind, namespace and name, if they are those of an object.
pub(super) fn named(
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
) -> Result<EntityRef, ToolError> {
    let name = input::name("name", name)?;
    let namespace = namespace
        .map(|namespace| input::name("namespace", namespace))
        .transpose()?;
    let kind = &resource.kind;
    if resource.namespaced && namespace.is_none() {
        return Err(ToolError::invalid_input(format!(
            "objects of kind {kind} lie in namespaces; name the namespace"
        )));
    }
    if !resource.namespaced && namespace.is_some() {
        return Err(ToolError::invalid_input(format!(
            "objects of kind {kind} lie in no namespace; leave the namespace out"
        )));
    }
    Ok(EntityRef {
        kind: kind.to_string(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    })
}
