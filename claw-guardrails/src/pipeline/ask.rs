//! Steps 11 and 12: people are asked, and when they have said yes everything is looked at again.

use claw_core::actuate::Submitted;
use claw_core::audit::AuditKind;
use claw_core::digest::sha256;
use claw_core::gate::{Entry, Refusal};
use claw_core::radius::BlastRadius;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

use super::behalf::Behalf;
use super::board::Heard;
use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Asked, Intent, IntentState};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::notice::Noticed;
use super::send::Approved;
use super::{Parts, Pipeline, own_task};
use crate::approval::{
    ApprovalError, Binding, BindingError, Looked, PostError, Request, Shown, State, Terms, Verdict, Vote,
};
use crate::policy::Tier;

/// Rules whose refusals pass by themselves, or when a person does something about them: an approval outlives them.
const PASSING: [&str; 11] = [
    "stop.",
    "lease.",
    "walls.",
    "breaker.",
    "budget.",
    "rights.",
    "target.unseen",
    "target.unsettled",
    "dry_run.failed",
    "run.deadline",
    "writes.not_enabled",
];

impl Pipeline {
    /// Counts what a person said of an intent, and takes it further when that decides it.
    ///
    /// # Errors
    /// [`PipelineError::Vote`] when the vote does not count; the request is as it was.
    pub async fn vote(&self, id: &str, vote: Vote) -> Result<Submitted, PipelineError> {
        let (parts, id) = (std::sync::Arc::clone(&self.0), id.to_owned());
        own_task(async move {
            parts.memory.resume(&id);
            let heard = parts.gather_for(&id).await?;
            let voted = parts.turn_of_vote(&id, vote, heard).await;
            parts.afterwards(&id).await;
            voted
        })
        .await
    }
}

impl Parts {
    async fn turn_of_vote(&self, id: &str, vote: Vote, heard: Heard) -> Result<Submitted, PipelineError> {
        let _turn = self.turn.lock().await;
        let kept = self.load(id).await?;
        let by = self.behalf(&kept.value);
        let kept = self.count(&by, kept, vote).await?;
        self.advance(&by, kept, heard).await
    }

    pub(super) async fn ask(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        judged: Judged,
    ) -> Result<Submitted, PipelineError> {
        let approvals = &self.settings.approvals;
        let wait = match judged.decision.tier {
            Tier::SyncApproval => approvals.wait_at_once,
            _ => approvals.wait,
        };
        let now = self.gate.clock().now();
        let expires = now.checked_add(wait).unwrap_or(now);
        let nonce = sha256(format!("{}\n{}\n{now}", self.seed, kept.value.id));
        let mut terms = Terms::new(approvals.groups.clone()).with_needed(judged.decision.approvers);
        terms.escalate_after = approvals.escalate_after;
        terms.excluded = approvals.excluded.iter().cloned().collect();
        let terms = terms.without(&kept.value.actor);
        let held = match terms.check() {
            Ok(()) => self
                .binding(&judged, &terms, expires, &nonce)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let binding = match held {
            Ok(binding) => binding,
            Err(reason) => {
                let remedy = "set up who approves, and that all of the target can be read";
                return self
                    .refuse(by, kept, refusal("approval.impossible", reason, remedy))
                    .await;
            }
        };
        let request = Request::new(&kept.value.id, binding, terms, now);
        let rules = judged.decision.rules.iter();
        let rules = rules.map(|matched| format!("{} ({})", matched.rule, matched.tier));
        let (action, radius) = (&judged.seen.action, &judged.seen.survey.radius);
        let shown = match Shown::of(&request, action, &judged.rehearsal, radius, rules) {
            Ok(shown) => shown,
            Err(error) => {
                let refusal = refusal("approval.impossible", error.to_string(), "propose it anew");
                return self.refuse(by, kept, refusal).await;
            }
        };
        // The action may come from outside, and so may its words.
        let shown = shown.redacted(self.gate.redactor());
        kept.value.asked = Some(Box::new(Asked { request, shown }));
        kept.value.state = IntentState::Asked;
        kept.value.awaited = true;
        kept.save(&*self.documents).await?;
        let intent = &kept.value;
        let said = format!(
            "{} waits for approval until {expires}: {}",
            intent.subject(),
            intent.action.reason
        );
        self.tell(Noticed::Asked, by.run(), Some(intent), &said);
        Ok(Submitted::Waiting {
            approval: intent.id.clone(),
            until: expires,
        })
    }

    /// How an intent stands that people were asked about; and what follows from that.
    pub(super) async fn hear(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        unheard: &[PostError],
    ) -> Result<Submitted, PipelineError> {
        let now = self.gate.clock().now();
        let Some(asked) = &kept.value.asked else {
            let reason = "nothing is kept of what people were asked";
            let refusal = refusal("approval.impossible", reason, "propose it anew");
            return self.refuse(by, kept, refusal).await;
        };
        if let Some(cancelled) = self.cancelled(by.run()).await? {
            return self.refuse(by, kept, cancelled).await;
        }
        let held = match asked.request.state(now) {
            State::Pending => return Ok(waiting(&kept.value, now)),
            State::Denied { by, .. } => refusal(
                "approval.denied",
                format!("{by} said no"),
                "talk to them before it is asked again",
            ),
            State::Expired => refusal(
                "approval.expired",
                format!(
                    "it was not approved, or could not be done, by {}",
                    asked.request.binding.expires
                ),
                "propose it anew if it is still wanted",
            ),
            State::Used { .. } => refusal(
                "approval.used",
                "its approval was used already",
                "propose it anew if it is still wanted",
            ),
            State::Approved { .. } if !unheard.is_empty() => {
                self.hold_for(by, &kept.value, unheard).await?;
                return Ok(waiting(&kept.value, now));
            }
            State::Approved { .. } if !self.memory.may_try(&kept.value.id, self.elapsed()) => {
                return Ok(waiting(&kept.value, now));
            }
            State::Approved { .. } => match self.judge(by, &kept.value).await {
                Err(Held::Failed(error)) => return Err(error),
                // The approval stays until it passes, or the approval's own time is over.
                Err(Held::Refused(refusal)) => match self.passes(by, &refusal).await? {
                    true => {
                        self.hold_up(&kept.value, &refusal);
                        return Ok(waiting(&kept.value, now));
                    }
                    false => refusal,
                },
                // The time has gone on while it was judged.
                Ok(judged) => match self.take(&mut kept, &judged, self.gate.clock().now()) {
                    Ok(approved) => {
                        self.intend(by, &kept.value, &judged).await?;
                        return self.send(by, kept, judged, Some(approved)).await;
                    }
                    Err(error) => refusal(
                        "approval.changed",
                        error.to_string(),
                        "propose it anew if it is still wanted",
                    ),
                },
            },
        };
        self.refuse(by, kept, held).await
    }

    /// Whether a refusal passes by itself, or when a person does something about it. So does a cancellation that the journal does not
    /// know of: the agent is shut down, and its runs go on later.
    pub(super) async fn passes(&self, by: &Behalf, refusal: &Refusal) -> Result<bool, PipelineError> {
        if refusal.rule == "run.cancelled" {
            return Ok(self.journal.is_some() && self.cancelled(by.run()).await?.is_none());
        }
        Ok(PASSING.iter().any(|passing| refusal.rule.starts_with(passing)))
    }

    /// It waits until what is in the way has passed.
    pub(super) fn hold_up(&self, intent: &Intent, refusal: &Refusal) {
        let reason = self.gate.redactor().redact(&refusal.reason).into_owned();
        tracing::info!(
            intent = intent.id,
            rule = refusal.rule,
            reason,
            "an approved action is held up"
        );
        self.memory.pause(&intent.id, self.elapsed());
    }

    /// One carrier may hold a no: as long as it cannot be asked, no yes is used. It is on record once.
    async fn hold_for(
        &self,
        by: &Behalf,
        intent: &Intent,
        unheard: &[PostError],
    ) -> Result<(), PipelineError> {
        // By their names: what went wrong is put otherwise each time.
        let carriers: BTreeSet<&str> = unheard.iter().map(|error| error.carrier().name()).collect();
        let carriers = Vec::from_iter(carriers).join(", ");
        let key = format!("unheard {carriers}");
        if self.memory.is_idle(&intent.id, &key) {
            return Ok(());
        }
        let said: Vec<String> = unheard.iter().map(ToString::to_string).collect();
        let said = format!(
            "approved, and held until every carrier can be asked for a no: {}",
            said.join("; ")
        );
        let entry = Entry::new(AuditKind::Guard, intent.subject(), "a no on any carrier counts")
            .with_input(json!({"intent": intent.id}))
            .with_decided(&said);
        by.record(entry).await?;
        self.memory.add_idle(&intent.id, key);
        Ok(())
    }

    /// Uses the approval for what was judged just now. It is used for good when the state that follows is kept.
    fn take(
        &self,
        kept: &mut Kept<Intent>,
        judged: &Judged,
        now: Timestamp,
    ) -> Result<Approved, ApprovalError> {
        let before = Box::new(kept.value.clone());
        let Some(Asked { request, .. }) = kept.value.asked.as_deref_mut() else {
            return Err(ApprovalError::Settled { state: "used" });
        };
        // What is judged otherwise now, or by other people, is not what was approved.
        if judged.decision.tier.needs_approval() {
            let bound = &request.binding;
            let fresh = self.binding(judged, &request.terms, bound.expires, &bound.nonce);
            let fresh = fresh.map_err(|_| ApprovalError::Changed {
                differences: vec!["the policy asks for another approval"],
            })?;
            let by = request.take(&fresh, now)?.by().to_vec();
            return Ok(Approved { before, by });
        }
        Err(ApprovalError::Changed {
            differences: vec!["the policy asks for no approval any more"],
        })
    }

    /// All that an approval of what was judged is good for.
    pub(super) fn binding(
        &self,
        judged: &Judged,
        terms: &Terms,
        expires: Timestamp,
        nonce: &str,
    ) -> Result<Binding, BindingError> {
        let (action, survey) = (&judged.seen.action, &judged.seen.survey);
        let requests = self.policy.requests(action, &judged.facts, judged.at);
        Binding::of(Looked {
            action,
            cluster: survey.cluster.as_deref().unwrap_or_default(),
            generation: survey.target.as_ref().and_then(|target| target.generation),
            outcome: &judged.rehearsal.outcome,
            reach: reached(&survey.radius),
            policy: &self.policy_digest,
            requests: &requests,
            decision: &judged.decision,
            terms,
            expires,
            nonce,
        })
    }

    pub(super) async fn count(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        vote: Vote,
    ) -> Result<Kept<Intent>, PipelineError> {
        let now = self.gate.clock().now();
        let (id, subject) = (kept.value.id.clone(), kept.value.subject());
        let input = json!({"intent": id, "vote": vote});
        let entry =
            |kind| Entry::new(kind, &subject, "a person decided on a write").with_input(input.clone());
        let said = format!("{} {} it by {:?}", vote.by, verb(vote.verdict), vote.carrier);
        let intent = &mut kept.value;
        let counted = match (&intent.state, intent.asked.as_deref_mut()) {
            (IntentState::Asked | IntentState::Sent { .. }, Some(asked)) => {
                asked.request.vote(vote, now).map_err(PipelineError::Vote)
            }
            (other, _) => Err(PipelineError::NotAsked {
                id,
                state: other.name(),
            }),
        };
        if let Err(error) = counted {
            let refused = entry(AuditKind::Refuse).with_decided(format!("the vote does not count: {error}"));
            by.record(refused).await?;
            return Err(error);
        }
        // On record first: a vote that could not be recorded does not count.
        by.record(entry(AuditKind::Vote).with_decided(said)).await?;
        kept.save(&*self.documents).await?;
        Ok(kept)
    }
}

pub(super) fn waiting(intent: &Intent, now: Timestamp) -> Submitted {
    let until = match &intent.asked {
        Some(asked) => asked.request.binding.expires,
        None => now,
    };
    Submitted::Waiting {
        approval: intent.id.clone(),
        until,
    }
}

fn verb(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approved",
        Verdict::Deny => "denied",
    }
}

/// Everything that feels an action, by name.
fn reached(radius: &BlastRadius) -> BTreeSet<claw_core::entity::EntityRef> {
    let felt = radius.services.keys().chain(radius.disruptions.keys());
    radius.objects.iter().chain(felt).cloned().collect()
}
