//! What people ask of an agent that writes, over HTTP.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/actions` with `{"tool": …, "input": …}` or `{"action": …}` | 202 and the run, once it is durably queued |
//! | `GET /v1/actions/{run}` | how it stands: waiting for whom, applied, refused by which rule |
//! | `GET /v1/circuits` | the circuits that are not closed, and why |
//! | `POST /v1/circuits/{key}/open` with `{"reason": …}` | 200, and the circuits |
//! | `POST /v1/circuits/{key}/close` with the same | 200, or 404 where that circuit is not open |
//!
//! Each request carries the bearer token of a person, by which it is known who asks: whoever sends an action does not approve it,
//! and who opened or closed a circuit is on record. Everybody with a token may look; who may do more is said in
//! [`Permissions`].

mod actions;
mod circuits;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};

use crate::approval::{Door, Tokens};
use crate::assemble::Agent;
use crate::trigger::server::error::Failure;

/// Who may do what, by the names that their tokens stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permissions {
    /// Who may send actions.
    pub propose: BTreeSet<String>,
    /// Who may open and close circuits.
    pub circuits: BTreeSet<String>,
}

impl Permissions {
    /// Nobody may do anything.
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets people send actions.
    #[must_use]
    pub fn proposing(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.propose.extend(names);
        self
    }

    /// Lets people open and close circuits.
    #[must_use]
    pub fn switching(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.circuits.extend(names);
        self
    }
}

/// What the routes work with.
struct Desk {
    agent: Agent,
    door: Door,
    permissions: Permissions,
    /// Tells requests of this process apart.
    count: AtomicU64,
}

/// The routes, to be merged with those of the [server](crate::trigger::server::router). They check who asks by themselves: the
/// token of the server opens none of them.
pub fn router(agent: Agent, tokens: Tokens, permissions: Permissions) -> Router {
    let door = Door::new(tokens, Arc::clone(agent.clock()));
    let desk = Desk {
        agent,
        door,
        permissions,
        count: AtomicU64::new(0),
    };
    Router::new()
        .route("/v1/actions", post(actions::send))
        .route("/v1/actions/{run}", get(actions::look))
        .route("/v1/circuits", get(circuits::list))
        .route("/v1/circuits/{key}/open", post(circuits::open))
        .route("/v1/circuits/{key}/close", post(circuits::close))
        .with_state(Arc::new(desk))
}

impl Desk {
    /// Who asks, if they are among those who may.
    fn one_of(
        &self,
        headers: &HeaderMap,
        may: &BTreeSet<String>,
        (what, list): (&str, &str),
    ) -> Result<String, Failure> {
        let person = self.door.person(headers)?;
        if may.contains(&person) {
            return Ok(person);
        }
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "header Authorization",
            format!("{person} may not {what}"),
            &format!("have somebody do it who may, or be added to `people.{list}` of the settings"),
        ))
    }

    /// What cannot be kept or read: details are for operators.
    fn unavailable(error: &(dyn std::error::Error + 'static)) -> Failure {
        tracing::error!(error, "a request could not be served");
        Failure {
            retry_after: Some(5),
            ..Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store",
                "it could not be kept or recorded at present",
                "send it again later; the agent's log says more",
            )
        }
    }
}
