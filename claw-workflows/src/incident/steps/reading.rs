//! Calls whose failure leaves a gap in the report instead of ending the run.

use std::error::Error as _;

use claw_core::gate::{ObserveError, Refusal};
use claw_core::tool::{Tool, ToolError, ToolErrorKind};
use claw_core::workflow::{StepContext, StepError};
use claw_k8s::cluster::ClusterError;
use claw_k8s::tools::GetPodLogs;
use claw_metrics::source::SourceError;
use claw_metrics::tools::{ListMetrics, QueryPrometheus, SearchLogs};

use crate::incident::case::Case;

/// The tool's answer; `None`, and a gap in the case, where it has none to give.
///
/// Only a failure of the audit log ends the step: what cannot be recorded must not be used.
pub(in crate::incident) async fn read<T: Tool>(
    cx: &StepContext,
    case: &mut Case,
    input: T::Input,
    why: &str,
) -> Result<Option<T::Output>, StepError> {
    let answer = cx.observe::<T>(input, why).await;
    settle::<T>(cx, case, answer)
}

/// As [`read`], for an answer that was waited for together with others.
pub(in crate::incident) fn settle<T: Tool>(
    cx: &StepContext,
    case: &mut Case,
    answer: Result<T::Output, ObserveError>,
) -> Result<Option<T::Output>, StepError> {
    heard::<T>(case, &answer);
    match answer {
        Ok(output) => Ok(Some(output)),
        Err(ObserveError::Audit(error)) => Err(StepError::Transient {
            step: cx.scope().step.clone().unwrap_or_default(),
            reason: error.to_string(),
            source: Some(Box::new(error)),
        }),
        // One pod may be gone by now.
        Err(ObserveError::Tool(error))
            if error.kind() == ToolErrorKind::NotFound && T::NAME == GetPodLogs::NAME =>
        {
            Ok(None)
        }
        Err(ObserveError::Tool(error)) => {
            let mut said = reason(&error);
            if is_silent::<T>(cx, case, &error) {
                case.silent.insert(T::NAME.to_owned());
                said.push_str("; it was not asked again in this run");
            }
            case.gap(T::NAME, said, remedy(&error));
            Ok(None)
        }
        // Rules refuse for more reasons than that a read is not allowed, and know what would have to change.
        Err(ObserveError::Refused(Refusal { rule, reason, remedy })) => {
            case.gap(T::NAME, format!("refused by {rule}: {reason}"), remedy);
            Ok(None)
        }
        Err(error) => {
            case.gap(T::NAME, error.to_string(), remedy_of(ToolErrorKind::Internal));
            Ok(None)
        }
    }
}

/// Notes that a source is there, if this is an answer of it. Of answers that were waited for together all are noted before
/// the first is settled: it may be the only one that was slow.
pub(in crate::incident) fn heard<T: Tool>(case: &mut Case, answer: &Result<T::Output, ObserveError>) {
    let heard = match answer {
        Ok(_) => true,
        Err(ObserveError::Tool(error)) => error.kind() == ToolErrorKind::TooLarge || gave_up(error),
        Err(_) => false,
    };
    if heard {
        case.heard.insert(T::NAME.to_owned());
    }
}

/// Whether a source of metrics or logs does not answer at all: each further question would cost as much time. One that
/// answered before is slow with this question only, and so is an API server with one list. And where the time of the run, or
/// the part of it for this, is over, it is not known how long the source would have taken.
pub(in crate::incident) fn is_silent<T: Tool>(cx: &StepContext, case: &Case, error: &ToolError) -> bool {
    let metrics = [QueryPrometheus::NAME, ListMetrics::NAME];
    let logs = [SearchLogs::NAME];
    let outside = [metrics.as_slice(), logs.as_slice()];
    let Some(source) = outside.into_iter().find(|tools| tools.contains(&T::NAME)) else {
        return false;
    };
    error.kind() == ToolErrorKind::Timeout
        && !cx.remaining().is_zero()
        && !gave_up(error)
        && !source.iter().any(|tool| case.heard.contains(*tool))
}

/// What a source says that answers, but not this.
fn gave_up(error: &ToolError) -> bool {
    matches!(source_error(error), Some(SourceError::GaveUp { .. }))
}

fn source_error(error: &ToolError) -> Option<&SourceError> {
    error.source()?.downcast_ref()
}

/// What happened. Errors of the cluster say what to do besides; here that is the remedy.
fn reason(error: &ToolError) -> String {
    match error
        .source()
        .and_then(|source| source.downcast_ref::<ClusterError>())
    {
        Some(cluster) => cluster.gap(String::new()).reason,
        None => error.to_string(),
    }
}

fn remedy(error: &ToolError) -> &'static str {
    match source_error(error) {
        Some(SourceError::Elsewhere { .. }) => "check the address of this source, with its path",
        _ => remedy_of(error.kind()),
    }
}

fn remedy_of(kind: ToolErrorKind) -> &'static str {
    match kind {
        ToolErrorKind::Denied => "grant the agent the rights that `claw-agent access` prints for this tool",
        ToolErrorKind::NotFound => "check that what was asked for exists",
        ToolErrorKind::Unavailable => {
            "configure this source, or check that it is up and reachable from the agent"
        }
        ToolErrorKind::Timeout => "give the run more time, or see why the source is slow",
        ToolErrorKind::RateLimited => "raise the source's rate limit for the agent",
        ToolErrorKind::TooLarge => "narrow what is asked for, or raise the agent's size limit",
        _ => "see what the source said with `claw-agent audit show RUN`",
    }
}
