//! Judgements made again from what the audit log says that they were made by.

use claw_core::action::Action;
use claw_core::audit::{AuditEvent, AuditKind};
use claw_core::execute::Rehearsal;
use claw_core::radius::BlastRadius;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::policy::{Facts, Policy};
use crate::radius::Limits;

/// All that an action was judged by, and the judgement: the input of an [`AuditKind::Intend`] record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Judgement {
    /// Id of the intent.
    pub intent: String,
    /// The workflow that wanted it.
    pub workflow: String,
    /// The action, in the version of its target that was read.
    pub action: Action,
    /// When it was judged.
    pub at: Timestamp,
    /// The policy of that time.
    pub policy: Policy,
    /// What was known of the target.
    pub facts: Facts,
    /// How far one action was allowed to reach.
    pub limits: Limits,
    /// How far it was seen to reach.
    pub radius: BlastRadius,
    /// Where that is too far, in words.
    pub beyond: Vec<String>,
    /// The decision, as [`Decision`](crate::policy::Decision) is written.
    pub decision: Value,
    /// What the server's dry run said.
    pub rehearsal: Rehearsal,
}

/// What became of making a judgement again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "replay", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Replayed {
    /// It is the same.
    Same {
        /// The tier.
        tier: String,
    },
    /// It is another one: rules were changed since, or the record was.
    Different {
        /// What the record says.
        recorded: Value,
        /// What would be decided now, from the same inputs.
        now: Value,
    },
    /// The record cannot be read as a judgement.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// Makes the judgement of a record again; `None` for records of other kinds.
pub fn replay(event: &AuditEvent) -> Option<Replayed> {
    if event.kind != AuditKind::Intend {
        return None;
    }
    let judgement = match Judgement::deserialize(&event.input) {
        Ok(judgement) => judgement,
        Err(error) => {
            return Some(Replayed::Unreadable {
                reason: error.to_string(),
            });
        }
    };
    let facts = Facts {
        reach: Some(judgement.limits.reach(&judgement.radius)),
        ..judgement.facts
    };
    let now = json!(judgement.policy.judge(&judgement.action, &facts, judgement.at));
    Some(if now == judgement.decision {
        let tier = now.get("tier").and_then(Value::as_str).unwrap_or_default();
        Replayed::Same {
            tier: tier.to_owned(),
        }
    } else {
        Replayed::Different {
            recorded: judgement.decision,
            now,
        }
    })
}
