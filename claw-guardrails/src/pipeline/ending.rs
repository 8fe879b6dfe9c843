//! Steps 14 and 15: what was stored, the record of what came of a write, and how an intent ends.

use claw_core::actuate::{Settlement, Submitted};
use claw_core::audit::AuditKind;
use claw_core::execute::{ActionId, Effected};
use claw_core::gate::Entry;
use claw_core::outside::Outside;
use serde_json::json;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::intent::{Intent, IntentState, Watched};
use super::kept::Kept;
use super::notice::Noticed;
use super::send::Write;
use crate::breaker::Outcome;
use crate::policy::Tier;

impl Parts {
    /// Steps 14 and 15 for a write that stands.
    pub(super) async fn applied(
        &self,
        by: &Behalf,
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
        by.record(entry).await?;
        let outcome = match as_rehearsed {
            Some(false) => Outcome::Failed,
            _ => Outcome::Applied,
        };
        self.spent(by, &write.attempt, outcome).await?;
        let told = match (as_rehearsed, write.attempt.tier) {
            (Some(false), _) => Some(Noticed::Deviated),
            (_, Tier::Auto) => None,
            _ => Some(Noticed::Applied),
        };
        if let Some(told) = told {
            let text = format!("{}: {} ({said})", intent.subject(), write.action.expected);
            self.tell(told, by.run(), Some(intent), &text);
        }
        let now = self.gate.clock().now();
        let watch = Watched {
            left: self.settings.watch_for,
            looked: now,
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
        by: &Behalf,
        kept: Kept<Intent>,
        write: &Write,
        outcome: Outcome,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        let reason = self
            .note_trouble(
                by,
                &kept.value,
                write,
                (Noticed::Failed, "not applied", outcome),
                &reason,
            )
            .await?;
        self.settle(kept, Settlement::Failed { reason }, None).await
    }

    /// A write of which nobody can say whether it stands. It stays as sent, so that it is looked at again.
    pub(super) async fn unresolved(
        &self,
        by: &Behalf,
        mut kept: Kept<Intent>,
        mut write: Write,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        let told = (Noticed::Unresolved, "not known", Outcome::Failed);
        self.note_trouble(by, &kept.value, &write, told, &reason).await?;
        write.counted = true;
        kept.value.state = write.state();
        kept.value.awaited = true;
        kept.save(&*self.documents).await?;
        self.under_way(kept, &reason).await
    }

    /// Nobody will ever say what came of it.
    pub(super) async fn give_up(
        &self,
        by: &Behalf,
        kept: Kept<Intent>,
        write: &Write,
        reason: String,
    ) -> Result<Submitted, PipelineError> {
        let told = (Noticed::Unresolved, "not known", Outcome::Failed);
        let reason = self.note_trouble(by, &kept.value, write, told, &reason).await?;
        self.settle(kept, Settlement::Unresolved { reason }, None).await
    }

    /// Records that a write did not go well, tells the circuits unless they know, and tells people. The reason without secrets.
    async fn note_trouble(
        &self,
        by: &Behalf,
        intent: &Intent,
        write: &Write,
        (told, said, outcome): (Noticed, &str, Outcome),
        reason: &str,
    ) -> Result<String, PipelineError> {
        let entry = Entry::new(AuditKind::Outcome, intent.subject(), &write.action.reason)
            .with_input(json!({"intent": intent.id, "ids": write.ids}))
            .with_decided(said)
            .with_error(reason);
        by.record(entry).await?;
        let outcome = match write.counted {
            true => Outcome::Withdrawn,
            false => outcome,
        };
        self.spent(by, &write.attempt, outcome).await?;
        let reason = self.gate.redactor().redact(reason).into_owned();
        self.tell(told, by.run(), Some(intent), &reason);
        Ok(reason)
    }

    /// How it stands is looked at again later.
    pub(super) async fn under_way(
        &self,
        mut kept: Kept<Intent>,
        reason: &str,
    ) -> Result<Submitted, PipelineError> {
        self.memory.pause(&kept.value.id, self.elapsed());
        if !kept.value.awaited {
            kept.value.awaited = true;
            kept.save(&*self.documents).await?;
        }
        Ok(self.still_under_way(&kept.value, reason))
    }

    /// It is asked again when no request for it can come through any more, or before.
    pub(super) fn still_under_way(&self, intent: &Intent, reason: &str) -> Submitted {
        let now = self.gate.clock().now();
        Submitted::UnderWay {
            intent: intent.id.clone(),
            until: now.checked_add(self.patience()).unwrap_or(now),
            reason: self.gate.redactor().redact(reason).into_owned(),
        }
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
        self.memory.forget(&kept.value.id);
        Ok(Submitted::Settled(settlement))
    }
}
