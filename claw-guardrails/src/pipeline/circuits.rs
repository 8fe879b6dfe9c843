//! The circuits, for whoever looks at them, and for the people and the probes that open and close them.

use claw_core::audit::AuditKind;
use claw_core::gate::{self, Entry};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::behalf::Behalf;
use super::error::PipelineError;
use super::kept::{Kept, change};
use super::spend::BREAKER;
use super::{Parts, Pipeline, own_task};
use crate::breaker::{Backend, Breaker, Cause, Scope, State};

/// What records of circuits are about, in place of a run.
const RUN: &str = "circuits";
/// On behalf of whom backends are looked at.
const PROBES: &str = "health checks";

/// A circuit that is not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenCircuit {
    /// By which people name it: [`Scope::key`].
    pub key: String,
    /// What it protects, in words.
    pub protects: String,
    /// What it protects.
    pub scope: Scope,
    /// How it stands.
    pub state: State,
    /// Why it is open, in words.
    pub because: String,
}

impl Pipeline {
    /// The circuits that are not closed, the widest scopes first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn circuits(&self) -> Result<Vec<OpenCircuit>, PipelineError> {
        let Some(kept) = Kept::<Breaker>::load(&*self.0.documents, BREAKER).await? else {
            return Ok(Vec::new());
        };
        let tripped = kept.value.tripped().map(|(scope, state)| OpenCircuit {
            key: scope.key(),
            protects: scope.to_string(),
            scope: scope.clone(),
            because: state.cause().map(ToString::to_string).unwrap_or_default(),
            state: state.clone(),
        });
        Ok(tripped.collect())
    }

    /// A person opens a circuit: nothing that it protects is written until a person closes it. It is open before this is on
    /// record, and stays so where it cannot be recorded.
    ///
    /// # Errors
    /// When it could not be kept, or could not be recorded.
    pub async fn open_circuit(&self, scope: Scope, by: &str, why: &str) -> Result<(), PipelineError> {
        let (parts, by, why) = (std::sync::Arc::clone(&self.0), by.to_owned(), why.to_owned());
        own_task(async move {
            let behalf = parts.of_circuits(&by);
            let opened = parts.with_breaker(&behalf, |breaker, now| {
                breaker.open(scope.clone(), &by, &why, now);
            });
            let opened = opened.await;
            parts.deliver().await;
            opened
        })
        .await
    }

    /// A person closes a circuit; what led to it is forgotten. Returns whether there was one that was not closed. On record before
    /// it is done: if it cannot be recorded, the circuit stays open.
    ///
    /// # Errors
    /// When it could not be recorded, or not be kept.
    pub async fn close_circuit(&self, scope: Scope, by: &str, why: &str) -> Result<bool, PipelineError> {
        let (parts, by, why) = (std::sync::Arc::clone(&self.0), by.to_owned(), why.to_owned());
        own_task(async move {
            let kept = Kept::<Breaker>::load(&*parts.documents, BREAKER).await?;
            let stands = |kept: &Kept<Breaker>| kept.value.tripped().any(|(known, _)| *known == scope);
            if !kept.is_some_and(|kept| stands(&kept)) {
                return Ok(false);
            }
            let said = format!("{by} closes the circuit of {scope}");
            parts.note(&by, &scope, &why, said).await?;
            change(&*parts.documents, BREAKER, |breaker: &mut Breaker| {
                breaker.close(&scope)
            })
            .await
        })
        .await
    }

    /// A backend that writes depend on was found to be down: its circuit opens, and is on record, unless it is open for that.
    ///
    /// # Errors
    /// When it could not be kept, or could not be recorded.
    pub async fn backend_down(&self, backend: Backend, why: &str) -> Result<(), PipelineError> {
        let parts = &self.0;
        let scope = Scope::Backend(backend);
        let is_known = |breaker: &Breaker| {
            let mut tripped = breaker.tripped();
            tripped.any(|(known, state)| {
                let down = matches!(
                    state,
                    State::Open {
                        cause: Cause::Down { .. },
                        ..
                    }
                );
                *known == scope && down
            })
        };
        // Looked at first: a probe says so again and again.
        let kept = Kept::<Breaker>::load(&*parts.documents, BREAKER).await?;
        if kept.is_some_and(|kept| is_known(&kept.value)) {
            return Ok(());
        }
        let behalf = parts.of_circuits(PROBES);
        let opened = parts.with_breaker(&behalf, |breaker, now| breaker.down(backend, why, now));
        let opened = opened.await;
        parts.deliver().await;
        opened
    }

    /// A backend was found to be up again: its circuit closes, unless a person opened it.
    ///
    /// # Errors
    /// When it could not be kept, or could not be recorded.
    pub async fn backend_up(&self, backend: Backend) -> Result<(), PipelineError> {
        let parts = &self.0;
        let scope = Scope::Backend(backend);
        let is_open = |breaker: &Breaker| breaker.tripped().any(|(known, _)| *known == scope);
        // Looked at first: this is asked again and again, and mostly there is nothing to do.
        let kept = Kept::<Breaker>::load(&*parts.documents, BREAKER).await?;
        if !kept.is_some_and(|kept| is_open(&kept.value)) {
            return Ok(());
        }
        let closed = change(&*parts.documents, BREAKER, |breaker: &mut Breaker| {
            breaker.up(backend);
            !is_open(breaker)
        })
        .await?;
        if closed {
            let said = format!("the circuit of {scope} closes: it is up again");
            parts.note(PROBES, &scope, "a probe was answered", said).await?;
        }
        Ok(())
    }
}

impl Parts {
    /// On behalf of whom circuits are opened and closed.
    fn of_circuits(&self, by: &str) -> Behalf {
        let scope = gate::Scope {
            run: RUN.to_owned(),
            step: None,
            actor: by.to_owned(),
            deadline: self.gate.clock().deadline(self.settings.time.unsigned_abs()),
            cancel: CancellationToken::new(),
        };
        Behalf::of_run(&self.gate, scope)
    }

    async fn note(&self, by: &str, scope: &Scope, why: &str, said: String) -> Result<(), PipelineError> {
        let entry = Entry::new(AuditKind::Guard, scope.rule(), why)
            .with_input(json!({"circuit": scope}))
            .with_decided(said);
        self.of_circuits(by).record(entry).await?;
        Ok(())
    }
}
