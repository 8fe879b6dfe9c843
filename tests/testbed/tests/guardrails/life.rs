//! An agent that can be killed at any of its calls, and that lives on the same disk again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt};
use claw_core::clock::SystemClock;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::{Gate, Permit};
use claw_core::redact::Redactor;
use claw_core::store::{Document, Documents, SqliteStore, StoreError};
use claw_core::tool::ToolContext;
use claw_guardrails::audit::FileAuditLog;
use claw_guardrails::engine::Engine;
use claw_guardrails::pipeline::{Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::SurveyTarget;
use claw_testbed::suite::wait_until;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Kills an agent at one of its calls.
#[derive(Clone, Debug)]
pub(crate) struct Fuse {
    left: Arc<AtomicU64>,
    pub(crate) blown: CancellationToken,
}

impl Fuse {
    pub(crate) fn after(calls: u64) -> Self {
        Self {
            left: Arc::new(AtomicU64::new(calls)),
            blown: CancellationToken::new(),
        }
    }

    pub(crate) fn never() -> Self {
        Self::after(u64::MAX)
    }

    /// How many calls were made so far, of one that was never to blow.
    pub(crate) fn used(&self) -> u64 {
        u64::MAX - self.left.load(Ordering::SeqCst)
    }

    async fn step(&self) {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            self.blown.cancel();
            std::future::pending::<()>().await;
        }
    }
}

/// What an agent reaches through a fuse: it may die before or after each call.
#[derive(Debug)]
struct Fused<T>(T, Fuse);

impl<T> Fused<T> {
    async fn around<O>(&self, call: impl Future<Output = O>) -> O {
        self.1.step().await;
        let done = call.await;
        self.1.step().await;
        done
    }
}

#[async_trait]
impl Documents for Fused<SqliteStore> {
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError> {
        self.around(self.0.put(key, expected, body)).await
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        self.around(self.0.remove(key, expected)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError> {
        self.0.list(prefix).await
    }
}

#[async_trait]
impl AuditLog for Fused<FileAuditLog> {
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        self.around(self.0.append(event)).await
    }
}

#[async_trait]
impl Executor for Fused<KubeExecutor> {
    async fn rights(&self, cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        self.around(self.0.rights(cx, action)).await
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.around(self.0.dry_run(cx, action)).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        self.around(self.0.perform(cx, permit, action)).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        self.around(self.0.standing(cx, action, id)).await
    }
}

/// Where an agent reads and writes: by which way, and on which disk.
pub(crate) struct Place<'a> {
    pub(crate) connection: Connection,
    pub(crate) limits: Limits,
    pub(crate) folder: &'a Path,
}

/// A pipeline on that disk, whose calls burn the fuse.
pub(crate) async fn live(place: &Place<'_>, settings: Settings, fuse: &Fuse) -> Pipeline {
    let (connection, limits) = (place.connection.clone(), place.limits.clone());
    let reader = KubeCluster::connect(connection.clone(), limits.clone())
        .await
        .unwrap();
    let executor = KubeExecutor::connect(connection, Proxies::default(), limits)
        .await
        .unwrap();
    let clock = Arc::new(SystemClock);
    // The thread that writes it ends a moment after the life that it belonged to.
    let audit = wait_until(
        Duration::from_secs(10),
        "the log of the life before",
        async || {
            let opened = FileAuditLog::open(place.folder.join("audit.jsonl"), clock.clone()).await;
            Ok(opened.map_err(|error| error.to_string()))
        },
    )
    .await;
    let documents = SqliteStore::open(place.folder.join("journal.sqlite"))
        .await
        .unwrap();
    let engine = Arc::new(Engine::new(super::live_config(), clock.clone()));
    let gate = Gate::new(
        engine.clone(),
        Arc::new(Fused(audit.unwrap(), fuse.clone())),
        clock,
        Redactor::new(),
    );
    let surveyor = Arc::new(SurveyTarget::new(Cluster::new(Arc::new(reader))));
    Pipeline::builder(
        Arc::new(Fused(executor, fuse.clone())),
        surveyor,
        Arc::new(Fused(documents, fuse.clone())),
        "life",
    )
    .with_policy(Policy::default().with_phase(Phase::Expanded))
    .with_settings(settings)
    .build(engine, gate)
    .unwrap()
}

/// What a life does, on a runtime of its own, until it is done or its fuse blows. Whether it was done.
pub(crate) fn lives<F: Future<Output = ()>>(fuse: &Fuse, life: F) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let done = runtime.block_on(async {
        tokio::select! {
            biased;
            () = fuse.blown.cancelled() => false,
            () = life => true,
        }
    });
    // With the runtime goes everything that was under way.
    runtime.shutdown_timeout(Duration::from_secs(10));
    done
}
