//! Steps 8 and 9: the rights of the account that writes, and what the server would make of the action.

use claw_core::action::Action;
use claw_core::execute::{ExecuteError, Rehearsal, Rights};
use claw_core::gate::Refusal;
use claw_core::tool::ToolContext;
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::behalf::Behalf;
use super::guard::refusal;
use super::judge::Held;
use super::look::Seen;

/// Most fields that one action may change.
const MOST_LINES: usize = 400;

impl Parts {
    pub(super) async fn rights(&self, by: &Behalf, action: &Action) -> Result<(), Held> {
        let subject = requests_for("the rights to", action);
        let asked = by.attend(
            self.context(by),
            (&subject, "the account that writes has to have them"),
            |cx| async move { self.executor.rights(&cx, action).await },
        );
        match asked.await {
            Ok(Rights::Granted) => Ok(()),
            Ok(Rights::Missing { what }) => Err(refusal(
                "rights.missing",
                format!("the account that writes may not do it: {what}"),
                "grant it by the roles that `claw-agent access` prints, if the agent is to do it",
            )
            .into()),
            Ok(_) => Err(refusal(
                "rights.missing",
                "whether the account that writes may do it was not understood",
                "update the agent",
            )
            .into()),
            Err(error) => Err(not_rehearsed(&error).into()),
        }
    }

    pub(super) async fn rehearse(&self, by: &Behalf, seen: &Seen) -> Result<Rehearsal, Held> {
        let target = &seen.action.target;
        if let Some(keeper) = &seen.survey.kept_by {
            return Err(refusal(
                "owner.gitops",
                format!("{target} is kept by {keeper}, which would take the change back"),
                "change it where it is kept, by a pull request",
            )
            .into());
        }
        let action = &seen.action;
        let subject = requests_for("a dry run of", action);
        let rehearsed = by.attend(
            self.context(by),
            (&subject, "what a write would do is seen before it is made"),
            |cx| async move { self.executor.dry_run(&cx, action).await },
        );
        let rehearsal = match rehearsed.await {
            Ok(rehearsal) => rehearsal,
            Err(error) => return Err(not_rehearsed(&error).into()),
        };
        if rehearsal.diff.len() > MOST_LINES {
            return Err(refusal(
                "dry_run.too_long",
                format!(
                    "it would change {} fields of {target}, and nobody approves what nobody reads",
                    rehearsal.diff.len()
                ),
                "propose it in parts, or let a person do it",
            )
            .into());
        }
        if !rehearsal.unplanned.is_empty() {
            return Err(refusal(
                "dry_run.unplanned",
                format!(
                    "the API server would change more of {target} than the action names: {}",
                    rehearsal.unplanned.join(", ")
                ),
                "see which admission webhook changes it, and propose the whole change",
            )
            .into());
        }
        let others = rehearsal
            .taken_over
            .iter()
            .filter(|(manager, _)| !self.settings.is_hand(manager));
        let others: Vec<String> = others
            .map(|(manager, fields)| format!("{} of {manager}", fields.join(", ")))
            .collect();
        if !others.is_empty() {
            return Err(refusal(
                "owner.taken_over",
                format!(
                    "{target} has fields that somebody else keeps: {}",
                    others.join("; ")
                ),
                "change it where that owner is told what to keep; if people write with it, add it to `hands`",
            )
            .into());
        }
        Ok(rehearsal)
    }

    /// For calls before a write, which are broken off with their run.
    pub(super) fn context(&self, by: &Behalf) -> ToolContext {
        let time = self.settings.time.unsigned_abs();
        ToolContext {
            clock: self.gate.clock().clone(),
            deadline: by.scope.deadline.min(self.gate.clock().deadline(time)),
            cancel: by.scope.cancel.clone(),
            requests: Default::default(),
        }
    }

    /// For a write and what follows it: breaking those off would leave open what came of it.
    pub(super) fn whole_context(&self) -> ToolContext {
        let time = self.settings.time.unsigned_abs();
        ToolContext {
            clock: self.gate.clock().clone(),
            deadline: self.gate.clock().deadline(time),
            cancel: CancellationToken::new(),
            requests: Default::default(),
        }
    }
}

/// What the requests are told to be for.
pub(super) fn requests_for(what: &str, action: &Action) -> String {
    format!("{what} {:?} {}", action.verb, action.target)
}

fn not_rehearsed(error: &ExecuteError) -> Refusal {
    let said = with_sources(error);
    match error {
        ExecuteError::Changed { .. } => refusal(
            "target.changed",
            said,
            "propose the action anew, if it is still wanted",
        ),
        _ => refusal(
            "dry_run.failed",
            said,
            "nothing was written; see what the server says",
        ),
    }
}

/// An error with all that is beneath it.
pub(super) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        said.push_str(": ");
        said.push_str(&source.to_string());
        beneath = source.source();
    }
    said
}
