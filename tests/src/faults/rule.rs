//! Rules: which requests are hit, by what, how often.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};

/// What happens to a request that a [`Rule`] matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The answer comes this much later.
    Latency(Duration),
    /// No answer ever comes. The request ends when the client gives up.
    Hang,
    /// The server answers with this status and does nothing else.
    Status {
        /// The status.
        code: StatusCode,
        /// The value of the `Retry-After` header, rounded up to seconds.
        retry_after: Option<Duration>,
    },
    /// The request is carried out, then the answer is replaced by this status: an effect whose confirmation is lost.
    StatusAfterEffect(StatusCode),
    /// The connection breaks after so many bytes of the body. The request has been carried out.
    Cut {
        /// Bytes of the body that still arrive.
        after_bytes: usize,
    },
    /// Only the first half of the first part of the body arrives, and the answer claims to be complete.
    Malformed,
    /// The body arrives in pieces of this many bytes with a pause after each.
    Trickle {
        /// Size of a piece in bytes; zero counts as one.
        bytes: usize,
        /// The pause after each piece.
        pause: Duration,
    },
    /// Another body arrives with status 200, such as the login page of a proxy.
    Replace {
        /// The value of the `Content-Type` header.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// The handler is told to misbehave by itself: it finds the name in the [`Switches`] of the request's extensions.
    Switch(&'static str),
}

impl Fault {
    /// `429 Too Many Requests` with a `Retry-After` header.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::Status {
            code: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(retry_after),
        }
    }

    /// `503 Service Unavailable` without a `Retry-After` header.
    pub fn unavailable() -> Self {
        Self::Status {
            code: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
        }
    }
}

/// The names of the [`Fault::Switch`] rules that hit a request. Present in the request's extensions only if any did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches(Vec<&'static str>);

impl Switches {
    /// Whether the switch `name` is on for this request.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

/// Which requests are hit by which [`Fault`].
#[derive(Clone, Debug)]
pub struct Rule {
    path: String,
    method: Option<Method>,
    query: Option<String>,
    fault: Fault,
    skip: usize,
    times: Option<usize>,
}

impl Rule {
    /// Hits every request whose path matches `path`, for ever.
    ///
    /// In `path`, `*` stands for any text without a slash and `**` for any text.
    pub fn new(path: impl Into<String>, fault: Fault) -> Self {
        Self {
            path: path.into(),
            method: None,
            query: None,
            fault,
            skip: 0,
            times: None,
        }
    }

    /// Hits only requests with this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Hits only requests whose raw query string contains `text`.
    pub fn query_contains(mut self, text: impl Into<String>) -> Self {
        self.query = Some(text.into());
        self
    }

    /// Lets the first `requests` matching requests pass.
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Hits at most `requests` requests.
    pub fn times(mut self, requests: usize) -> Self {
        self.times = Some(requests);
        self
    }
}

/// A rule with the count of the requests that it matched.
#[derive(Debug)]
pub(super) struct Armed {
    rule: Rule,
    seen: usize,
}

impl Armed {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, seen: 0 }
    }

    pub(super) fn matches(&self, method: &Method, path: &str, query: &str) -> bool {
        self.rule.method.as_ref().is_none_or(|m| m == method)
            && self
                .rule
                .query
                .as_ref()
                .is_none_or(|text| query.contains(text.as_str()))
            && glob(&self.rule.path, path)
    }

    /// Counts one matching request and tells whether the rule hits it.
    fn strike(&mut self) -> bool {
        let turn = self.seen;
        self.seen = self.seen.saturating_add(1);
        turn >= self.rule.skip
            && self
                .rule
                .times
                .is_none_or(|times| turn < self.rule.skip.saturating_add(times))
    }
}

/// What the rules decided for one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) latency: Duration,
    pub(super) switches: Switches,
    pub(super) fault: Option<Fault>,
}

impl Plan {
    pub(super) fn consider(&mut self, armed: &mut Armed) {
        match &armed.rule.fault {
            Fault::Latency(latency) => {
                let latency = *latency;
                if armed.strike() {
                    self.latency = self.latency.saturating_add(latency);
                }
            }
            Fault::Switch(name) => {
                let name = *name;
                if armed.strike() {
                    self.switches.0.push(name);
                }
            }
            // A rule that another one shadows keeps its count, so that two limited rules act one after the other.
            fault if self.fault.is_none() => {
                let fault = fault.clone();
                if armed.strike() {
                    self.fault = Some(fault);
                }
            }
            _ => {}
        }
    }
}

/// Matches `text` against `pattern` with `*` (no slash) and `**` (anything).
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.find('*') {
        None => pattern == text,
        Some(star) => {
            let (prefix, rest) = pattern.split_at(star);
            let Some(text) = text.strip_prefix(prefix) else {
                return false;
            };
            let (crosses, rest) = match rest.strip_prefix("**") {
                Some(rest) => (true, rest),
                None => (false, rest.strip_prefix('*').unwrap_or(rest)),
            };
            let reach = if crosses {
                text.len()
            } else {
                text.find('/').unwrap_or(text.len())
            };
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .take_while(|at| *at <= reach)
                .any(|at| text.get(at..).is_some_and(|tail| glob(rest, tail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn one_star_stays_within_a_segment() {
        assert!(glob("/api/v1/namespaces/*/pods", "/api/v1/namespaces/shop/pods"));
        assert!(!glob("/api/v1/namespaces/*/pods", "/api/v1/namespaces/a/b/pods"));
        assert!(glob("/api/*", "/api/"));
        assert!(!glob("/api/*", "/api/a/b"));
    }

    #[test]
    fn two_stars_cross_segments() {
        assert!(glob("**", ""));
        assert!(glob("**/pods", "/api/v1/namespaces/shop/pods"));
        assert!(!glob("**/pods", "/api/v1/pods/web-1"));
        assert!(glob(
            "/apis/**/status",
            "/apis/apps/v1/namespaces/a/deployments/b/status"
        ));
    }

    #[test]
    fn a_path_without_stars_matches_itself_only() {
        assert!(glob("/api", "/api"));
        assert!(!glob("/api", "/api/"));
    }
}
