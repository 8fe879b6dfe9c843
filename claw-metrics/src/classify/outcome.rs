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
    "level",
];

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
        .any(|name| !matches!(*name, "severity" | "level") && !label(labels, name).is_empty())
}

/// Whether labels say that the server failed: like [`failed_by_label`] without the caller's own mistakes (4xx but for 429).
pub(crate) fn is_server_failure(labels: &Labels) -> bool {
    OUTCOMES.iter().any(|name| {
        let value = label(labels, name);
        let callers = value.starts_with('4') && value != "429" && value.len() <= 3
            || matches!(value.to_ascii_lowercase().as_str(), "client_error");
        let callers_code = matches!(
            *name,
            "grpc_code" | "grpc_status" | "grpc_response_status" | "rpc_grpc_status_code"
        ) && matches!(
            value.to_ascii_lowercase().as_str(),
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
        !callers && !callers_code && failed_value(name, value)
    })
}

fn failed_value(name: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    match name {
        "level" | "severity" => matches!(
            lower.as_str(),
            "error" | "fatal" | "critical" | "panic" | "severe"
        ),
        "grpc_code" => !matches!(lower.as_str(), "" | "ok" | "0"),
        "grpc_status" | "grpc_response_status" | "rpc_grpc_status_code" => {
            !matches!(lower.as_str(), "" | "ok" | "0")
        }
        "response_code_class" | "envoy_response_code_class" => {
            matches!(lower.as_str(), "4" | "5" | "4xx" | "5xx")
        }
        _ => {
            let code = lower.len() == 3
                && lower.starts_with(['4', '5'])
                && lower.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b'x');
            code || matches!(
                lower.as_str(),
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
