//! Steps 13 to 15: the write, what was stored, and the record of it.

use std::time::Duration;

use claw_core::action::Action;
use claw_core::actuate::{Settlement, Submitted};
use claw_core::audit::AuditKind;
use claw_core::execute::{ActionId, Effected, ExecuteError};
use claw_core::gate::{AdmitError, Entry, Scope};
use claw_core::outside::Outside;
use claw_core::survey::Health;
use jiff::Timestamp;
use serde_json::json;

use super::Parts;
use super::error::PipelineError;
use super::intent::{Intent, IntentState, Watched};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::notice::Noticed;
use super::rehearse::with_sources;
use crate::breaker::{Attempt, Outcome};
use crate::policy::Tier;

/// How often a write is tried when the target's status changes under it, or when no answer comes and the write does not stand.
const TRIES: u32 = 4;

/// How long the first pause between two tries is. Each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// A write that is under way, as its intent has it.
pub(super) struct Write {
    pub(super) action: Action,
    pub(super) ids: Vec<ActionId>,
    pub(super) promised: String,
    pub(super) attempt: Attempt,
    pub(super) approved_by: Vec<String>,
    pub(super) health: Health,
    /// When the last request was sent.
    pub(super) at: Timestamp,
}

impl Write {
    pub(super) fn new(judged: &Judged, approved_by: Vec<String>) -> Self {
        Self {
            action: judged.seen.action.clone(),
            ids: Vec::new(),
            promised: judged.rehearsal.outcome.clone(),
            attempt: judged.attempt.clone(),
            approved_by,
            health: judged.seen.survey.health.clone(),
            at: judged.at,
        }
    }

    fn state(&self) -> IntentState {
        IntentState::Sent {
            action: Box::new(self.action.clone()),
            ids: self.ids.clone(),
            promised: self.promised.clone(),
            attempt: Box::new(self.attempt.clone()),
            approved_by: self.approved_by.clone(),
            health: self.health.clone(),
            at: self.at,
        }
    }
}

/// What is known after one request.
pub(super) enum Answer {
    /// The write stands. With what the server answered, where that came.
    Stands(Option<Box<Effected>>, ActionId),
    /// It does not, and the object may only have got another status.
    Moved(String),
    /// It does not, and nothing has changed: the same may be sent again.
    NotYet(String),
    /// It does not.
    Failed(String),
    /// The object is not there, and nobody can say by whom.
    Gone(String),
    /// It could not be seen.
    Unknown(String),
}

impl Parts {
    pub(super) async fn send(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
        judged: Judged,
        approved_by: Vec<String>,
    ) -> Result<Submitted, PipelineError> {
        // Step 12, where nobody was asked.
        if let Err(refusal) = self.guard(scope) {
            return self.refuse(scope, kept, refusal).await;
        }
        match self.spend(scope, &kept.value, &judged).await {
            Ok(()) => {}
            Err(Held::Refused(refusal)) => return self.refuse(scope, kept, refusal).await,
            Err(Held::Failed(error)) => return Err(error),
        }
        let write = Write::new(&judged, approved_by);
        self.press(scope, kept, write).await
    }

    /// Sends until it is known what came of it, or nothing more can be done.
    pub(super) async fn press(
        &self,
        scope: &Scope,
        mut kept: Kept<Intent>,
        mut write: Write,
    ) -> Result<Submitted, PipelineError> {
        let mut tries = 0;
        // Whether a request that was sent may still come through.
        let mut pending = !write.ids.is_empty();
        let last = loop {
            tries += 1;
            let permit = match self.permit(scope, &write.action).await {
                Ok(permit) => permit,
                Err(AdmitError::Refused(refusal)) if pending => {
                    break (Outcome::Withdrawn, refusal.to_string());
                }
                Err(AdmitError::Refused(refusal)) => {
                    self.spent(scope, &write.attempt, Outcome::Withdrawn).await?;
                    return self.refuse(scope, kept, refusal).await;
                }
                Err(AdmitError::Audit(error)) => return Err(error.into()),
                Err(other) => break (Outcome::Withdrawn, other.to_string()),
            };
            write.ids.push(permit.action_id());
            write.at = self.gate.clock().now();
            kept.value.state = write.state();
            // From here on a restart looks for what came of it.
            kept.save(&*self.documents).await?;
            let id = permit.action_id();
            // Once more, right before: the record and the document took their time.
            if let Err(refusal) = self.engine.stop().check_write() {
                write.ids.pop();
                break (Outcome::Withdrawn, refusal.to_string());
            }
            let context = self.whole_context();
            let answer = match self.executor.perform(&context, permit, &write.action).await {
                Ok(effected) => Answer::Stands(Some(Box::new(effected)), id),
                Err(error) => self.understand(&write, error).await,
            };
            match answer {
                Answer::Stands(effected, id) => {
                    return self.applied(scope, kept, &write, effected, id).await;
                }
                Answer::Failed(reason) => {
                    return self.fail(scope, kept, &write, Outcome::Failed, reason).await;
                }
                Answer::Gone(reason) | Answer::Unknown(reason) => {
                    return self.unresolved(scope, kept, &write, reason).await;
                }
                Answer::Moved(reason) if tries < TRIES => match self.look(scope, &write.action).await {
                    Ok(seen) => {
                        tracing::debug!(intent = kept.value.id, reason, "the target moved under a write");
                        write.action = seen.action;
                    }
                    Err(Held::Refused(refusal)) => {
                        break (Outcome::Conflict, refusal.to_string());
                    }
                    Err(Held::Failed(error)) => return Err(error),
                },
                Answer::NotYet(_) if tries < TRIES => pending = true,
                Answer::Moved(reason) => break (Outcome::Conflict, reason),
                // It may still come through, if the server was slow with it.
                Answer::NotYet(reason) => return self.unresolved(scope, kept, &write, reason).await,
            }
            self.gate
                .clock()
                .sleep(PAUSE * 2_u32.saturating_pow(tries - 1))
                .await;
            if let Err(refusal) = self.guard(scope) {
                break (Outcome::Withdrawn, refusal.to_string());
            }
        };
        match pending {
            true => self.unresolved(scope, kept, &write, last.1).await,
            false => self.fail(scope, kept, &write, last.0, last.1).await,
        }
    }

    async fn permit(&self, scope: &Scope, action: &Action) -> Result<claw_core::gate::Permit, AdmitError> {
        self.engine.clear(action);
        self.gate.admit(scope, action).await
    }

    /// What an error says about the write. Where it says nothing, it is looked at how the object stands.
    async fn understand(&self, write: &Write, error: ExecuteError) -> Answer {
        let said = with_sources(&error);
        match error {
            // An earlier request for the same may have been the one that changed it.
            ExecuteError::Changed { .. } if write.ids.len() > 1 => match self.standing(write).await {
                Answer::Failed(_) | Answer::NotYet(_) => Answer::Moved(said),
                other => other,
            },
            ExecuteError::Changed { .. } => Answer::Moved(said),
            ExecuteError::Unknown { .. } => match self.standing(write).await {
                Answer::NotYet(_) => Answer::NotYet(said),
                Answer::Failed(found) => Answer::Failed(format!("{said}; {found}")),
                Answer::Gone(found) => Answer::Gone(format!("{said}; {found}")),
                Answer::Unknown(found) => Answer::Unknown(format!("{said}; {found}")),
                other => other,
            },
            _ => Answer::Failed(said),
        }
    }

    /// Steps 14 and 15 for a write that stands.
    pub(super) async fn applied(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
        write: &Write,
        effected: Option<Box<Effected>>,
        id: ActionId,
    ) -> Result<Submitted, PipelineError> {
        let intent = &kept.value;
        let as_rehearsed = effected
            .as_ref()
            .map(|effected| effected.outcome == write.promised);
        let version = effected.as_ref().and_then(|effected| effected.resource_version());
        let version = version.map(str::to_owned);
        let audit_id = effected.as_ref().and_then(|effected| effected.audit_id.clone());
        let said = match as_rehearsed {
            Some(true) => "applied as rehearsed",
            Some(false) => "applied, and what was stored is not what the dry run promised",
            None => "applied, by its annotation on the object; no answer came",
        };
        let entry = Entry::new(AuditKind::Outcome, intent.subject(), &write.action.reason)
            .with_input(json!({
                "intent": intent.id,
                "id": id,
                "resource_version": version,
                "audit_id": audit_id,
                "promised": write.promised,
                "stored": effected.as_ref().map(|effected| &effected.outcome),
                "approved_by": write.approved_by,
                "reversal": write.action.reversal,
            }))
            .with_decided(said);
        self.gate.record(scope, entry).await?;
        let outcome = match as_rehearsed {
            Some(false) => Outcome::Failed,
            _ => Outcome::Applied,
        };
        self.spent(scope, &write.attempt, outcome).await?;
        let told = match (as_rehearsed, write.attempt.tier) {
            (Some(false), _) => Some(Noticed::Deviated),
            (_, Tier::Auto) => None,
            _ => Some(Noticed::Applied),
        };
        if let Some(told) = told {
            let text = format!("{}: {} ({said})", intent.subject(), write.action.expected);
            self.tell(told, &scope.run, Some(intent), text).await;
        }
        let now = self.gate.clock().now();
        let watch = Watched {
            until: now.checked_add(self.settings.watch_for).unwrap_or(now),
            before: write.health.clone(),
            attempt: write.attempt.clone(),
        };
        let settlement = Settlement::Applied {
            id,
            resource_version: version,
            audit_id,
            approved_by: write.approved_by.clone(),
            reversal: write.action.reversal.clone(),
            as_rehearsed,
        };
        // A message or a pipeline has no health to be seen in the cluster.
        let watch = (!Outside::is_kind_of(&write.action)).then(|| Box::new(watch));
        self.settle(kept, settlement, watch).await
    }

    /// Step 15 for a write that is known not to stand.
    pub(super) async fn fail(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
        write: &Write,
        outcome: Outcome,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        self.record_outcome(scope, &kept.value, write, "not applied", &reason)
            .await?;
        self.spent(scope, &write.attempt, outcome).await?;
        let reason = self.gate.redactor().redact(&reason).into_owned();
        self.tell(Noticed::Failed, &scope.run, Some(&kept.value), reason.clone())
            .await;
        self.settle(kept, Settlement::Failed { reason }, None).await
    }

    /// A write of which nobody can say whether it stands. It stays as sent, so that it is looked at again.
    async fn unresolved(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
        write: &Write,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        self.record_outcome(scope, &kept.value, write, "not known", &reason)
            .await?;
        self.spent(scope, &write.attempt, Outcome::Failed).await?;
        let reason = self.gate.redactor().redact(&reason).into_owned();
        self.tell(Noticed::Unresolved, &scope.run, Some(&kept.value), reason.clone())
            .await;
        Ok(Submitted::Settled(Settlement::Unresolved { reason }))
    }

    pub(super) async fn record_outcome(
        &self,
        scope: &Scope,
        intent: &Intent,
        write: &Write,
        said: &str,
        error: &str,
    ) -> Result<(), PipelineError> {
        let entry = Entry::new(AuditKind::Outcome, intent.subject(), &write.action.reason)
            .with_input(json!({"intent": intent.id, "ids": write.ids}))
            .with_decided(said)
            .with_error(error);
        self.gate.record(scope, entry).await?;
        Ok(())
    }

    pub(super) async fn settle(
        &self,
        mut kept: Kept<Intent>,
        settlement: Settlement,
        watch: Option<Box<Watched>>,
    ) -> Result<Submitted, PipelineError> {
        kept.value.state = IntentState::Settled {
            settlement: settlement.clone(),
            at: self.gate.clock().now(),
            watch,
        };
        kept.save(&*self.documents).await?;
        self.show(&kept.value).await;
        Ok(Submitted::Settled(settlement))
    }
}
