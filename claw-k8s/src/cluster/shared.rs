//! What the tools hold: typed reading, shared for a moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claw_core::tool::ToolContext;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use super::list::{Pages, Predicate, reread, walk};
use super::room::Room;
use super::{
    AccessQuestion, ClusterError, ClusterReader, Discovery, GetRequest, Listed, LogBytes, LogRequest, Query,
    Resource, ServerVersion,
};
use crate::model::{Namespace, Object};

/// How long a list is used again of what changes by itself, which is what has a status.
const MOMENT: Duration = Duration::from_secs(5);

/// How long a list is used again of what only people and pipelines change: about as long as an investigation takes.
const A_RUN: Duration = Duration::from_secs(30);

/// What only people and pipelines change, or has a status that tells nothing of how things are going. Custom kinds that
/// are not named here are not known to be such.
const STEADY: [Resource; 25] = [
    Resource::SERVICES,
    Resource::CONFIG_MAPS,
    Resource::SECRETS,
    Resource::SERVICE_ACCOUNTS,
    Resource::LIMIT_RANGES,
    Resource::INGRESSES,
    Resource::INGRESS_CLASSES,
    Resource::NETWORK_POLICIES,
    Resource::STORAGE_CLASSES,
    Resource::VALIDATING_WEBHOOKS,
    Resource::MUTATING_WEBHOOKS,
    Resource::GATEWAY_CLASSES,
    Resource::HTTP_ROUTES,
    Resource::GRPC_ROUTES,
    Resource::TLS_ROUTES,
    Resource::TCP_ROUTES,
    Resource::VIRTUAL_SERVICES,
    Resource::DESTINATION_RULES,
    Resource::SERVICE_ENTRIES,
    Resource::PEER_AUTHENTICATIONS,
    Resource::AUTHORIZATION_POLICIES,
    Resource::SERVICE_PROFILES,
    Resource::LINKERD_SERVERS,
    Resource::ISTIO_GATEWAYS,
    Resource::LINKERD_HTTP_ROUTES,
];

/// Bytes of packed lists that are kept to be used again. Two thousand pods take about a million.
const KEEP_BYTES: usize = 16 << 20;

/// How long the API groups are taken as known.
const DISCOVERY_LIFETIME: Duration = Duration::from_secs(300);

/// A cluster as tools see it.
///
/// Clones share what was read, in whichever run: a list that another tool read a moment ago, or is reading now, is not asked
/// for again. That moment is half a minute for what only people and pipelines change, such as ConfigMaps, Services and
/// routes, and five seconds for the rest; packed, 16 MiB are kept at most. Single objects are always read anew.
#[derive(Clone)]
pub struct Cluster {
    reader: Arc<dyn ClusterReader>,
    lists: Arc<Mutex<BTreeMap<Query, Arc<PagesSlot>>>>,
    room: Room,
    discovery: Arc<Slot<Discovery>>,
    namespaces: Arc<AsyncMutex<BTreeMap<String, (Timestamp, bool)>>>,
}

/// A value, when it was read. Whoever holds the lock reads; the others wait for it.
type Slot<T> = AsyncMutex<Option<(Timestamp, Arc<T>)>>;

/// The pages of a list.
type PagesSlot = Slot<Pages>;

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("reuse", &A_RUN)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// A cluster behind a reader.
    pub fn new(reader: Arc<dyn ClusterReader>) -> Self {
        Self {
            reader,
            lists: Arc::default(),
            room: Room::of(KEEP_BYTES),
            discovery: Arc::default(),
            namespaces: Arc::default(),
        }
    }

    /// The port behind it.
    pub fn reader(&self) -> &Arc<dyn ClusterReader> {
        &self.reader
    }

    /// All objects that `query` asks for.
    pub async fn list<T>(&self, cx: &ToolContext, query: &Query) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        self.list_of(cx, query, None).await
    }

    /// Those of the objects that `query` asks for that are `wanted`. The list is read whole, as others may want the rest of it a
    /// moment before or after, but of what is not wanted no more than a page takes memory at a time.
    pub(crate) async fn list_where<T>(
        &self,
        cx: &ToolContext,
        query: &Query,
        wanted: &(dyn Fn(&T) -> bool + Sync),
    ) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        self.list_of(cx, query, Some(wanted)).await
    }

    async fn list_of<T>(
        &self,
        cx: &ToolContext,
        query: &Query,
        wanted: Predicate<'_, T>,
    ) -> Result<Listed<T>, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        let slot = self.slot(cx, query);
        let mut slot = wait(cx, &format!("list {}", query.resource), slot.lock()).await?;
        if let Some((time, pages)) = &*slot
            && is_fresh(cx, *time, lifetime(query))
        {
            return reread(query, wanted, pages);
        }
        // What is too old makes room for what is read now.
        *slot = None;
        let time = cx.clock.now();
        let mut pages = Pages::within(self.room.share());
        let listed = walk(&*self.reader, cx, query, wanted, Some(&mut pages)).await?;
        *slot = pages
            .if_all()
            .filter(|_| listed.incomplete.is_empty())
            .map(|pages| (time, Arc::new(pages)));
        Ok(listed)
    }

    /// One object, read anew.
    pub async fn get<T>(
        &self,
        cx: &ToolContext,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<T, ClusterError>
    where
        T: Object + DeserializeOwned,
    {
        let mut object: T = self.read_one(cx, &resource, namespace, name).await?;
        object.set_kind(&resource.kind);
        Ok(object)
    }

    /// One object in full, read anew.
    pub async fn object(
        &self,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Value, ClusterError> {
        self.read_one(cx, resource, namespace, name).await
    }

    async fn read_one<T: DeserializeOwned>(
        &self,
        cx: &ToolContext,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<T, ClusterError> {
        let request = GetRequest {
            resource: resource.clone(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            metadata_only: false,
        };
        let bytes = self.reader.get(cx, &request).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClusterError::Malformed {
            request: format!("get {resource} {name}"),
            source: error.into(),
        })
    }

    /// The kind of that name in a version of an API group, as the cluster serves it: `None` if it does not. Kinds that every
    /// cluster serves in this version are not asked for; others are asked for anew.
    pub async fn kind(
        &self,
        cx: &ToolContext,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Resource>, ClusterError> {
        let known = Resource::ALL
            .iter()
            .find(|known| known.is_built_in() && known.kind == kind && known.api_version() == api_version);
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        match self.reader.kinds(cx, api_version).await {
            Ok(kinds) => Ok(kinds.into_iter().find(|known| known.kind == kind)),
            Err(ClusterError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a namespace of that name. The API server lists one that is not there as an empty one. Known for as
    /// long as lists are.
    pub async fn has_namespace(&self, cx: &ToolContext, name: &str) -> Result<bool, ClusterError> {
        let request = format!("get {} {name}", Resource::NAMESPACES);
        let mut known = wait(cx, &request, self.namespaces.lock()).await?;
        known.retain(|_, (time, _)| is_fresh(cx, *time, MOMENT));
        if let Some((_, exists)) = known.get(name) {
            return Ok(*exists);
        }
        let time = cx.clock.now();
        let found = self.get::<Namespace>(cx, Resource::NAMESPACES, None, name).await;
        let exists = match found {
            Ok(_) => true,
            Err(ClusterError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        known.insert(name.to_owned(), (time, exists));
        Ok(exists)
    }

    /// Log lines of a container.
    pub async fn logs(&self, cx: &ToolContext, request: &LogRequest) -> Result<LogBytes, ClusterError> {
        self.reader.pod_logs(cx, request).await
    }

    /// Whether the agent has a right.
    pub async fn can_i(&self, cx: &ToolContext, question: &AccessQuestion) -> Result<bool, ClusterError> {
        self.reader.can_i(cx, question).await
    }

    /// The server's version.
    pub async fn version(&self, cx: &ToolContext) -> Result<ServerVersion, ClusterError> {
        self.reader.version(cx).await
    }

    /// The API groups that are served, read once in five minutes.
    pub async fn discovery(&self, cx: &ToolContext) -> Result<Arc<Discovery>, ClusterError> {
        let mut slot = wait(cx, "list API groups", self.discovery.lock()).await?;
        if let Some((time, discovery)) = &*slot
            && is_fresh(cx, *time, DISCOVERY_LIFETIME)
        {
            return Ok(Arc::clone(discovery));
        }
        let time = cx.clock.now();
        let discovery = Arc::new(self.reader.discover(cx).await?);
        *slot = Some((time, Arc::clone(&discovery)));
        Ok(discovery)
    }

    /// The place of a list among those that are kept. Drops the ones that are too old and that nobody waits for.
    fn slot(&self, cx: &ToolContext, query: &Query) -> Arc<PagesSlot> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|query, slot| {
            Arc::strong_count(slot) > 1
                || slot.try_lock().is_ok_and(|slot| {
                    slot.as_ref()
                        .is_some_and(|(time, _)| is_fresh(cx, *time, lifetime(query)))
                })
        });
        Arc::clone(lists.entry(query.clone()).or_default())
    }
}

fn lifetime(query: &Query) -> Duration {
    let same = |kind: &Resource| kind.group == query.resource.group && kind.plural == query.resource.plural;
    if STEADY.iter().any(same) { A_RUN } else { MOMENT }
}

fn is_fresh(cx: &ToolContext, time: Timestamp, lifetime: Duration) -> bool {
    Duration::try_from(cx.clock.now().duration_since(time)).is_ok_and(|age| age < lifetime)
}

/// Waits for another call that is reading the same, no longer than the context allows.
async fn wait<T>(cx: &ToolContext, request: &str, other: impl Future<Output = T>) -> Result<T, ClusterError> {
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Err(ClusterError::Cancelled { request: request.to_owned() }),
        value = other => Ok(value),
        () = tokio::time::sleep(cx.remaining()) => Err(ClusterError::Timeout { request: request.to_owned() }),
    }
}
