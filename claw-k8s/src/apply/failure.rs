//! What a failure says about a write.

use claw_core::action::{Action, Verb};
use claw_core::execute::ExecuteError;

use crate::cluster::{ClusterError, ServerSaid};

/// The object is in another version than the one that the action was made for.
#[derive(Debug, thiserror::Error)]
#[error("it is in version {found} now, and was in {wanted}")]
pub(super) struct OtherVersion {
    pub(super) wanted: String,
    pub(super) found: String,
}

/// The answer is about something else than the action.
#[derive(Debug, thiserror::Error)]
#[error("the answer is about something else; look at what is in front of the API server")]
pub(super) struct AnotherObject;

/// What a dry run failed with. It writes nothing, also when no answer comes.
pub(super) fn rehearsed(error: ExecuteError) -> ExecuteError {
    let (target, source, remedy) = match error {
        ExecuteError::Unknown { target, source } if says(&*source, "failed calling webhook") => (
            target,
            source,
            "an admission webhook that has to be asked does not answer: have it brought back, or have a person make this \
             change",
        ),
        ExecuteError::Unknown { target, source } => (
            target,
            source,
            "the dry run was not answered; try again when the API server can be reached",
        ),
        ExecuteError::Refused { target, source, .. } if says(&*source, "does not support dry run") => (
            target,
            source,
            "an admission webhook does not support dry runs, so that nobody can say what it would do: have it declare \
             `sideEffects: None` or `NoneOnDryRun`, or have a person make this change",
        ),
        other => return other,
    };
    ExecuteError::Refused {
        target,
        remedy: remedy.to_owned(),
        source,
    }
}

/// Whether the server names this as the reason: of webhooks it has nothing but words.
fn says(source: &(dyn std::error::Error + Send + Sync + 'static), words: &str) -> bool {
    let said = match source.downcast_ref::<ClusterError>() {
        Some(error @ (ClusterError::BadRequest { .. } | ClusterError::Unavailable { .. })) => {
            error.server_message()
        }
        _ => None,
    };
    said.is_some_and(|said| said.contains(words))
}

pub(super) fn malformed(action: &Action, reason: String) -> ExecuteError {
    ExecuteError::Malformed {
        target: action.target.to_string(),
        reason,
    }
}

pub(super) fn refused(action: &Action, error: ClusterError) -> ExecuteError {
    ExecuteError::Refused {
        target: action.target.to_string(),
        remedy: error.remedy().to_owned(),
        source: Box::new(error),
    }
}

/// What a failed request says about the write. In doubt it may stand.
pub(super) fn failure(action: &Action, error: ClusterError) -> ExecuteError {
    let target = action.target.to_string();
    match error {
        ClusterError::Conflict { .. } => ExecuteError::Changed {
            target,
            source: Box::new(error),
        },
        // Of a deletion, an eviction or a patch: what it was made for is not there any more.
        ClusterError::NotFound { .. } if action.verb != Verb::Create => ExecuteError::Changed {
            target,
            source: Box::new(error),
        },
        // Others that ask to come back later may have done something before.
        ClusterError::RateLimited { ref source, .. } if !is_turned_away(&**source) => ExecuteError::Unknown {
            target,
            source: Box::new(error),
        },
        ClusterError::RateLimited { .. } if action.verb == Verb::Evict => ExecuteError::Refused {
            target,
            remedy: "a disruption budget keeps the pod, or the server is overloaded; try again later"
                .to_owned(),
            source: Box::new(error),
        },
        ClusterError::BadRequest { .. } => ExecuteError::Refused {
            target,
            remedy: "the server's words tell what it does not accept; propose it anew".to_owned(),
            source: Box::new(error),
        },
        ClusterError::Denied { .. }
        | ClusterError::Unauthorized { .. }
        | ClusterError::NotFound { .. }
        | ClusterError::InvalidName { .. }
        | ClusterError::RateLimited { .. }
        | ClusterError::Config { .. } => refused(action, error),
        // A server that fails, falls silent or answers nonsense may have written before it did; so may one whose secure
        // connection ends in an error.
        _ => ExecuteError::Unknown {
            target,
            source: Box::new(error),
        },
    }
}

/// Whether the server did not begin with the request: 429 is said at the door.
fn is_turned_away(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let said = source.downcast_ref::<ServerSaid>();
    said.is_some_and(|said| said.code == 429)
}
