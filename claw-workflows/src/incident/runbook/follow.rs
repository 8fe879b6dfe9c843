//! Follows the runbooks for the alerts: makes the calls that they ask for.

use claw_core::report::{self, RunbookCall};
use claw_core::workflow::{StepContext, StepError};
use serde_json::Value;

use super::template::Values;
use super::{Call, Runbook, Runbooks};
use crate::deliver::untrusted::truncate;
use crate::incident::case::Case;
use crate::incident::steps::unanswered;
use crate::trigger::Alert;

/// Calls that the runbooks of one run may make together.
const MAX_CALLS: usize = 8;
/// Part of the time that is left that they may take together: one of so many.
const SHARE: u32 = 5;
/// Characters that are kept of an answer.
const ANSWER: usize = 2_000;
/// Characters that are kept of an input.
const INPUT: usize = 500;
/// What gaps about runbooks are called.
pub(super) const SOURCE: &str = "runbooks";

impl Runbooks {
    /// Makes the calls of the runbooks for the alerts of the case, and keeps what came of them. Answers that are not there, and
    /// calls for which the budget does not reach, are gaps.
    pub(in crate::incident) async fn follow(
        &self,
        cx: &StepContext,
        case: &mut Case,
    ) -> Result<(), StepError> {
        let alerts = case.incident.alerts.clone();
        let fitting: Vec<(&Runbook, &Alert)> = self
            .0
            .iter()
            .filter_map(|runbook| {
                let alert = alerts.iter().find(|alert| runbook.fits.alert(alert))?;
                Some((runbook, alert))
            })
            .collect();
        let cx = cx.within(cx.remaining() / SHARE);
        let mut made = 0_usize;
        let mut left_out: Vec<&str> = Vec::new();
        for (runbook, alert) in fitting {
            let name = alert.name().unwrap_or("the alert");
            let mut entry = runbook.entry(format!("{name} fires"));
            for call in &runbook.calls {
                if made >= MAX_CALLS || cx.remaining().is_zero() {
                    left_out.push(&call.tool);
                    continue;
                }
                cx.progress(format!("following the runbook {}", runbook.title));
                // What cannot be asked, or whom, takes none of the calls that may be made.
                let silent = case.silent.contains(&call.tool);
                let asked = make(&cx, case, runbook, call, alert).await?;
                made = made.saturating_add(usize::from(asked.is_some() && !silent));
                entry.calls.extend(asked);
            }
            case.runbooks.push(entry);
        }
        if !left_out.is_empty() {
            case.gap(
                SOURCE,
                format!(
                    "calls of runbooks were not made, for one run makes {MAX_CALLS} of them, in a fifth of its time: {}",
                    left_out.join(", ")
                ),
                "ask for less in the runbooks, narrow what they match, or make the calls by hand",
            );
        }
        Ok(())
    }
}

impl Runbook {
    /// It, as a report names it.
    pub(super) fn entry(&self, because: String) -> report::Runbook {
        report::Runbook {
            title: self.title.clone(),
            place: self.place.clone(),
            because: vec![because],
            text: self.text.clone(),
            calls: Vec::new(),
        }
    }
}

async fn make(
    cx: &StepContext,
    case: &mut Case,
    runbook: &Runbook,
    call: &Call,
    alert: &Alert,
) -> Result<Option<RunbookCall>, StepError> {
    let input = match (Values { alert, case }).fill(&call.input) {
        Ok(input) => input,
        Err(why) => {
            let reason = format!("{} of the runbook {}: {why}", call.tool, runbook.place);
            case.gap(
                SOURCE,
                reason,
                "give the alert what the runbook needs, or write it out there",
            );
            return Ok(None);
        }
    };
    let mut made = RunbookCall {
        tool: call.tool.clone(),
        input: kept(&cx.gate().redactor().redact_json(input.clone()), INPUT),
        answer: None,
    };
    if case.silent.contains(&call.tool) {
        // That its source does not answer is among the gaps.
        return Ok(Some(made));
    }
    let why = format!("the runbook {} asks for it", runbook.title);
    match cx.observe_json(&call.tool, input, &why).await {
        Ok(answer) => made.answer = Some(kept(&answer, ANSWER)),
        Err(error) => unanswered(cx, case, &call.tool, error)?,
    }
    Ok(Some(made))
}

fn kept(value: &Value, limit: usize) -> String {
    truncate(&value.to_string(), limit).into_owned()
}
