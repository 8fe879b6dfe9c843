//! What became of a write of which no answer came, and what follows from it.

use claw_core::action::Verb;
use claw_core::actuate::{Settlement, Submitted};
use claw_core::execute::Standing;
use claw_core::gate::{Refusal, Scope};

use super::Parts;
use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Asked, Intent, IntentState};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::notice::Noticed;
use super::rehearse::with_sources;
use super::send::{Answer, Write};
use crate::breaker::Outcome;

impl Parts {
    /// Takes up a write that was under way when the process ended, or of which nobody could say what came of it.
    pub(super) async fn resolve(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
    ) -> Result<Submitted, PipelineError> {
        let IntentState::Sent {
            action,
            ids,
            promised,
            attempt,
            approved_by,
            health,
            at,
        } = kept.value.state.clone()
        else {
            return self.begin(scope, kept).await;
        };
        let mut write = Write {
            action: *action,
            ids,
            promised,
            attempt: *attempt,
            approved_by,
            health,
            at,
        };
        match self.standing(&write).await {
            Answer::Stands(_, id) => self.applied(scope, kept, &write, None, id).await,
            Answer::Failed(reason) | Answer::Moved(reason) => {
                self.fail(scope, kept, &write, Outcome::Failed, reason).await
            }
            // It is looked at again later.
            Answer::Unknown(reason) => Ok(Submitted::Settled(Settlement::Unresolved { reason })),
            Answer::Gone(reason) => self.give_up(scope, kept, &write, reason).await,
            Answer::NotYet(_) => {
                let refused = match self.again(scope, &kept.value, &mut write).await {
                    Ok(None) => return self.press(scope, kept, write).await,
                    Ok(Some(refusal)) => format!("it had no effect, and is not sent again: {refusal}"),
                    Err(error) => return Err(error),
                };
                if self.may_arrive(&write) {
                    let reason = format!("{refused}; but it may still come through");
                    return Ok(Submitted::Settled(Settlement::Unresolved { reason }));
                }
                self.fail(scope, kept, &write, Outcome::Withdrawn, refused).await
            }
        }
    }

    /// Whether a write that had no effect may be sent again: the object is as it was, and so has to be everything else.
    async fn again(
        &self,
        scope: &Scope,
        intent: &Intent,
        write: &mut Write,
    ) -> Result<Option<Refusal>, PipelineError> {
        let judged = match self.judge(scope, intent).await {
            Ok(judged) => judged,
            Err(Held::Refused(refusal)) => return Ok(Some(refusal)),
            Err(Held::Failed(error)) => return Err(error),
        };
        let approved = match intent.asked.as_deref() {
            Some(asked) => self.is_still_approved(asked, &judged),
            None => !judged.decision.tier.needs_approval(),
        };
        let same = judged.seen.action == write.action && judged.rehearsal.outcome == write.promised;
        if !approved || !same {
            return Ok(Some(refusal(
                "approval.changed",
                "it would be another write now",
                "propose it anew if it is still wanted",
            )));
        }
        self.intend(scope, intent, &judged).await?;
        write.attempt = judged.attempt;
        Ok(None)
    }

    /// Whether what was approved is what would be done, to the last thing that the approval was bound to, and within its time.
    fn is_still_approved(&self, asked: &Asked, judged: &Judged) -> bool {
        let bound = &asked.request.binding;
        let fresh = self.binding(judged, &asked.request.terms, bound.expires, &bound.nonce);
        self.gate.clock().now() < bound.expires
            && fresh.is_ok_and(|fresh| bound.differences(&fresh).is_empty())
    }

    /// Whether a request that was sent may still be on its way, or in the server's hands.
    fn may_arrive(&self, write: &Write) -> bool {
        let patience = self.settings.time.checked_mul(2).unwrap_or(self.settings.time);
        self.gate.clock().now().duration_since(write.at) < patience
    }

    /// How the object stands, for all that was sent.
    pub(super) async fn standing(&self, write: &Write) -> Answer {
        let mut found = Answer::Unknown("nothing was sent".to_owned());
        let mut unmoved = false;
        for id in write.ids.iter().rev() {
            let context = self.whole_context();
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
        }
        match found {
            // It moved between two looks: which of the requests did that is seen at the next.
            Answer::Failed(_) if unmoved => Answer::Unknown("it moved while it was looked at".to_owned()),
            found => found,
        }
    }

    /// Of what is gone nobody will ever say.
    async fn give_up(
        &self,
        scope: &Scope,
        kept: Kept<Intent>,
        write: &Write,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        self.record_outcome(scope, &kept.value, write, "not known", &reason)
            .await?;
        self.spent(scope, &write.attempt, Outcome::Failed).await?;
        self.tell(Noticed::Unresolved, &scope.run, Some(&kept.value), reason.clone())
            .await;
        self.settle(kept, Settlement::Unresolved { reason }, None).await
    }
}
