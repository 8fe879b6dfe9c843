//! Step 13: the write.

use std::time::Duration;

use claw_core::action::Action;
use claw_core::actuate::Submitted;
use claw_core::execute::{ActionId, Effected, ExecuteError};
use claw_core::gate::{AdmitError, Refusal};
use claw_core::survey::Health;
use jiff::Timestamp;

use super::Parts;
use super::ask::waiting;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::intent::{Intent, IntentState};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::recover::Same;
use super::rehearse::{requests_for, with_sources};
use crate::breaker::{Attempt, Outcome};

/// How often a write is tried when the target's status changes under it, or when no answer comes and the write does not stand.
const TRIES: u32 = 4;

/// How many requests are sent for one action at the most, restarts included.
pub(super) const MOST_SENT: usize = 16;

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
    /// Whether the circuits know of the trouble with it.
    pub(super) counted: bool,
}

/// An approval that was taken for a write.
pub(super) struct Approved {
    /// The intent with the approval unused.
    pub(super) before: Box<Intent>,
    /// Who has approved.
    pub(super) by: Vec<String>,
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
            counted: false,
        }
    }

    pub(super) fn state(&self) -> IntentState {
        IntentState::Sent {
            action: Box::new(self.action.clone()),
            ids: self.ids.clone(),
            promised: self.promised.clone(),
            attempt: Box::new(self.attempt.clone()),
            approved_by: self.approved_by.clone(),
            health: self.health.clone(),
            at: self.at,
            counted: self.counted,
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

/// What follows from an answer.
enum Next {
    /// It is over, or waits.
    Over(Submitted),
    /// One more request.
    Once(Write),
    /// No more requests, and why.
    Stop(Write, String),
}

impl Parts {
    pub(super) async fn send(
        &self,
        by: &Behalf,
        kept: Kept<Intent>,
        judged: Judged,
        approved: Option<Approved>,
    ) -> Result<Submitted, PipelineError> {
        // Step 12, where nobody was asked.
        let ready = match self.guard(by).await {
            Ok(()) => self.spend(by, &kept.value, &judged).await,
            held => held,
        };
        let (before, approved_by) = match approved {
            Some(Approved { before, by }) => (Some(before), by),
            None => (None, Vec::new()),
        };
        match ready {
            Ok(()) => {}
            Err(Held::Refused(refusal)) => return self.turn_back(by, kept, before, refusal).await,
            Err(Held::Failed(error)) => return Err(error),
        }
        self.press(by, kept, Write::new(&judged, approved_by), before)
            .await
    }

    /// Nothing was sent. An approval that was taken for it is given back where what is in the way passes: `before` is the intent
    /// with the approval unused.
    async fn turn_back(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        before: Option<Box<Intent>>,
        refusal: Refusal,
    ) -> Result<Submitted, PipelineError> {
        match before {
            Some(before) if self.passes(by, &refusal).await? => {
                self.give_back(&kept.value).await?;
                let was_kept = kept.value.state != before.state;
                kept.value = *before;
                if was_kept {
                    kept.save(&*self.documents).await?;
                }
                self.hold_up(&kept.value, &refusal);
                Ok(waiting(&kept.value, self.gate.clock().now()))
            }
            _ => self.refuse(by, kept, refusal).await,
        }
    }

    /// Sends until it is known what came of it, or nothing more can be done.
    pub(super) async fn press(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        mut write: Write,
        before: Option<Box<Intent>>,
    ) -> Result<Submitted, PipelineError> {
        let mut tries = 0;
        // Whether a request that was sent may still come through.
        let mut pending = !write.ids.is_empty();
        let reason = loop {
            tries += 1;
            let permit = match self.permit(by, &write.action).await {
                Ok(permit) => permit,
                Err(AdmitError::Refused(refusal)) if write.ids.is_empty() => {
                    self.spent(by, &write.attempt, Outcome::Withdrawn).await?;
                    return self.turn_back(by, kept, before, refusal).await;
                }
                Err(AdmitError::Audit(error)) => return Err(error.into()),
                Err(other) => break other.to_string(),
            };
            let id = permit.action_id();
            write.ids.push(id.clone());
            write.at = self.gate.clock().now();
            self.memory.sent(&kept.value.id, &id, self.elapsed());
            kept.value.state = write.state();
            // From here on a restart looks for what came of it.
            kept.save(&*self.documents).await?;
            // Once more, right before: the record and the document took their time.
            if let Err(refusal) = self.engine.check_write().await {
                write.ids.pop();
                if write.ids.is_empty() {
                    self.spent(by, &write.attempt, Outcome::Withdrawn).await?;
                    return self.turn_back(by, kept, before, refusal).await;
                }
                break refusal.to_string();
            }
            let action = &write.action;
            let subject = requests_for("the way to", action);
            let performed = by.attend(
                self.whole_context(),
                (&subject, "besides the write, which its permit names"),
                |cx| async move { self.executor.perform(&cx, permit, action).await },
            );
            let performed = performed.await;
            self.memory.sent(&kept.value.id, &id, self.elapsed());
            let answer = match performed {
                Ok(effected) => Answer::Stands(Some(Box::new(effected)), id),
                Err(error) => self.understand(&write, error, pending).await,
            };
            pending |= matches!(answer, Answer::NotYet(_));
            let last = tries >= TRIES || write.ids.len() >= MOST_SENT;
            match self.follow(by, &kept, write, answer, last).await? {
                Next::Over(submitted) => return Ok(submitted),
                Next::Once(next) => write = next,
                Next::Stop(stopped, reason) => {
                    write = stopped;
                    break reason;
                }
            }
            let pause = PAUSE.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
            self.gate.clock().sleep(pause).await;
            match self.guard(by).await {
                Ok(()) => {}
                Err(Held::Refused(refusal)) => break refusal.to_string(),
                Err(Held::Failed(error)) => return Err(error),
            }
        };
        match pending {
            true => self.unresolved(by, kept, write, reason).await,
            // All that was sent has found the object changed.
            false => self.fail(by, kept, &write, Outcome::Conflict, reason).await,
        }
    }

    /// What follows from an answer. Before the next request everything is looked at again: what was judged a moment ago may have
    /// been about another world.
    async fn follow(
        &self,
        by: &Behalf,
        kept: &Kept<Intent>,
        mut write: Write,
        answer: Answer,
        last: bool,
    ) -> Result<Next, PipelineError> {
        let (reason, same) = match answer {
            Answer::Stands(effected, id) => {
                let applied = self.applied(by, kept.clone(), &write, effected, id).await?;
                return Ok(Next::Over(applied));
            }
            Answer::Failed(reason) => {
                let failed = self
                    .fail(by, kept.clone(), &write, Outcome::Failed, reason)
                    .await?;
                return Ok(Next::Over(failed));
            }
            Answer::Gone(reason) | Answer::Unknown(reason) => {
                let open = self.unresolved(by, kept.clone(), write, reason).await?;
                return Ok(Next::Over(open));
            }
            Answer::Moved(reason) => (reason, Same::Content),
            Answer::NotYet(reason) => (reason, Same::Request),
        };
        if last {
            return Ok(Next::Stop(write, reason));
        }
        match self.again(by, &kept.value, &mut write, same).await {
            Ok(()) => Ok(Next::Once(write)),
            Err(Held::Refused(refusal)) => match (same, self.standing(&write).await) {
                // What was on its way has arrived meanwhile, and is in the way of the next one.
                (Same::Request, Answer::Stands(_, id)) => Ok(Next::Over(
                    self.applied(by, kept.clone(), &write, None, id).await?,
                )),
                _ => Ok(Next::Stop(write, refusal.to_string())),
            },
            Err(Held::Failed(error)) => Err(error),
        }
    }

    async fn permit(&self, by: &Behalf, action: &Action) -> Result<claw_core::gate::Permit, AdmitError> {
        self.engine.clear(action);
        self.gate.admit(&by.scope, action).await
    }

    /// What an error says about the write. Where it says nothing, it is looked at how the object stands.
    async fn understand(&self, write: &Write, error: ExecuteError, pending: bool) -> Answer {
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
            // This request had no effect; one before it may have had one, or may still come through.
            _ if pending => match self.standing(write).await {
                Answer::NotYet(_) => Answer::NotYet(said),
                other => other,
            },
            _ => Answer::Failed(said),
        }
    }
}
