//! An arbiter for tests in which it is not the judgement that is looked at.

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::gate::{Arbiter, Judgement, Scope};
use claw_core::tool::Effect;
use serde_json::Value;

/// Allows every read and every write.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

#[async_trait]
impl Arbiter for AllowAll {
    async fn judge_read(&self, _: &Scope, _: &str, _: Effect, _: &Value) -> Judgement {
        Judgement::Allow { rules: Vec::new() }
    }

    async fn judge_write(&self, _: &Scope, _: &Action) -> Judgement {
        Judgement::Allow { rules: Vec::new() }
    }
}
