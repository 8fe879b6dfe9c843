//! Steps 11 and 12: people are asked, and when they have said yes everything is looked at again.

use claw_core::actuate::Submitted;
use claw_core::audit::AuditKind;
use claw_core::digest::sha256;
use claw_core::gate::{Entry, Scope};
use claw_core::radius::BlastRadius;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Asked, Intent, IntentState};
use super::judge::{Held, Judged};
use super::kept::Kept;
use super::notice::Noticed;
use super::{Parts, Pipeline, own_task};
use crate::approval::{
    ApprovalError, Binding, BindingError, Looked, Request, Shown, State, Terms, Verdict, Vote,
};
use crate::policy::Tier;

/// Rules whose refusals pass by themselves, or when a person does something about them: an approval outlives them.
const PASSING: [&str; 7] = [
    "stop.",
    "breaker.",
    "budget.",
    "rights.",
    "target.unseen",
    "target.unsettled",
    "dry_run.failed",
];

impl Pipeline {
    /// Counts what a person said of an intent, and takes it further when that decides it.
    ///
    /// # Errors
    /// [`PipelineError::Vote`] when the vote does not count; the request is as it was.
    pub async fn vote(&self, id: &str, vote: Vote) -> Result<Submitted, PipelineError> {
        let (parts, id) = (std::sync::Arc::clone(&self.0), id.to_owned());
        own_task(async move {
            let _turn = parts.turn.lock().await;
            let kept = parts.load(&id).await?;
            let scope = parts.scope_of(&kept.value);
            let kept = parts.count(&scope, kept, vote).await?;
            parts.advance(&scope, kept).await
        })
        .await
    }
}

impl Parts {
    pub(super) async fn ask(
        &self,
        scope: &Scope,
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
                    .refuse(scope, kept, refusal("approval.impossible", reason, remedy))
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
                return self.refuse(scope, kept, refusal).await;
            }
        };
        kept.value.asked = Some(Box::new(Asked { request, shown }));
        kept.value.state = IntentState::Asked;
        kept.save(&*self.documents).await?;
        let intent = &kept.value;
        let said = format!(
            "{} waits for approval until {expires}: {}",
            intent.subject(),
            intent.action.reason
        );
        self.tell(Noticed::Asked, &scope.run, Some(intent), said).await;
        self.show(intent).await;
        Ok(Submitted::Waiting {
            approval: intent.id.clone(),
            until: expires,
        })
    }

    /// How an intent stands that people were asked about; and what follows from that.
    pub(super) async fn hear(
        &self,
        scope: &Scope,
        mut kept: Kept<Intent>,
    ) -> Result<Submitted, PipelineError> {
        let now = self.gate.clock().now();
        let Some(asked) = &kept.value.asked else {
            return Ok(waiting(&kept.value, now));
        };
        let held = match asked.request.state(now) {
            State::Pending => return Ok(waiting(&kept.value, now)),
            State::Denied { by, .. } => refusal(
                "approval.denied",
                format!("{by} said no"),
                "talk to them before it is asked again",
            ),
            State::Expired => refusal(
                "approval.expired",
                format!("nobody approved it by {}", asked.request.binding.expires),
                "propose it anew if it is still wanted",
            ),
            State::Used { .. } => refusal(
                "approval.used",
                "its approval was used already",
                "propose it anew if it is still wanted",
            ),
            State::Approved { .. } => match self.judge(scope, &kept.value).await {
                Err(Held::Failed(error)) => return Err(error),
                // The approval stays until it passes, or the approval's own time is over.
                Err(Held::Refused(refusal)) if passes(&refusal.rule) => {
                    tracing::info!(intent = kept.value.id, %refusal, "an approved action is held up");
                    return Ok(waiting(&kept.value, now));
                }
                Err(Held::Refused(refusal)) => refusal,
                // The time has gone on while it was judged.
                Ok(judged) => match self.take(&mut kept, &judged, self.gate.clock().now()) {
                    Ok(approved_by) => {
                        self.intend(scope, &kept.value, &judged).await?;
                        return self.send(scope, kept, judged, approved_by).await;
                    }
                    Err(error) => refusal(
                        "approval.changed",
                        error.to_string(),
                        "propose it anew if it is still wanted",
                    ),
                },
            },
        };
        self.refuse(scope, kept, held).await
    }

    /// Uses the approval for what was judged just now. It is used for good when the state that follows is kept.
    fn take(
        &self,
        kept: &mut Kept<Intent>,
        judged: &Judged,
        now: Timestamp,
    ) -> Result<Vec<String>, ApprovalError> {
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
            return Ok(request.take(&fresh, now)?.by().to_vec());
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
        scope: &Scope,
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
            (IntentState::Asked, Some(asked)) => asked.request.vote(vote, now).map_err(PipelineError::Vote),
            (other, _) => Err(PipelineError::NotAsked {
                id,
                state: other.name(),
            }),
        };
        if let Err(error) = counted {
            let refused = entry(AuditKind::Refuse).with_decided(format!("the vote does not count: {error}"));
            self.gate.record(scope, refused).await?;
            return Err(error);
        }
        // On record first: a vote that could not be recorded does not count.
        self.gate
            .record(scope, entry(AuditKind::Vote).with_decided(said))
            .await?;
        kept.save(&*self.documents).await?;
        Ok(kept)
    }
}

fn waiting(intent: &Intent, now: Timestamp) -> Submitted {
    let until = match &intent.asked {
        Some(asked) => asked.request.binding.expires,
        None => now,
    };
    Submitted::Waiting {
        approval: intent.id.clone(),
        until,
    }
}

fn passes(rule: &str) -> bool {
    PASSING.iter().any(|passing| rule.starts_with(passing))
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
