//! Step 2: what has to be so before anything else is asked, and again before anything is sent.

use claw_core::gate::{Refusal, Scope};

use super::Parts;

pub(super) fn refusal(rule: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal {
        rule: rule.to_owned(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

impl Parts {
    /// That nobody has stopped the agent or the run, and that there is time left.
    pub(super) fn guard(&self, scope: &Scope) -> Result<(), Refusal> {
        self.engine.stop().check_write()?;
        if scope.cancel.is_cancelled() {
            return Err(refusal(
                "run.cancelled",
                format!("the run {} was cancelled", scope.run),
                "start a new run if the action is still wanted",
            ));
        }
        if self.gate.clock().now() >= scope.deadline {
            return Err(refusal(
                "run.deadline",
                format!("the time of the run was over at {}", scope.deadline),
                "give runs more time",
            ));
        }
        Ok(())
    }
}
