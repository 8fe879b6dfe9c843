//! The client with the credentials that it holds, and a new one when they have run out.

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::Clock;
use jiff::Timestamp;
use kube::Client;
use tokio::runtime::Handle;
use tokio::sync::{RwLock, oneshot};

use super::{ClusterError, Connection, Proxies, connect};

/// Credentials are replaced this long before they run out.
const MARGIN: Duration = Duration::from_secs(60);

/// A client, and the way to the next one.
///
/// Whoever waits here may stop waiting at any time: a program that gives credentials then runs to its end without being
/// listened to.
pub(super) struct Credentials {
    source: Option<Source>,
    client: RwLock<Arc<Client>>,
}

struct Source {
    connection: Connection,
    proxies: Proxies,
    limit: Duration,
}

impl Credentials {
    /// Reads credentials, each time within `limit`.
    pub(super) async fn read(
        connection: Connection,
        proxies: Proxies,
        limit: Duration,
    ) -> Result<Self, ClusterError> {
        let source = Source {
            connection,
            proxies,
            limit,
        };
        let client = RwLock::new(source.client().await?);
        Ok(Self {
            source: Some(source),
            client,
        })
    }

    /// What a client holds that is there already. It cannot be replaced.
    pub(super) fn of(client: Client) -> Self {
        Self {
            source: None,
            client: RwLock::new(Arc::new(client)),
        }
    }

    /// Where they are read from.
    pub(super) fn connection(&self) -> Option<&Connection> {
        self.source.as_ref().map(|source| &source.connection)
    }

    /// The client as it is.
    pub(super) async fn now(&self) -> Arc<Client> {
        Arc::clone(&*self.client.read().await)
    }

    /// The client; a new one if the credentials of the old one run out.
    pub(super) async fn client(&self, clock: &dyn Clock) -> Result<Arc<Client>, ClusterError> {
        let client = self.now().await;
        let Some(end) = client.valid_until().filter(|end| runs_out(*end, clock)) else {
            return Ok(client);
        };
        match self.renew(&client).await {
            // They are good for a moment yet.
            Err(error) if end > clock.now() => {
                tracing::warn!(%error, "credentials that run out could not be renewed");
                Ok(client)
            }
            renewed => renewed,
        }
    }

    /// Reads the credentials anew, unless somebody else has done so since `old` was handed out.
    pub(super) async fn renew(&self, old: &Arc<Client>) -> Result<Arc<Client>, ClusterError> {
        let mut current = self.client.write().await;
        if let Some(source) = &self.source
            && Arc::ptr_eq(&current, old)
        {
            *current = source.client().await?;
        }
        Ok(Arc::clone(&current))
    }
}

fn runs_out(end: Timestamp, clock: &dyn Clock) -> bool {
    end <= clock.deadline(MARGIN)
}

impl Source {
    async fn client(&self) -> Result<Arc<Client>, ClusterError> {
        tokio::time::timeout(self.limit, self.read())
            .await
            .map_err(|elapsed| ClusterError::Config {
                reason: format!(
                    "no credentials within {:?}; check the exec plugin of the kubeconfig",
                    self.limit
                ),
                source: Some(elapsed.into()),
            })?
    }

    async fn read(&self) -> Result<Arc<Client>, ClusterError> {
        let failed = |source| ClusterError::Config {
            reason: "the client could not be made; see the agent's log".to_owned(),
            source: Some(source),
        };
        let config = self.connection.config(&self.proxies)?;
        let (done, client) = oneshot::channel();
        let runtime = Handle::current();
        // Exec plugins are other programs, waited for. Not on a thread of the runtime: it would not end before they do.
        std::thread::Builder::new()
            .name("claw-credentials".to_owned())
            .spawn(move || {
                let _inside = runtime.enter();
                // Nobody may be waiting any more.
                let _ = done.send(connect::client(config));
            })
            .map_err(|error| failed(error.into()))?;
        let client = client.await.map_err(|error| failed(error.into()))??;
        Ok(Arc::new(client))
    }
}
