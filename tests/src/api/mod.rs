//! A Kubernetes API server in the process, over real HTTP on the loopback interface.
//!
//! It serves objects as they were recorded, and takes writes as the real server does: versions and generations move,
//! conflicts and disruption budgets are respected, watches see what happened, roles decide who may do what. There are
//! no controllers behind it: a deleted Deployment leaves its pods alone.
//!
//! ```
//! use std::sync::Arc;
//!
//! use claw_core::clock::ManualClock;
//! use claw_testkit::api::{ApiServer, Cluster};
//! use k8s_openapi::api::core::v1::Pod;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse()?));
//! let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}});
//! let server = ApiServer::start(Cluster::new(vec![pod], clock)).await?;
//!
//! let pods = kube::Api::<Pod>::namespaced(server.client()?, "shop");
//! assert_eq!(pods.list(&Default::default()).await?.items.len(), 1);
//! assert_eq!(server.faults().exchanges()[0].path, "/api/v1/namespaces/shop/pods");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod built_in;
mod check;
mod convert;
mod delete;
mod discovery;
mod evict;
mod handle;
mod kinds;
mod logs;
mod managed_fields;
mod patch;
mod rbac;
mod read;
mod recorded;
mod route;
mod scale;
mod select;
mod status;
mod store;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use claw_core::clock::Clock;
use claw_k8s::bundle::{Content, RecordedKind};
use serde_json::Value;

use crate::faults::Faults;
use crate::loopback::Loopback;
use store::{Key, Store};

pub use rbac::User;
pub use recorded::Held;
pub(crate) use status::of_fault;

/// The switch (see [`Fault::Switch`](crate::faults::Fault::Switch)) under which a read is answered from the objects
/// as they were at the start.
pub const STALE: &str = "stale";

/// The switch under which a watch ends with the error that its version is too old.
pub const WATCH_EXPIRED: &str = "watch-expired";

/// The switch under which an admission webhook that does not support dry runs is asked about a write.
pub const WEBHOOK_WITHOUT_DRY_RUN: &str = "webhook-without-dry-run";

/// The state of a simulated cluster. Clones share it: a test keeps one and changes the cluster while it is served.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    changed: tokio::sync::watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the store, and wakes the watches when something has changed.
    fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let before = (store.version, store.compacted);
        let result = change(&mut store);
        let version = store.version;
        let moved = before != (version, store.compacted);
        drop(store);
        if moved {
            self.changed.send_replace(version);
        }
        result
    }
}

impl Cluster {
    /// A cluster that holds `objects`. Values that are no objects are left out. Namespaces that objects lie in exist.
    pub fn new(objects: Vec<Value>, clock: Arc<dyn Clock>) -> Self {
        let (changed, _) = tokio::sync::watch::channel(0);
        Self(Arc::new(Shared {
            store: Mutex::new(Store::new(objects)),
            changed,
            clock,
        }))
    }

    /// Creates the object, or puts it in the place of the one that is there. What it lacks to be a stored object
    /// (uid, version) is added. Returns whether it is an object at all.
    pub fn put(&self, mut object: Value) -> bool {
        self.0.change(|store| {
            object = convert::to_stored(std::mem::take(&mut object));
            match store.key_of(&mut object) {
                Some(key) => {
                    store.put(key, std::mem::take(&mut object));
                    true
                }
                None => false,
            }
        })
    }

    /// The object of that kind and name; `namespace` is empty for cluster-scoped kinds.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.0.store();
        let key = key(&store, kind, namespace, name)?;
        store.objects.get(&key).map(|object| (**object).clone())
    }

    /// Removes the object. Returns whether it was there.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.0.change(|store| {
            key(store, kind, namespace, name)
                .and_then(|key| store.remove(&key))
                .is_some()
        })
    }

    /// Sets the log of a container; `previous` is the one of the container that ran before.
    pub fn set_log(&self, namespace: &str, pod: &str, container: &str, previous: bool, content: Content) {
        let key = (
            namespace.to_owned(),
            pod.to_owned(),
            container.to_owned(),
            previous,
        );
        self.0.store().logs.insert(key, content);
    }

    /// Makes `token` stand for `user`, whom roles and bindings then bind. Other tokens are refused.
    pub fn allow_token(&self, token: impl Into<String>, user: User) {
        self.0.store().tokens.insert(token.into(), user);
    }

    /// Makes the token worthless, as expiry does.
    pub fn revoke_token(&self, token: &str) {
        self.0.store().tokens.remove(token);
    }

    /// Who requests without a token come from. At first, and with `None`, they may do everything.
    pub fn act_as(&self, user: Option<User>) {
        self.0.store().default_user = user;
    }

    /// Forgets past changes: older watches and continued lists get 410.
    pub fn compact(&self) {
        self.0.change(Store::compact);
    }

    /// Makes the kinds that an agent reads unknown unless they are among `kinds`: rather than telling that there are none,
    /// the server refuses to answer. A list over all namespaces of a kind that is known of some begins with what is known,
    /// and cannot be continued. Kinds among `kinds` are served even where there is no object.
    pub fn know_only(&self, kinds: &[RecordedKind]) {
        let mut store = self.0.store();
        for kind in kinds {
            store.kinds.serve(kind);
        }
        store.recorded = recorded::Recorded::of(kinds, &store.kinds);
    }

    /// What was asked for and is not known: resources (`deployments.apps`), with how much of them is.
    pub fn unknown(&self) -> BTreeMap<String, Held> {
        self.0.store().recorded.refused.clone()
    }

    /// The current resource version.
    pub fn version(&self) -> u64 {
        self.0.store().version
    }
}

fn key(store: &Store, kind: &str, namespace: &str, name: &str) -> Option<Key> {
    let kinds: Vec<_> = store.kinds.iter().filter(|known| known.kind == kind).collect();
    let keys = kinds
        .into_iter()
        .map(|kind| Key::new(kind, Some(namespace), name));
    let mut keys = keys.filter(|key| store.objects.contains_key(key));
    keys.next()
}

/// A running API server. Dropping it ends it.
#[derive(Debug)]
pub struct ApiServer {
    cluster: Cluster,
    faults: Faults,
    server: Loopback,
}

impl ApiServer {
    /// Serves `cluster` on a free port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(cluster: Cluster) -> io::Result<Self> {
        let faults = Faults::with_error_body(status::of_fault);
        let router = Router::new()
            .fallback(handle::handle)
            .with_state(Arc::clone(&cluster.0));
        let server = Loopback::serve(faults.layer(router)).await?;
        Ok(Self {
            cluster,
            faults,
            server,
        })
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The cluster that is served.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The fault switches, and the log of requests.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Breaks all open connections, watches among them. New ones are accepted.
    pub fn cut_connections(&self) {
        self.server.cut_connections();
    }

    /// A kubeconfig (YAML) whose only context leads here, with a token if given.
    pub fn kubeconfig(&self, token: Option<&str>) -> String {
        let user = match token {
            Some(token) => serde_json::json!({"token": token}),
            None => serde_json::json!({}),
        };
        // JSON is YAML, and quotes whatever needs it.
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "simulated",
            "clusters": [{"name": "simulated", "cluster": {"server": self.url()}}],
            "users": [{"name": "simulated", "user": user}],
            "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "simulated"}}],
        })
        .to_string()
    }

    /// A client that may do everything.
    ///
    /// # Errors
    /// If the client cannot be set up.
    pub fn client(&self) -> Result<kube::Client, kube::Error> {
        self.client_with(None)
    }

    /// A client with a token.
    ///
    /// # Errors
    /// If the client cannot be set up.
    pub fn client_with(&self, token: Option<&str>) -> Result<kube::Client, kube::Error> {
        let url = self.url().parse::<axum::http::Uri>();
        let url = url.map_err(|error| kube::Error::HttpError(error.into()))?;
        let mut config = kube::Config::new(url);
        config.auth_info.token = token.map(|token| token.to_owned().into());
        kube::Client::try_from(config)
    }
}

#[cfg(test)]
mod tests;
