//! Actions: sent, and looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use claw_core::action::Action;
use claw_core::actuate::Settlement;
use claw_core::digest::sha256;
use claw_core::evidence::Severity;
use claw_core::store::{Enqueued, RunStatus};
use claw_core::tool::Effect;
use claw_core::workflow::{RunId, Workflow as _};
use claw_guardrails::approval::{self, Shown};
use claw_guardrails::pipeline::{Intent, IntentState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Desk;
use crate::trigger::server::error::Failure;
use crate::writing::change::{Change, Want, Wanted};

/// Largest body, in bytes: a manifest may be among it.
const MOST_BYTES: usize = 256 << 10;
/// Letters of the hash that names a run.
const ID_LETTERS: usize = 24;
/// Longest name that a sender gives.
const LONGEST_ID: usize = 128;

/// What is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(default)]
    tool: Option<String>,
    #[serde(default)]
    input: Option<Value>,
    #[serde(default)]
    action: Option<Box<Action>>,
    /// By which the sender knows it again: sent twice it is one.
    #[serde(default)]
    id: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Taken {
    run: RunId,
    by: String,
    /// Whether it had been sent before.
    known: bool,
}

/// An action as whoever sent it sees it.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    run: RunId,
    status: RunStatus,
    /// Why the run was postponed, failed or was cancelled.
    reason: Option<String>,
    /// What came of it, in one sentence, when the run is over.
    outcome: Option<String>,
    /// Whether it was done, or rehearsed where nothing is written; when the run is over.
    ok: Option<bool>,
    intents: Vec<IntentSeen>,
    /// Intents that cannot be read, and that may be of this run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize)]
struct IntentSeen {
    /// Also the id of the request for approval.
    id: String,
    target: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    settlement: Option<Settlement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalSeen>,
}

#[derive(Debug, Serialize)]
struct ApprovalSeen {
    #[serde(flatten)]
    shown: Shown,
    state: approval::State,
}

impl IntentSeen {
    fn of(intent: Intent, now: Timestamp) -> Self {
        let (state, settlement) = match intent.state {
            IntentState::Open => ("open", None),
            IntentState::Asked => ("asked", None),
            IntentState::Sent { .. } => ("sent", None),
            IntentState::Settled { settlement, .. } => ("settled", Some(settlement)),
            _ => ("other", None),
        };
        Self {
            id: intent.id,
            target: intent.action.target.to_string(),
            state,
            settlement,
            approval: intent.asked.map(|asked| ApprovalSeen {
                state: asked.request.state(now),
                shown: asked.shown,
            }),
        }
    }
}

pub(super) async fn send(
    State(desk): State<Arc<Desk>>,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), Failure> {
    // Before the body: whoever may not sends none.
    let may = &desk.permissions.propose;
    let by = desk.one_of(request.headers(), may, ("send actions", "propose"))?;
    let remedy = r#"send {"tool": "scale_workload", "input": {…}} or {"action": {…}}, with an "id" of yours if it may be sent twice"#;
    let sent: Sent = desk.door.body(request, MOST_BYTES, remedy).await?;
    let id = name_of(&desk, &by, sent.id.as_deref())?;
    let want = desk.wanted(sent, remedy)?;
    // Only the leader's store is looked after.
    if let Err(refusal) = desk.agent.engine().check_write().await
        && refusal.rule.starts_with("lease.")
    {
        return Err(Failure {
            retry_after: Some(5),
            ..Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "lease",
                refusal.reason,
                "send it to the replica that holds the lease",
            )
        });
    }
    let wanted = Wanted::new(by.clone(), want);
    let queued = desk
        .agent
        .runner()
        .submit::<Change>(id.clone(), &wanted, Vec::new())
        .await?;
    let known = !matches!(queued, Enqueued::New { .. });
    Ok((StatusCode::ACCEPTED, Json(Taken { run: id, by, known })))
}

/// The run that is opened: by the sender's own name for it, or anew.
fn name_of(desk: &Desk, by: &str, id: Option<&str>) -> Result<RunId, Failure> {
    let name = match id {
        Some(id) if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) => {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "body, id",
                "the id is empty, too long, or has control characters",
                "send one of up to 128 characters, or none",
            ));
        }
        Some(id) => format!("{by}\n{id}"),
        None => {
            let (count, now) = (
                desk.count.fetch_add(1, Ordering::Relaxed),
                desk.door.clock().now(),
            );
            format!("{by}\n{count}\n{now}\nof the agent")
        }
    };
    let name: String = sha256(name).chars().take(ID_LETTERS).collect();
    Ok(RunId(format!("{}-{name}", Change::NAME)))
}

impl Desk {
    fn wanted(&self, sent: Sent, remedy: &str) -> Result<Want, Failure> {
        let wrong =
            |reason: String, remedy: &str| Err(Failure::new(StatusCode::BAD_REQUEST, "body", reason, remedy));
        match (sent.tool, sent.input, sent.action) {
            (Some(tool), Some(input), None) => {
                let known = self.agent.tools().iter();
                let proposing: Vec<&str> = known
                    .filter(|known| known.effect() == Effect::Propose)
                    .map(|known| known.name())
                    .collect();
                match proposing.contains(&tool.as_str()) {
                    true => Ok(Want::Tool { tool, input }),
                    false => wrong(
                        "this agent has no tool of that name that proposes".to_owned(),
                        &format!("choose one of: {}", proposing.join(", ")),
                    ),
                }
            }
            (None, None, Some(action)) => Ok(Want::Action(action)),
            _ => wrong(
                "it has to hold `tool` and `input`, or `action`, and not both".to_owned(),
                remedy,
            ),
        }
    }
}

pub(super) async fn look(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Seen>, Failure> {
    desk.door.person(&headers)?;
    let id = RunId(run);
    let found = desk.agent.runner().look(&id).await?;
    let Some(ended) = found.filter(|ended| ended.run.workflow == Change::NAME) else {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "path",
            "there is no such action",
            "ask for the run that was answered when it was sent",
        ));
    };
    let intents = match desk.agent.pipeline() {
        Some(pipeline) => pipeline
            .intents()
            .await
            .map_err(|error| Desk::unavailable(&error))?,
        None => Vec::new(),
    };
    let now = desk.door.clock().now();
    let (mut known, mut unreadable) = (Vec::new(), Vec::new());
    for intent in intents {
        match intent {
            Ok(intent) if intent.run == id.0 => known.push(IntentSeen::of(intent, now)),
            Ok(_) => {}
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    Ok(Json(Seen {
        status: ended.run.status,
        reason: ended.run.reason,
        // A change that ends otherwise ends with a warning.
        ok: ended
            .report
            .as_ref()
            .map(|report| report.severity == Severity::Info),
        outcome: ended.report.map(|report| report.title),
        intents: known,
        unreadable,
        run: id,
    }))
}
