//! Steps 2 to 10: whether an action may be done, and how much people have to do with it.

use std::collections::BTreeSet;

use claw_core::actuate::{Settlement, Submitted};
use claw_core::audit::{AuditError, AuditKind};
use claw_core::gate::{Entry, Refusal};
use claw_core::patch::merged;
use claw_core::store::StoreError;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Intent, typed};
use super::kept::Kept;
use super::look::Seen;
use super::replay::Judgement;
use crate::breaker::{Attempt, moves};
use crate::policy::{Activity, Decision, Facts, Matched, Tier};
use crate::radius::Excess;
use claw_core::execute::Rehearsal;

/// An action goes no further.
pub(super) enum Held {
    /// It may not be done.
    Refused(Refusal),
    /// It could not be found out, or not be recorded.
    Failed(PipelineError),
}

impl From<Refusal> for Held {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<PipelineError> for Held {
    fn from(error: PipelineError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Held {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<AuditError> for Held {
    fn from(error: AuditError) -> Self {
        Self::Failed(error.into())
    }
}

/// An action that may be done, at once or when people have approved it.
pub(super) struct Judged {
    pub(super) at: Timestamp,
    pub(super) seen: Seen,
    pub(super) facts: Facts,
    pub(super) excesses: Vec<Excess>,
    pub(super) decision: Decision,
    pub(super) attempt: Attempt,
    pub(super) rehearsal: Rehearsal,
}

impl Parts {
    /// Takes an intent that was not judged yet as far as it comes.
    pub(super) async fn begin(&self, by: &Behalf, kept: Kept<Intent>) -> Result<Submitted, PipelineError> {
        let judged = match self.judge(by, &kept.value).await {
            Ok(judged) => judged,
            Err(Held::Refused(refusal)) => return self.refuse(by, kept, refusal).await,
            Err(Held::Failed(error)) => return Err(error),
        };
        self.intend(by, &kept.value, &judged).await?;
        if !self.engine.is_live() {
            return Ok(Submitted::Settled(Settlement::Rehearsed {
                tier: judged.decision.tier.name().to_owned(),
                diff: judged.rehearsal.diff,
            }));
        }
        if judged.decision.tier.needs_approval() {
            return self.ask(by, kept, judged).await;
        }
        self.send(by, kept, judged, None).await
    }

    /// Steps 1 to 9.
    pub(super) async fn judge(&self, by: &Behalf, intent: &Intent) -> Result<Judged, Held> {
        typed(&intent.action)?;
        self.guard(by).await?;
        let at = self.gate.clock().now();
        let forbidden = self.policy.forbidden_by_name(&intent.action, at);
        if !forbidden.is_empty() {
            return Err(forbidden_by(&forbidden).into());
        }
        let seen = self.look(by, &intent.action).await?;
        let excesses = self.settings.action.excesses(&seen.survey.radius);
        let facts = self.facts(&seen, at).await?;
        let Some(decision) = self.policy.judge(&seen.action, &facts, at) else {
            return Err(refusal(
                "action.empty",
                format!("{} is already as it is asked for", seen.action.target),
                "nothing has to be done",
            )
            .into());
        };
        if decision.tier == Tier::Forbidden {
            return Err(forbidden_by(&decision.rules).into());
        }
        let attempt = self.attempt(intent, &seen, &facts, &decision, at);
        self.may_spend(by, intent, &attempt, &seen.survey.radius).await?;
        self.rights(by, &seen.action).await?;
        let rehearsal = self.rehearse(by, &seen).await?;
        Ok(Judged {
            at,
            seen,
            facts,
            excesses,
            decision,
            attempt,
            rehearsal,
        })
    }

    async fn facts(&self, seen: &Seen, now: Timestamp) -> Result<Facts, PipelineError> {
        let survey = &seen.survey;
        let object = survey.target.as_ref().map(|target| target.object.clone());
        let replicas = object.as_ref().and_then(replicas_of);
        Ok(Facts {
            replicas_at_start: self.replicas_at_start(&seen.action.target, replicas, now).await?,
            object,
            namespace_labels: survey.namespace_labels.clone(),
            namespace_annotations: survey.namespace_annotations.clone(),
            scaled: survey.scaled.clone(),
            observed_days: None,
            activity: survey.is_working.map(|working| match working {
                true => Activity::Working,
                false => Activity::Idle,
            }),
            reach: Some(self.settings.action.reach(&survey.radius)),
        })
    }

    fn attempt(
        &self,
        intent: &Intent,
        seen: &Seen,
        facts: &Facts,
        decision: &Decision,
        now: Timestamp,
    ) -> Attempt {
        let requests = self.policy.requests(&seen.action, facts, now);
        let before = facts.object.clone().unwrap_or(Value::Null);
        let moves = match seen.action.patch.is_object() && facts.object.is_some() {
            true => moves(&before, &merged(&before, &seen.action.patch)),
            false => Default::default(),
        };
        Attempt {
            id: intent.id.clone(),
            target: seen.action.target.clone(),
            operations: requests
                .iter()
                .map(|request| request.operation)
                .collect::<BTreeSet<_>>(),
            workflow: intent.workflow.clone(),
            tier: decision.tier,
            moves,
        }
    }

    /// Step 10: what is meant to be done, with all that it was judged by.
    pub(super) async fn intend(
        &self,
        by: &Behalf,
        intent: &Intent,
        judged: &Judged,
    ) -> Result<(), PipelineError> {
        let survey = &judged.seen.survey;
        let excesses: Vec<String> = judged.excesses.iter().map(ToString::to_string).collect();
        let judgement = Judgement {
            intent: intent.id.clone(),
            workflow: intent.workflow.clone(),
            action: judged.seen.action.clone(),
            at: judged.at,
            policy: self.policy.clone(),
            facts: judged.facts.clone(),
            limits: self.settings.action.clone(),
            radius: survey.radius.clone(),
            beyond: excesses,
            decision: json!(judged.decision),
            rehearsal: judged.rehearsal.clone(),
        };
        let entry = Entry::new(AuditKind::Intend, intent.subject(), &intent.action.reason)
            .with_input(json!(judgement))
            .with_decided(decided(&judged.decision));
        by.record(entry).await?;
        Ok(())
    }

    /// Records that an action may not be done. A refusal before anything was asked or sent is not remembered: what it rests on
    /// may pass.
    pub(super) async fn refuse(
        &self,
        by: &Behalf,
        kept: Kept<Intent>,
        refusal: Refusal,
    ) -> Result<Submitted, PipelineError> {
        // Reasons hold what servers have said.
        let redacted = |text: &str| self.gate.redactor().redact(text).into_owned();
        let refusal = Refusal {
            reason: redacted(&refusal.reason),
            remedy: redacted(&refusal.remedy),
            ..refusal
        };
        let intent = &kept.value;
        let entry = Entry::new(AuditKind::Refuse, intent.subject(), &intent.action.reason)
            .with_input(json!({"intent": intent.id, "workflow": intent.workflow, "action": intent.action}))
            .with_decided(refusal.to_string());
        by.record(entry).await?;
        let settlement = Settlement::Refused(refusal);
        if kept.is_new() {
            // Another process may have taken it up meanwhile, and may have done it: then the refusal is no answer.
            return match self.find(&kept.value.id).await? {
                None => Ok(Submitted::Settled(settlement)),
                Some(taken) => Err(StoreError::Conflict {
                    subject: format!("intent {}", taken.value.id),
                    expected: "unknown".to_owned(),
                    actual: taken.value.state.name().to_owned(),
                }
                .into()),
            };
        }
        self.settle(kept, settlement, None).await
    }
}

/// `tier, by rule (tier), rule (tier)`.
pub(super) fn decided(decision: &Decision) -> String {
    format!("{}, by {}", decision.tier, listed(&decision.rules))
}

fn listed(rules: &[Matched]) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|matched| format!("{} ({})", matched.rule, matched.tier))
        .collect();
    rules.join(", ")
}

fn forbidden_by(rules: &[Matched]) -> Refusal {
    let forbidding: Vec<&str> = rules
        .iter()
        .filter(|matched| matched.tier == Tier::Forbidden)
        .map(|matched| matched.rule.as_str())
        .collect();
    refusal(
        forbidding.first().copied().unwrap_or("policy.no_rule"),
        format!("the policy forbids it: {}", listed(rules)),
        "let a person do it; `claw-agent policy explain` says what would have to be otherwise",
    )
}

pub(super) fn replicas_of(object: &Value) -> Option<u32> {
    u32::try_from(object.pointer("/spec/replicas")?.as_u64()?).ok()
}
