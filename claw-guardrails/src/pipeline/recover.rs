//! What became of a write of which no answer came, and what follows from it.

use std::time::Duration;

use claw_core::action::Verb;
use claw_core::actuate::Submitted;
use claw_core::execute::Standing;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Asked, Intent, IntentState};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::rehearse::with_sources;
use super::send::{Answer, MOST_SENT, Write};
use crate::approval::PostError;
use crate::breaker::Outcome;

/// How long a server works on a request at the most (60 s unless it was told otherwise), and what clocks and queues add.
const SERVER: Duration = Duration::from_secs(90);

/// How much of a write has to be as it was, so that it may be sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Same {
    /// All of it, with the version of the target: of the two requests at most one has an effect.
    Request,
    /// What is written, and what comes of it: the last request is known to have had none.
    Content,
}

impl Parts {
    /// Takes up a write that was under way when the process ended, or of which nobody could say what came of it.
    pub(super) async fn resolve(
        &self,
        by: &Behalf,
        kept: Kept<Intent>,
        unheard: &[PostError],
    ) -> Result<Submitted, PipelineError> {
        let IntentState::Sent {
            action,
            ids,
            promised,
            attempt,
            approved_by,
            health,
            at,
            counted,
        } = kept.value.state.clone()
        else {
            return self.begin(by, kept).await;
        };
        if !self.memory.may_try(&kept.value.id, self.elapsed()) {
            let reason = "what came of it is found out in a moment";
            return Ok(self.still_under_way(&kept.value, reason));
        }
        let mut write = Write {
            action: *action,
            ids,
            promised,
            attempt: *attempt,
            approved_by,
            health,
            at,
            counted,
        };
        // Before the look: what arrives after it was not seen by it.
        let may_arrive = self.may_arrive(&kept.value.id, &write);
        match self.standing(&write).await {
            Answer::Stands(_, id) => self.applied(by, kept, &write, None, id).await,
            Answer::Failed(reason) | Answer::Moved(reason) => {
                self.fail(by, kept, &write, Outcome::Failed, reason).await
            }
            Answer::Unknown(reason) => self.under_way(kept, &reason).await,
            // It may have come too late for the look.
            Answer::Gone(reason) if may_arrive => self.under_way(kept, &reason).await,
            Answer::Gone(reason) => self.give_up(by, kept, &write, reason).await,
            Answer::NotYet(_) if self.is_unheard(&kept.value, unheard) => {
                let reason =
                    "it had no effect, and is not sent again before every carrier can be asked for a no";
                self.under_way(kept, reason).await
            }
            Answer::NotYet(_) => {
                let refused = match self.send_again(by, &kept.value, &mut write).await {
                    Ok(()) => return self.press(by, kept, write, None).await,
                    Err(Held::Refused(refusal)) => {
                        format!("it had no effect, and is not sent again: {refusal}")
                    }
                    Err(Held::Failed(error)) => return Err(error),
                };
                if may_arrive {
                    let reason = format!("{refused}; but it may still come through");
                    return self.under_way(kept, &reason).await;
                }
                self.fail(by, kept, &write, Outcome::Withdrawn, refused).await
            }
        }
    }

    /// Whether the identical request may be sent again, in its place in circuits and budgets.
    async fn send_again(&self, by: &Behalf, intent: &Intent, write: &mut Write) -> Result<(), Held> {
        if write.ids.len() >= MOST_SENT {
            return Err(refusal(
                "writes.too_often",
                format!("it was sent {} times, and never came through", write.ids.len()),
                "see what is between the agent and the API server, then propose it anew",
            )
            .into());
        }
        self.again(by, intent, write, Same::Request).await
    }

    /// Whether a write that had no effect may be sent again: everything that it was judged by has to be as it was, people
    /// have to mean it still, and it takes its place in circuits and budgets anew.
    pub(super) async fn again(
        &self,
        by: &Behalf,
        intent: &Intent,
        write: &mut Write,
        same: Same,
    ) -> Result<(), Held> {
        if let Some(no) = intent
            .asked
            .as_deref()
            .and_then(|asked| asked.request.objection())
        {
            return Err(refusal(
                "approval.denied",
                format!("{} said no after it was sent", no.by),
                "talk to them before it is asked again",
            )
            .into());
        }
        if !self.engine.is_live() {
            return Err(refusal(
                "writes.not_enabled",
                "the agent does not write any more",
                "enable it, if it is still wanted",
            )
            .into());
        }
        let judged = self.judge(by, intent).await?;
        let approved = match intent.asked.as_deref() {
            Some(asked) => self.is_still_approved(asked, &judged),
            None => !judged.decision.tier.needs_approval(),
        };
        let version = same == Same::Content || judged.seen.action == write.action;
        if !approved || !version || judged.rehearsal.outcome != write.promised {
            return Err(refusal(
                "approval.changed",
                "it would be another write now",
                "propose it anew if it is still wanted",
            )
            .into());
        }
        self.intend(by, intent, &judged).await?;
        self.spend(by, intent, &judged).await?;
        write.action = judged.seen.action;
        write.attempt = judged.attempt;
        write.counted = false;
        Ok(())
    }

    /// Whether a no may lie on a carrier that could not be asked, while the approval is good otherwise.
    fn is_unheard(&self, intent: &Intent, unheard: &[PostError]) -> bool {
        let now = self.gate.clock().now();
        let bound = intent.asked.as_deref().map(|asked| asked.request.binding.expires);
        !unheard.is_empty() && bound.is_some_and(|expires| now < expires)
    }

    /// Whether what was approved is what would be done, to the last thing that the approval was bound to, and within its time.
    fn is_still_approved(&self, asked: &Asked, judged: &Judged) -> bool {
        let bound = &asked.request.binding;
        let fresh = self.binding(judged, &asked.request.terms, bound.expires, &bound.nonce);
        self.gate.clock().now() < bound.expires
            && fresh.is_ok_and(|fresh| bound.differences(&fresh).is_empty())
    }

    /// Whether a request that was sent may still be on its way, or in the server's hands. By a clock that does not jump; one that
    /// another process has sent may be on its way since this process knows of it.
    fn may_arrive(&self, intent: &str, write: &Write) -> bool {
        let Some(last) = write.ids.last() else {
            return false;
        };
        self.memory.since_sent(intent, last, self.elapsed()) < self.patience()
    }

    /// After which time no request that was sent comes through any more: it is on its way for no longer than this end waits, and
    /// in the server's hands for no longer than that works on one.
    pub(super) fn patience(&self) -> Duration {
        self.settings.time.unsigned_abs().saturating_add(SERVER)
    }

    /// How the object stands, for all that was sent.
    pub(super) async fn standing(&self, write: &Write) -> Answer {
        let mut found = Answer::Unknown("nothing was sent".to_owned());
        // What one of the looks leaves open, another one does not settle.
        let (mut unmoved, mut doubt) = (false, None);
        for id in write.ids.iter().rev() {
            let context = self.whole_context().with_requests(self.chore.requests().await);
            found = match self.executor.standing(&context, &write.action, id).await {
                Ok(Standing::Ours) => return Answer::Stands(None, id.clone()),
                // What was made may be gone again: a job that has run, or an object that a person has deleted.
                Ok(Standing::NotYet) if write.action.verb == Verb::Create => Answer::Gone(format!(
                    "{} is gone, or was never made, and nobody can say which: see the audit log of the API server",
                    write.action.target
                )),
                Ok(Standing::NotYet) => {
                    unmoved = true;
                    Answer::NotYet("the write did not arrive".to_owned())
                }
                Ok(Standing::Overtaken) => Answer::Failed(format!(
                    "{} was changed by somebody else first",
                    write.action.target
                )),
                Ok(Standing::Unclear) => Answer::Gone(format!(
                    "{} has changed since, and nobody can say whether the write was a part of that: see the audit log of the API server",
                    write.action.target
                )),
                Ok(_) => Answer::Gone(format!(
                    "{} is gone, and nobody can say by whom: see the audit log of the API server",
                    write.action.target
                )),
                Err(error) => {
                    return Answer::Unknown(format!(
                        "how it stands could not be seen: {}",
                        with_sources(&error)
                    ));
                }
            };
            if let Answer::Gone(reason) = &found {
                doubt = Some(reason.clone());
            }
        }
        match found {
            Answer::Failed(_) if doubt.is_some() => Answer::Gone(doubt.unwrap_or_default()),
            // It moved between two looks: which of the requests did that is seen at the next.
            Answer::Failed(_) if unmoved => Answer::Unknown("it moved while it was looked at".to_owned()),
            found => found,
        }
    }
}
