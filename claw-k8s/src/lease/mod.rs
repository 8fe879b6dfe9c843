//! Which of several replicas writes: leader election on a Lease.
//!
//! A [`Leadership`] acquires a Lease (`coordination.k8s.io/v1`), renews it, and gives it back. Every write to it is a
//! compare-and-swap: a merge patch with uid and resource version. Times in it are for people: a term is taken for over only when
//! the lease has not changed, as observed here, for as long as a term lasts. Each term has an epoch of its own, the number of
//! transitions; as a [`Fence`] the leadership tells it as long as the term safely lasts.
//!
//! The account needs `get`, `create` and `patch` on `leases.coordination.k8s.io` in the namespace of the lease. It is the one
//! object that an agent writes without a permit: it is its own, and says nothing but who it is.

mod elector;
mod record;
mod settings;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::{Clock, Monotonic};
use claw_core::fence::{Fence, Lost};
use claw_core::requests::{Chore, Requests};
use claw_core::tool::ToolContext;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cluster::write::{WriteRequest, WriteVerb};
use crate::cluster::{Cluster, ClusterError, Connection, KubeCluster, Limits, Proxies, Resource};

use elector::{Elector, Moment, Move};
use record::{Record, released, term};

pub use settings::{LeaseError, LeaseSettings};

const LEASES: Resource = Resource::namespaced("coordination.k8s.io", "v1", "leases", "Lease");

/// Who holds the lease, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// This process.
    Leader {
        /// The epoch of its term.
        epoch: u64,
    },
    /// Another one, or nobody that is known.
    Follower {
        /// When to look again, at the latest.
        again: Duration,
    },
}

/// One process that would hold a lease.
pub struct Leadership {
    settings: LeaseSettings,
    connection: Arc<KubeCluster>,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    steady: Arc<dyn Monotonic>,
    chore: OnceLock<Chore>,
    elector: Mutex<Elector>,
    /// One step at a time.
    step: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leadership")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Leadership {
    /// Reads the credentials, which should be those of the account that writes. Does not ask the server anything yet.
    ///
    /// # Errors
    /// If the settings do not work, or the credentials cannot be read.
    pub async fn connect(
        connection: Connection,
        proxies: Proxies,
        limits: Limits,
        settings: LeaseSettings,
        clock: Arc<dyn Clock>,
        steady: Arc<dyn Monotonic>,
    ) -> Result<Self, LeaseError> {
        settings.check()?;
        let lease = settings.lease();
        let connection = KubeCluster::connect_through(connection, proxies, limits).await;
        let connection = Arc::new(connection.map_err(|source| LeaseError::Cluster {
            lease: lease.clone(),
            source,
        })?);
        let elector = Elector::new(
            lease,
            settings.identity.clone(),
            settings.duration,
            settings.margin,
        );
        Ok(Self {
            settings,
            cluster: Cluster::new(connection.clone()),
            connection,
            clock,
            steady,
            chore: OnceLock::new(),
            elector: Mutex::new(elector),
            step: tokio::sync::Mutex::default(),
        })
    }

    /// Has the requests of [`run`](Self::run) recorded, from the first chore on that is given. The lease is needed before there is a
    /// gate to record by.
    pub fn record_as(&self, chore: Chore) {
        // A second one would split the record of one chore.
        let _ = self.chore.set(chore);
    }

    /// Acquires the lease where it can be had, or renews it where it is ours. To be called again and again:
    /// [`run`](Self::run) does.
    ///
    /// # Errors
    /// If the API server did not answer. A term that we have lasts until its end all the same.
    pub async fn step(&self, cx: &ToolContext) -> Result<Role, LeaseError> {
        let _alone = self.step.lock().await;
        // What is ours is renewed without a look at it: if somebody has written to it, the server says so.
        let own = self.elector().own().cloned();
        if let Some(record) = own
            && let Some(role) = self.write(cx, Move::Renew(record)).await?
        {
            return Ok(role);
        }
        let record = self.read(cx).await?;
        let now = self.steady.elapsed();
        let next = {
            let mut elector = self.elector();
            elector.observe(record, now);
            elector.next(now)
        };
        let role = match next {
            Move::Wait(again) => Some(Role::Follower { again }),
            next => self.write(cx, next).await?,
        };
        // Somebody was first.
        Ok(role.unwrap_or(Role::Follower {
            again: self.settings.every,
        }))
    }

    /// Gives the lease back, so that another process need not wait for the end of the term. Our term is over at once, whatever
    /// the API server answers.
    ///
    /// # Errors
    /// If the API server did not take it: then the others wait.
    pub async fn release(&self, cx: &ToolContext) -> Result<(), LeaseError> {
        let record = self.elector().resign();
        let _alone = self.step.lock().await;
        // A step that was under way may have renewed it.
        let record = self.elector().resign().or(record);
        let Some(record) = record else {
            return Ok(());
        };
        let body = json!({ "metadata": record.preconditions(), "spec": released(self.clock.now()) });
        match self.send(cx, WriteVerb::Patch, body).await {
            // It is not ours any more.
            Ok(_) | Err(ClusterError::Conflict { .. } | ClusterError::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Steps until it is cancelled, and gives the lease back then. What fails is tried again.
    pub async fn run(&self, cancel: CancellationToken) {
        let every = self.settings.every;
        // A request that takes longer than this leaves no time for another one.
        let context = |requests| ToolContext {
            cancel: cancel.clone(),
            ..ToolContext::new(Arc::clone(&self.clock), every).with_requests(requests)
        };
        while !cancel.is_cancelled() {
            let cx = context(self.requests().await);
            let pause = match self.step(&cx).await {
                Ok(Role::Follower { again }) => again.min(every),
                Ok(Role::Leader { .. }) => every,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the lease is not renewed"
                    );
                    every
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.clock.sleep(pause) => {}
            }
        }
        let last = ToolContext::new(Arc::clone(&self.clock), every).with_requests(self.requests().await);
        if let Err(error) = self.release(&last).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the lease is not given back"
            );
        }
        if let Some(chore) = self.chore.get()
            && let Err(error) = chore.record().await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last requests for the lease are not recorded"
            );
        }
    }

    async fn requests(&self) -> Requests {
        match self.chore.get() {
            Some(chore) => chore.requests().await,
            None => Requests::default(),
        }
    }

    /// Writes what a move asks for. `None` where somebody else was first.
    async fn write(&self, cx: &ToolContext, next: Move) -> Result<Option<Role>, LeaseError> {
        let settings = &self.settings;
        let begun = self.moment();
        let new = self.elector().next_epoch();
        let spec = |epoch: u64, acquired: bool| {
            term(&settings.identity, settings.duration, epoch, acquired, begun.day)
        };
        let (verb, body) = match &next {
            Move::Create => {
                let body = json!({ "apiVersion": LEASES.api_version(), "kind": LEASES.kind,
                    "metadata": { "name": settings.name, "namespace": settings.namespace }, "spec": spec(new, true) });
                (WriteVerb::Create, body)
            }
            Move::Take(record) => {
                let spec = spec(new, true);
                (
                    WriteVerb::Patch,
                    json!({ "metadata": record.preconditions(), "spec": spec }),
                )
            }
            Move::Renew(record) => {
                let spec = spec(record.transitions, false);
                (
                    WriteVerb::Patch,
                    json!({ "metadata": record.preconditions(), "spec": spec }),
                )
            }
            Move::Wait(_) => return Ok(None),
        };
        let answer = match self.send(cx, verb, body).await {
            Ok(answer) => answer,
            Err(ClusterError::Conflict { .. } | ClusterError::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(self.failed(source)),
        };
        let record = Record::read(&answer).filter(|it| it.holder.as_ref() == Some(&settings.identity));
        let record = record.ok_or_else(|| self.malformed())?;
        let epoch = record.transitions;
        self.elector().written(record, begun);
        Ok(Some(Role::Leader { epoch }))
    }

    async fn read(&self, cx: &ToolContext) -> Result<Option<Record>, LeaseError> {
        let settings = &self.settings;
        let found = self
            .cluster
            .object(cx, &LEASES, Some(&settings.namespace), &settings.name)
            .await;
        match found {
            Ok(object) => Record::read(&object).map(Some).ok_or_else(|| self.malformed()),
            Err(ClusterError::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    async fn send(&self, cx: &ToolContext, verb: WriteVerb, body: Value) -> Result<Value, ClusterError> {
        let request = WriteRequest {
            verb,
            resource: LEASES,
            namespace: Some(self.settings.namespace.clone()),
            name: self.settings.name.clone(),
            body,
            dry_run: false,
            id: None,
        };
        let answer = self.connection.write_once(cx, &request).await?;
        serde_json::from_slice(&answer.bytes).map_err(|error| ClusterError::Malformed {
            request: format!("write {}", self.settings.lease()),
            source: error.into(),
        })
    }

    fn elector(&self) -> MutexGuard<'_, Elector> {
        self.elector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment {
            elapsed: self.steady.elapsed(),
            day: self.clock.now(),
        }
    }

    fn failed(&self, source: ClusterError) -> LeaseError {
        LeaseError::Cluster {
            lease: self.settings.lease(),
            source,
        }
    }

    fn malformed(&self) -> LeaseError {
        LeaseError::Malformed {
            lease: self.settings.lease(),
        }
    }
}

#[async_trait]
impl Fence for Leadership {
    async fn check(&self) -> Result<u64, Lost> {
        self.elector().check(self.moment())
    }
}
