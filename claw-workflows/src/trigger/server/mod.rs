//! The HTTP face of an agent: takes notifications in, and shows runs.
//!
//! | request | answer |
//! |---|---|
//! | `POST /webhook/alertmanager` | 202 and the runs that the alerts belong to, once they are durably queued |
//! | `GET /runs?status=&limit=` | the latest runs first, 50 unless said otherwise |
//! | `GET /runs/{id}` | one run, its report and where that was delivered |
//! | `GET /healthz` | 200 while the process answers |
//! | `GET /readyz` | 200 while runs can be queued, else 503 |
//!
//! What goes wrong is answered as JSON: `{"error":{"place":…,"reason":…,"remedy":…}}`. 400 for a body that is no
//! notification, 401 without the token, 408 for one that does not arrive in time, 413 for one that is too large, 503 for
//! too many and while the journal cannot be written. Alertmanager sends a notification again after 5xx only, so "too many"
//! is not 429 here.
//!
//! With [`stop_router`], and a token of its own, also:
//!
//! | request | answer |
//! |---|---|
//! | `GET /stop` | how the emergency stop stands |
//! | `POST /stop/engage` with `{"by":…,"reason":…}` | 200, and how it stands then |
//! | `POST /stop/release` with the same | 200, or 409 where it stays engaged |
//!
//! [`router`] fits into an application of yours: `app.nest("/claw", server::router(state))`. [`serve`] is for an agent
//! of its own; it also limits connections and the time that a client may take to send a request.

mod auth;
pub(crate) mod error;
mod listener;
pub(crate) mod rate;
mod routes;
mod settings;
mod stop;

pub use listener::serve;
pub use settings::ServerSettings;
pub use stop::stop_router;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use claw_core::clock::Clock;
use secrecy::SecretString;

use super::Intake;
use auth::Token;
use rate::Bucket;

/// What the routes work with. Clones share everything.
#[derive(Clone)]
pub struct ServerState(Arc<Inner>);

struct Inner {
    intake: Intake,
    settings: ServerSettings,
    token: Option<Token>,
    bucket: Bucket,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState")
            .field("settings", &self.0.settings)
            .field("token", &self.0.token.is_some())
            .finish_non_exhaustive()
    }
}

impl ServerState {
    /// A state that hands notifications to `intake`. With a `token`, requests for notifications and runs have to carry
    /// it as `Authorization: Bearer …`.
    pub fn new(
        intake: Intake,
        settings: ServerSettings,
        token: Option<SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let bucket = Bucket::new(settings.requests_per_second, settings.burst, clock.now());
        Self(Arc::new(Inner {
            intake,
            settings,
            token: token.as_ref().map(Token::new),
            bucket,
            clock,
        }))
    }
}

/// The routes.
pub fn router(state: ServerState) -> Router {
    let guarded = Router::new()
        .route("/webhook/alertmanager", post(routes::alertmanager))
        .route("/runs", get(routes::runs))
        .route("/runs/{id}", get(routes::run))
        .layer(DefaultBodyLimit::max(state.0.settings.body_bytes))
        // Within: whoever has no token does not use up the room of those who have.
        .layer(from_fn_with_state(state.clone(), rate::limit))
        .layer(from_fn_with_state(state.clone(), auth::require));
    Router::new()
        .route("/healthz", get(routes::healthz))
        .route("/readyz", get(routes::readyz))
        .merge(guarded)
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .with_state(state)
}

#[cfg(test)]
mod stop_tests;
#[cfg(test)]
mod tests;
