//! Whether an account has a right, asked of the API server itself.

use serde::Deserialize;

use super::wire::{Prepared, check, check_namespace, malformed};
use super::{AccessQuestion, ClusterError};

/// Longest reason that is kept, in characters.
const REASON_CHARS: usize = 300;

/// What the API server says of a right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Review {
    /// Whether the account has it.
    pub(crate) allowed: bool,
    /// Why, or why that could not be found out. Untrusted text.
    pub(crate) reason: String,
}

/// The question about one object, or about all objects of the kind where there is no name.
pub(super) fn question(question: &AccessQuestion, name: Option<&str>) -> Result<Prepared, ClusterError> {
    let AccessQuestion {
        verb,
        group,
        resource,
        subresource,
        namespace,
    } = question;
    check_namespace(namespace.as_deref())?;
    name.map_or(Ok(()), |name| check("name", name))?;
    let mut attributes = serde_json::json!({
        "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        "namespace": namespace.as_deref().unwrap_or_default(),
    });
    if let (Some(name), Some(fields)) = (name, attributes.as_object_mut()) {
        fields.insert("name".to_owned(), name.into());
    }
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    Ok(Prepared::question(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        &body,
        format!("ask whether {verb} on {resource} is allowed"),
    ))
}

/// Reads the answer.
pub(super) fn answer(body: &[u8], what: &str) -> Result<Review, ClusterError> {
    #[derive(Deserialize)]
    struct Answer {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Status {
        allowed: bool,
        denied: bool,
        reason: Option<String>,
        evaluation_error: Option<String>,
    }
    let Answer { status } = serde_json::from_slice(body).map_err(|error| malformed(what, error))?;
    let said = [status.reason, status.evaluation_error];
    let said = said.into_iter().flatten().filter(|text| !text.is_empty());
    let reason: String = said.collect::<Vec<_>>().join("; ");
    Ok(Review {
        allowed: status.allowed && !status.denied,
        reason: reason.chars().take(REASON_CHARS).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: serde_json::Value) -> Review {
        answer(json!({ "status": status }).to_string().as_bytes(), "ask").unwrap()
    }

    #[test]
    fn a_right_is_there_only_if_the_server_says_so() {
        assert!(read(json!({"allowed": true, "reason": "role"})).allowed);
        for status in [
            json!({}),
            json!({"allowed": false}),
            json!({"allowed": true, "denied": true}),
        ] {
            assert!(!read(status.clone()).allowed, "{status}");
        }
        let failed = read(json!({"reason": "no role", "evaluationError": "webhook down"}));
        assert_eq!(failed.reason, "no role; webhook down");
        assert_eq!(read(json!({"reason": "x".repeat(5000)})).reason.len(), 300);
        assert!(answer(b"{}", "ask").is_err());
    }
}
