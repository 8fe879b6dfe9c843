//! How counted work ended, told from labels.

use crate::series::Labels;

pub(super) fn label<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

/// Labels that hold the outcome of counted work.
const OUTCOMES: &[&str] = &[
    "code", "status", "status_code", "http_status_code", "http_response_status_code", "response_code", "grpc_code",
    "grpc_status", "grpc_response_status", "rpc_grpc_status_code", "envoy_response_code", "response_code_class",
    "envoy_response_code_class", "http_code", "outcome", "result", "classification", "status_class", "severity",
    "level", "otel_status_code", "otel.status_code", "status.code", "http.status_code", "http.response.status_code",
    "rpc.grpc.status_code", "error_type", "error.type",
];

/// Labels that only failed work carries, or that count something else than how work ended: what lacks them may have
/// succeeded, so that they split no work into its outcomes.
const ONE_SIDED: &[&str] = &["severity", "level", "error_type", "error.type"];

/// Whether labels say that the counted work failed: a status code of 4xx or 5xx, a gRPC code, an outcome.
pub(super) fn failed_by_label(labels: &Labels) -> bool {
    OUTCOMES
        .iter()
        .any(|name| failed_value(name, label(labels, name)))
}

/// Whether labels say how the counted work ended.
pub(crate) fn has_outcome(labels: &Labels) -> bool {
    OUTCOMES
        .iter()
        .any(|name| !ONE_SIDED.contains(name) && !label(labels, name).is_empty())
}

/// How the counted work ended, in the words of its labels: the same for series of one outcome.
pub(crate) fn outcome(labels: &Labels) -> String {
    let told = OUTCOMES.iter().filter(|name| !ONE_SIDED.contains(name));
    let values: Vec<&str> = told.map(|name| label(labels, name)).filter(|value| !value.is_empty()).collect();
    values.join(" ")
}

/// Whether labels say that the server failed: like [`failed_by_label`] without the caller's own mistakes (4xx but for 429).
pub(crate) fn is_server_failure(labels: &Labels) -> bool {
    let given = || OUTCOMES.iter().map(|name| (*name, label(labels, name)));
    // Beside the code of a caller's mistake, a word for any failure tells no more: clients mark spans of a 404 as errors.
    let mistaken = given().any(|(name, value)| is_callers_mistake(name, value));
    let is_code = |value: &str| value.bytes().all(|byte| byte.is_ascii_digit());
    given().any(|(name, value)| {
        failed_value(name, value) && !is_callers_mistake(name, value) && (!mistaken || is_code(value))
    })
}

/// Whether the value of a label says that the caller asked for what there is not, or may not have.
fn is_callers_mistake(name: &str, value: &str) -> bool {
    let grpc = is_grpc_code(name);
    let callers = !grpc && value.starts_with('4') && value != "429" && value.len() <= 3
        || matches!(value.to_ascii_lowercase().as_str(), "client_error");
    let callers_code = grpc
        && matches!(
            value.to_ascii_lowercase().replace('_', "").as_str(),
            "canceled"
                | "cancelled"
                | "invalidargument"
                | "notfound"
                | "alreadyexists"
                | "permissiondenied"
                | "unauthenticated"
                | "failedprecondition"
                | "outofrange"
                | "1"
                | "3"
                | "5"
                | "6"
                | "7"
                | "16"
                | "9"
                | "11"
        );
    callers || callers_code
}

fn is_grpc_code(name: &str) -> bool {
    matches!(
        name,
        "grpc_code" | "grpc_status" | "grpc_response_status" | "rpc_grpc_status_code" | "rpc.grpc.status_code"
    )
}

fn failed_value(name: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    // OpenTelemetry's span metrics write a status as the enumeration of its protocol spells it.
    let lower = lower.strip_prefix("status_code_").unwrap_or(&lower);
    match name {
        "level" | "severity" => matches!(lower, "error" | "fatal" | "critical" | "panic" | "severe"),
        "error_type" | "error.type" => !matches!(lower, "" | "none" | "null" | "ok" | "false"),
        _ if is_grpc_code(name) => !matches!(lower, "" | "ok" | "0"),
        "response_code_class" | "envoy_response_code_class" => {
            matches!(lower, "4" | "5" | "4xx" | "5xx")
        }
        _ => {
            let code = lower.len() == 3
                && lower.starts_with(['4', '5'])
                && lower.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b'x');
            code || matches!(
                lower,
                "error"
                    | "errors"
                    | "failure"
                    | "failed"
                    | "fail"
                    | "server_error"
                    | "client_error"
                    | "timeout"
                    | "exception"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{has_outcome, is_server_failure};
    use crate::classify::{Measure, classify};
    use crate::series::Labels;

    fn labelled(name: &str, value: &str) -> Labels {
        Labels::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn failed_spans_and_calls_are_errors_however_their_status_is_spelled() {
        for (name, value, failed, callers) in [
            ("status_code", "STATUS_CODE_ERROR", true, false),
            ("status_code", "STATUS_CODE_UNSET", false, false),
            ("status_code", "STATUS_CODE_OK", false, false),
            ("status_code", "ERROR", true, false),
            ("otel_status_code", "ERROR", true, false),
            ("otel_status_code", "OK", false, false),
            ("status.code", "STATUS_CODE_ERROR", true, false),
            ("http.response.status_code", "503", true, false),
            ("http_response_status_code", "404", true, true),
            ("rpc_grpc_status_code", "0", false, false),
            ("rpc_grpc_status_code", "14", true, false),
            ("rpc_grpc_status_code", "4", true, false),
            ("grpc_response_status", "4", true, false),
            ("rpc_grpc_status_code", "NOT_FOUND", true, true),
            ("error_type", "java.net.SocketTimeoutException", true, false),
            ("error_type", "404", true, true),
            ("error_type", "", false, false),
        ] {
            let labels = labelled(name, value);
            let expected = if failed { Measure::Errors } else { Measure::Traffic };
            for metric in ["traces_span_metrics_calls_total", "traces_spanmetrics_calls_total", "calls_total"] {
                assert_eq!(classify(metric, &labels).measure, expected, "{metric} {name}={value}");
            }
            assert_eq!(is_server_failure(&labels), failed && !callers, "{name}={value}");
        }
    }

    #[test]
    fn a_callers_mistake_stays_one_beside_a_word_for_any_failure() {
        for (name, code, failed) in [
            ("http_response_status_code", "404", false),
            ("rpc_grpc_status_code", "NOT_FOUND", false),
            ("http_response_status_code", "503", true),
        ] {
            let mut labels = labelled(name, code);
            labels.insert("status_code".to_owned(), "STATUS_CODE_ERROR".to_owned());
            assert_eq!(is_server_failure(&labels), failed, "{name}={code}");
        }
    }

    #[test]
    fn a_label_that_only_failures_carry_does_not_split_work() {
        assert!(!has_outcome(&labelled("error_type", "timeout")));
        assert!(has_outcome(&labelled("status_code", "STATUS_CODE_UNSET")));
    }
}
