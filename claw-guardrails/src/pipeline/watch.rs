//! The health of a target for a while after a write to it.

use claw_core::audit::AuditKind;
use claw_core::gate::Entry;
use claw_core::survey::Health;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Parts;
use super::error::PipelineError;
use super::intent::{Intent, IntentState, Watched};
use super::judge::Held;
use super::kept::Kept;
use super::notice::Noticed;

/// How long at least is between two looks.
const BETWEEN: SignedDuration = SignedDuration::from_secs(20);

impl Parts {
    /// Looks at the target of a write once more.
    pub(super) async fn watch(&self, seen: &Intent) -> Result<(), PipelineError> {
        let IntentState::Settled {
            watch: Some(watched), ..
        } = &seen.state
        else {
            return Ok(());
        };
        let was = watched;
        let mut watched = watched.clone();
        let now = self.gate.clock().now();
        let Some(over) = self.pass(&mut watched, now) else {
            return Ok(());
        };
        let by = self.behalf(seen);
        let health = match self.survey(&by, &seen.action).await {
            Ok(survey) => survey.health,
            Err(Held::Failed(error)) => return Err(error),
            Err(Held::Refused(_)) => Health::Unknown,
        };
        // The look takes its time. Whoever has the turn is not to be crossed, and nothing is told twice.
        let _turn = self.turn.lock().await;
        let mut kept = self.load(&seen.id).await?;
        match &kept.value.state {
            IntentState::Settled { watch: Some(is), .. } if is == was => {}
            _ => return Ok(()),
        }
        let was_ill = matches!(watched.before, Health::Ill { .. });
        let said = match &health {
            // One that was ill before was not made so.
            Health::Ill { why } if !was_ill => format!("it got worse after the write: {why}"),
            _ if !over => return self.keep(&mut kept, Some(watched)).await,
            Health::Ill { .. } => "it is still as ill as before the write".to_owned(),
            Health::Unknown => "how it is could not be seen".to_owned(),
            _ => "it is well".to_owned(),
        };
        let worse = matches!(health, Health::Ill { .. }) && !was_ill;
        let intent = &kept.value;
        let entry = Entry::new(
            AuditKind::Watch,
            intent.subject(),
            "a write is watched for a while",
        )
        .with_input(json!({"intent": intent.id, "before": watched.before, "now": health}))
        .with_decided(&said);
        by.record(entry).await?;
        if worse {
            let settings = self.settings.breaker.clone();
            self.with_breaker(&by, |breaker, now| {
                breaker.regressed(&watched.attempt, &settings, now);
            })
            .await?;
            self.tell(Noticed::Worse, by.run(), Some(intent), &said);
        }
        self.keep(&mut kept, None).await
    }

    /// Lets the time pass that is between two looks, and says whether the watch is over; nothing where it is too early for the next
    /// look.
    fn pass(&self, watched: &mut Watched, now: Timestamp) -> Option<bool> {
        let believed = self.settings.watch_for / 3;
        let since = now.duration_since(watched.looked);
        if !since.is_negative() && since < believed.min(BETWEEN) {
            return None;
        }
        let passed = since.clamp(SignedDuration::ZERO, believed);
        watched.left = watched.left.saturating_sub(passed);
        watched.looked = now;
        Some(watched.left <= SignedDuration::ZERO)
    }

    async fn keep(
        &self,
        kept: &mut Kept<Intent>,
        watched: Option<Box<Watched>>,
    ) -> Result<(), PipelineError> {
        if let IntentState::Settled { watch, .. } = &mut kept.value.state {
            *watch = watched;
        }
        kept.save(&*self.documents).await?;
        Ok(())
    }
}
