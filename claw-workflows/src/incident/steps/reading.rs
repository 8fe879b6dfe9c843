//! Calls whose failure leaves a gap in the report instead of ending the run.

use std::error::Error as _;

use claw_core::gate::{ObserveError, Refusal};
use claw_core::http::HttpError;
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
        // One pod may be gone by now.
        Err(ObserveError::Tool(error))
            if error.kind() == ToolErrorKind::NotFound && T::NAME == GetPodLogs::NAME =>
        {
            Ok(None)
        }
        Err(ObserveError::Tool(error)) if is_silent::<T>(cx, case, &error) => {
            case.silent.insert(T::NAME.to_owned());
            let said = format!("{}; it was not asked again in this run", reason(&error));
            case.gap(T::NAME, said, remedy(&error));
            Ok(None)
        }
        Err(error) => unanswered(cx, case, T::NAME, error).map(|()| None),
    }
}

/// Notes that the call of a tool had no answer.
///
/// Only a failure of the audit log ends the step: what cannot be recorded must not be used.
pub(in crate::incident) fn unanswered(
    cx: &StepContext,
    case: &mut Case,
    tool: &str,
    error: ObserveError,
) -> Result<(), StepError> {
    match error {
        ObserveError::Audit(error) => {
            return Err(StepError::Transient {
                step: cx.scope().step.clone().unwrap_or_default(),
                reason: error.to_string(),
                source: Some(Box::new(error)),
            });
        }
        ObserveError::Tool(error) => case.gap(tool, reason(&error), remedy(&error)),
        // Rules refuse for more reasons than that a read is not allowed, and know what would have to change.
        ObserveError::Refused(Refusal { rule, reason, remedy }) => {
            case.gap(tool, format!("refused by {rule}: {reason}"), remedy);
        }
        error => case.gap(tool, error.to_string(), remedy_of(ToolErrorKind::Internal)),
    }
    Ok(())
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
    match cluster_error(error) {
        Some(cluster) => cluster.gap(String::new()).reason,
        None => error.to_string(),
    }
}

fn cluster_error(error: &ToolError) -> Option<&ClusterError> {
    error.source()?.downcast_ref()
}

/// What the error itself says to do, where it is known what failed; else what helps against errors of its kind.
fn remedy(error: &ToolError) -> &'static str {
    match (cluster_error(error), source_error(error)) {
        // Which tool lacks the right is known here only.
        (Some(ClusterError::Denied { .. }), _) => remedy_of(ToolErrorKind::Denied),
        (Some(cluster), _) => cluster.remedy(),
        (_, Some(SourceError::Elsewhere { .. })) => "check the address of this source, with its path",
        (_, Some(SourceError::Unable { .. })) => IN_TROUBLE,
        _ if answered_with_trouble(error) => IN_TROUBLE,
        _ => remedy_of(error.kind()),
    }
}

/// For a source that can be reached, and cannot do its work.
const IN_TROUBLE: &str =
    "look after this source, or what stands before it: it can be reached, and is in trouble itself";

/// Whether there was an answer, and it says that the source is in trouble.
fn answered_with_trouble(error: &ToolError) -> bool {
    let failed = error
        .source()
        .and_then(|source| source.downcast_ref::<HttpError>());
    matches!(failed, Some(HttpError::Status { code: 500..=599, .. }))
}

fn remedy_of(kind: ToolErrorKind) -> &'static str {
    match kind {
        ToolErrorKind::Denied => "grant the agent the rights that `claw-agent access` prints for this tool",
        ToolErrorKind::NotFound => "check that what was asked for exists",
        ToolErrorKind::Unavailable => {
            "configure this source, or check that it is up and reachable from the agent"
        }
        ToolErrorKind::Timeout => "see why the source is slow or does not answer, or give the run more time",
        ToolErrorKind::RateLimited => "raise the source's rate limit for the agent",
        ToolErrorKind::TooLarge => "narrow what is asked for, or raise the agent's size limit",
        _ => "see what the source said with `claw-agent audit show RUN`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy_for(error: impl Into<ToolError>) -> &'static str {
        remedy(&error.into())
    }

    fn cluster(make: impl FnOnce(String, claw_k8s::cluster::Source) -> ClusterError) -> &'static str {
        remedy_for(make("list pods".to_owned(), "HTTP".into()))
    }

    #[test]
    fn a_remedy_fits_what_failed_and_not_just_its_kind() {
        // Both are a refusal; no role helps against a token that is too old.
        let denied = cluster(|request, source| ClusterError::Denied { request, source });
        assert!(denied.contains("claw-agent access"), "{denied}");
        let expired = cluster(|request, source| ClusterError::Unauthorized { request, source });
        assert_eq!(expired, "renew the token or certificate");
        // A cluster is configured where there is a report about it.
        let away = cluster(|request, source| ClusterError::Unavailable { request, source });
        assert!(!away.contains("configure this source"), "{away}");
    }

    #[test]
    fn a_source_that_answers_that_it_is_in_trouble_is_not_one_to_be_configured() {
        let host = || "prometheus:9090".to_owned();
        let status = |code| HttpError::Status {
            host: host(),
            code,
            retry_after: None,
        };
        assert_eq!(remedy_for(status(503).into_tool_error("prometheus")), IN_TROUBLE);
        let unable = SourceError::Unable {
            service: "prometheus",
            error_type: "unavailable",
            detail: claw_metrics::source::Detail("starting".to_owned()),
        };
        assert_eq!(remedy_for(unable), IN_TROUBLE);
        let unreachable = HttpError::Connect {
            host: host(),
            source: "refused".into(),
        };
        let unreachable = remedy_for(unreachable.into_tool_error("prometheus"));
        assert!(unreachable.contains("check that it is up"), "{unreachable}");
    }
}
