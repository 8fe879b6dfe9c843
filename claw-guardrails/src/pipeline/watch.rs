//! The health of a target for a while after a write to it.

use claw_core::audit::AuditKind;
use claw_core::gate::Entry;
use claw_core::survey::Health;
use serde_json::json;

use super::Parts;
use super::error::PipelineError;
use super::intent::{Intent, IntentState};
use super::judge::Held;
use super::kept::Kept;
use super::notice::Noticed;

impl Parts {
    /// Looks at the target of a write once more. Whether it is over with watching it.
    pub(super) async fn watch(&self, mut kept: Kept<Intent>) -> Result<bool, PipelineError> {
        let IntentState::Settled {
            watch: Some(watched), ..
        } = &kept.value.state
        else {
            return Ok(false);
        };
        let watched = watched.clone();
        let scope = self.scope_of(&kept.value);
        let now = self.gate.clock().now();
        let health = match self.survey(&scope, &kept.value.action).await {
            Ok(survey) => survey.health,
            Err(Held::Failed(error)) => return Err(error),
            Err(Held::Refused(_)) => Health::Unknown,
        };
        let was_ill = matches!(watched.before, Health::Ill { .. });
        let said = match &health {
            // One that was ill before was not made so.
            Health::Ill { why } if !was_ill => format!("it got worse after the write: {why}"),
            _ if now < watched.until => return Ok(false),
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
        self.gate.record(&scope, entry).await?;
        if worse {
            let settings = self.settings.breaker.clone();
            self.with_breaker(&scope, |breaker, now| {
                breaker.regressed(&watched.attempt, &settings, now);
            })
            .await?;
            let said = self.gate.redactor().redact(&said).into_owned();
            self.tell(Noticed::Worse, &scope.run, Some(intent), said).await;
        }
        if let IntentState::Settled { watch, .. } = &mut kept.value.state {
            *watch = None;
        }
        kept.save(&*self.documents).await?;
        Ok(true)
    }
}
