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
        // What ends the run must end the call; of the rest, the first is as good as any.
        if self.worst.is_none() || error.kind() == ToolErrorKind::Cancelled {
            self.worst = Some(error.into());
        }
    }

    /// Notes that something could not be seen; each thing once.
    pub(super) fn gap(&mut self, gap: Gap) {
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Which kinds are known in full, and the gaps. Fails if nothing at all could be read, or the run was cancelled.
    pub(super) fn finish(self) -> Result<(BTreeSet<String>, Vec<Gap>), ToolError> {
        match self.worst {
            Some(error) if self.read == 0 || error.kind() == ToolErrorKind::Cancelled => Err(error),
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
