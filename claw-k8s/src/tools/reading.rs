//! Several lists of one call: what was read, what was not, and whether that is enough.

use std::collections::BTreeSet;

use claw_core::report::Gap;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use serde::de::DeserializeOwned;

use crate::cluster::{Cluster, ClusterError, Discovery, Listed, Query, Resource};
use crate::model::Object;

/// What the lists of one call came to.
#[derive(Debug, Default)]
pub(super) struct Reading {
    gaps: Vec<Gap>,
    complete: BTreeSet<String>,
    worst: Option<ToolError>,
    ends: bool,
    read: usize,
}

impl Reading {
    /// The objects of a list. One that failed leaves a gap and is empty.
    pub(super) fn take<T>(&mut self, resource: &Resource, listed: Result<Listed<T>, ClusterError>) -> Vec<T> {
        match listed {
            Ok(listed) => {
                self.read = self.read.saturating_add(1);
                if listed.incomplete.is_empty() {
                    self.complete.insert(resource.kind.to_string());
                }
                for why in &listed.incomplete {
                    self.gap(why.gap(resource.to_string()));
                }
                listed.items
            }
            Err(error) => {
                self.missed(resource, error);
                Vec::new()
            }
        }
    }

    /// As [`take`](Self::take), for a kind that need not be served. `None` stands for one that is not.
    pub(super) fn take_served<T>(
        &mut self,
        resource: &Resource,
        listed: Option<Result<Listed<T>, ClusterError>>,
    ) -> Vec<T> {
        match listed {
            None | Some(Err(ClusterError::NotFound { .. })) => Vec::new(),
            Some(listed) => self.take(resource, listed),
        }
    }

    /// Notes that a list failed.
    pub(super) fn missed(&mut self, resource: &Resource, error: ClusterError) {
        self.gap(error.gap(resource.to_string()));
        // What ends the run must end the call, and so must a name that nothing can have. Of the rest, the first is as good as
        // any.
        let ends =
            error.kind() == ToolErrorKind::Cancelled || matches!(error, ClusterError::InvalidName { .. });
        if self.worst.is_none() || ends {
            self.worst = Some(error.into());
        }
        self.ends |= ends;
    }

    /// Notes that something could not be seen; each thing once.
    pub(super) fn gap(&mut self, gap: Gap) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Which kinds are known in full, and the gaps. Fails if nothing at all could be read, if the run was cancelled, or if a name
    /// was asked for that nothing can have.
    pub(super) fn finish(self) -> Result<(BTreeSet<String>, Vec<Gap>), ToolError> {
        match self.worst {
            Some(error) if self.read == 0 || self.ends => Err(error),
            _ => {
                let mut gaps = self.gaps;
                gaps.sort();
                Ok((self.complete, gaps))
            }
        }
    }

    /// The gaps alone.
    pub(super) fn gaps(self) -> Result<Vec<Gap>, ToolError> {
        Ok(self.finish()?.1)
    }
}

/// Why nothing was found in a namespace, where that is because it does not exist, or because nobody can tell whether it does.
pub(super) async fn absence(cluster: &Cluster, cx: &ToolContext, namespace: Option<&str>) -> Option<Gap> {
    let name = namespace?;
    match cluster.has_namespace(cx, name).await {
        Ok(true) => None,
        Ok(false) => Some(no_namespace(name)),
        Err(error) => Some(error.gap(Resource::NAMESPACES.to_string())),
    }
}

/// The namespace that was asked about does not exist.
pub(super) fn no_namespace(name: &str) -> Gap {
    Gap {
        source: format!("namespace {name}"),
        reason: "it does not exist".to_owned(),
        remedy: "check the name of the namespace".to_owned(),
    }
}

/// Lists a kind in a namespace, or in all.
pub(super) async fn list<T>(
    cluster: &Cluster,
    cx: &ToolContext,
    resource: Resource,
    namespace: Option<&str>,
) -> Result<Listed<T>, ClusterError>
where
    T: Object + DeserializeOwned,
{
    cluster.list(cx, &Query::new(resource, namespace)).await
}

/// Lists a kind in the version that is served. `None` if none is.
pub(super) async fn list_served<T>(
    cluster: &Cluster,
    cx: &ToolContext,
    discovery: &Discovery,
    resource: &Resource,
    namespace: Option<&str>,
) -> Option<Result<Listed<T>, ClusterError>>
where
    T: Object + DeserializeOwned,
{
    let resource = discovery.resolve(resource)?;
    Some(cluster.list(cx, &Query::new(resource, namespace)).await)
}

/// A namespace as asked for: an empty one means all, as people and models write it.
pub(super) fn wanted(namespace: Option<&str>) -> Option<&str> {
    namespace.map(str::trim).filter(|namespace| !namespace.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nothing_can_have_ends_the_call_whatever_else_was_read() {
        let mut reading = Reading::default();
        let read = reading.take(&Resource::PODS, Ok(Listed::<()>::default()));
        assert!(read.is_empty());
        let error = ClusterError::InvalidName {
            what: "namespace",
            value: "Not_A_Name".to_owned(),
        };
        reading.missed(&Resource::SERVICES, error);
        let error = reading.gaps().unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
        assert!(error.to_string().contains("`Not_A_Name`"), "{error}");
    }
}
