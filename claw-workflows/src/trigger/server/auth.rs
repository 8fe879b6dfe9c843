//! The bearer token.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::ServerState;
use super::error::Failure;

/// The digest of the token: of one length whatever is compared with it.
pub(super) struct Token([u8; 32]);

impl Token {
    pub(super) fn new(token: &SecretString) -> Self {
        Self(digest(token.expose_secret().as_bytes()))
    }

    fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(&digest(given)).into()
    }

    /// Whether a request carries it as `Authorization: Bearer …`.
    pub(super) fn is_carried_by(&self, request: &Request) -> bool {
        let value = request.headers().get(header::AUTHORIZATION);
        value
            .and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()))
            .is_some_and(|(scheme, given)| scheme.eq_ignore_ascii_case(b"Bearer ") && self.is(given))
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lets requests through that carry the token, where one is set.
pub(super) async fn require(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    match &state.0.token {
        Some(token) if !token.is_carried_by(&request) => {
            refused("send `Authorization: Bearer <token>`; in Alertmanager set http_config.authorization")
        }
        _ => next.run(request).await,
    }
}

/// The answer to a request without the token.
pub(super) fn refused(remedy: &str) -> Response {
    Failure::new(
        StatusCode::UNAUTHORIZED,
        "header Authorization",
        "the token is missing or wrong",
        remedy,
    )
    .into_response()
}
