//! What a log entry says is wrong, in a small fixed vocabulary.
//!
//! Applications, drivers and runtimes report the same few troubles in a few dozen phrases. The phrases below are those of
//! the standard libraries and common clients of Go, Java, Python, Node.js, .NET, Ruby, Rust, C (errno texts), PostgreSQL,
//! MySQL, Redis, Kafka, nginx and Envoy. They are matched without regard to case; no product or service name is among them.

mod phrases;
mod states;
mod statuses;
mod targets;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::RegexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use phrases::PHRASES;
pub use states::{collects_in_vain, flag, waits_for_lock};
use statuses::statuses;
pub use targets::targets;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Indicator {
    /// Somebody was asked to connect and refused: nobody listens.
    ConnectionRefused,
    /// A connection was closed by the other side.
    ConnectionReset,
    /// No answer in time.
    Timeout,
    /// A name that cannot be resolved.
    UnknownHost,
    /// A DNS server that does not answer, or answers that it failed: no name can be resolved.
    ResolverFailed,
    /// No way to a host or network.
    Unreachable,
    /// A certificate that is no longer valid.
    CertificateExpired,
    /// Another failure of a TLS handshake.
    TlsFailure,
    /// One side speaks TLS, or a version of HTTP, and the other does not.
    ProtocolMismatch,
    /// Credentials that are not accepted (401, wrong password).
    AuthenticationFailed,
    /// Credentials that are known and not enough (403).
    AccessDenied,
    /// Asked too often (429).
    RateLimited,
    /// No connection, thread or slot left in a pool, or on the server.
    PoolExhausted,
    /// The other side answered that it failed (5xx).
    UpstreamError,
    /// A database that is locked, read-only, full, starting up or shutting down.
    DatabaseTrouble,
    /// The API server, or the store behind it, does not answer, or a lease could not be kept.
    ControlPlaneTrouble,
    /// A consumer that falls behind or loses its place, or a broker that holds its producers back.
    QueueTrouble,
    /// A queue from which nobody takes.
    NoConsumers,
    /// A child process that was killed from outside, as the kernel does where memory is short.
    ProcessKilled,
    /// An operation of the file system that is not permitted.
    PermissionDenied,
    /// A file system that cannot be written.
    ReadOnly,
    /// The port is taken.
    AddressInUse,
    /// No space, or quota used up, on a disk.
    NoSpace,
    /// Memory used up.
    OutOfMemory,
    /// Too many open files or threads.
    HandlesExhausted,
    /// A variable, setting or key that is required and absent.
    MissingConfig,
    /// A setting that cannot be understood.
    InvalidConfig,
    /// A file or directory that does not exist.
    FileNotFound,
    /// A schema or migration that does not fit: a table or column that does not exist.
    SchemaMismatch,
    /// Told to stop from outside.
    Terminated,
    /// Clocks that do not agree.
    ClockSkew,
    /// A database, role, bucket, topic or subject that the other side does not have.
    NameUnknown,
    /// A service or method that the other side does not offer.
    Unimplemented,
    /// A message, or a request, that is larger than what is taken.
    TooLarge,
    /// A licence, plan or balance that has ended.
    NotPaid,
}

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(PHRASES.iter().map(|(_, pattern)| format!("(?i){pattern}"))).ok());

/// The indicators in a text, in a fixed order.
pub fn indicators(text: &str) -> Vec<Indicator> {
    let Some(set) = SET.as_ref() else {
        return Vec::new();
    };
    let mut found: Vec<Indicator> = set
        .matches(text)
        .iter()
        .filter_map(|index| PHRASES.get(index))
        .map(|(indicator, _)| *indicator)
        .collect();
    found.extend(statuses(text));
    if collects_in_vain(text) {
        found.push(Indicator::OutOfMemory);
    }
    // Some clients call every connection that does not come about by the same name: `ConnectException: … timed out`.
    if found.contains(&Indicator::ConnectionRefused) && found.contains(&Indicator::Timeout) && ran_out(text) {
        found.retain(|indicator| *indicator != Indicator::ConnectionRefused);
    }
    let telling = |found: &[Indicator]| {
        found.iter().any(|other| {
            matches!(
                other,
                Indicator::PoolExhausted
                    | Indicator::ConnectionRefused
                    | Indicator::UnknownHost
                    | Indicator::Unreachable
                    | Indicator::DatabaseTrouble
            )
        })
    };
    if telling(&found) {
        found.retain(|indicator| *indicator != Indicator::Timeout);
    }
    // Who cannot ask for a name got no further: it is the DNS server that did not answer.
    if found.contains(&Indicator::ResolverFailed) {
        found.retain(|indicator| {
            !matches!(
                indicator,
                Indicator::Timeout
                    | Indicator::ConnectionRefused
                    | Indicator::Unreachable
                    | Indicator::UnknownHost
            )
        });
    }
    // Who cannot ask the API server tells of no other dependency in the same words.
    if found.contains(&Indicator::ControlPlaneTrouble) {
        found.retain(|indicator| {
            !matches!(
                indicator,
                Indicator::Timeout
                    | Indicator::ConnectionRefused
                    | Indicator::Unreachable
                    | Indicator::UpstreamError
                    | Indicator::DatabaseTrouble
            )
        });
    }
    if found.contains(&Indicator::ProtocolMismatch) {
        found.retain(|indicator| !matches!(indicator, Indicator::TlsFailure | Indicator::UpstreamError));
    }
    if found.contains(&Indicator::CertificateExpired) {
        found.retain(|indicator| *indicator != Indicator::TlsFailure);
    }
    // "Has expired or is not yet valid" is one text for both; the times that follow tell which. A certificate that is not
    // valid yet was issued just now, by a clock that is ahead of the one that reads it.
    if found.contains(&Indicator::ClockSkew) && found.contains(&Indicator::CertificateExpired) {
        let lower = text.to_ascii_lowercase();
        let expired = lower.contains("expired") && !lower.contains("is before ");
        let wrong = if expired {
            Indicator::ClockSkew
        } else {
            Indicator::CertificateExpired
        };
        found.retain(|indicator| *indicator != wrong);
    }
    // Watches of files are handles, though the kernel says that there is no space left for them.
    if found.contains(&Indicator::HandlesExhausted) && text.to_ascii_lowercase().contains("inotify") {
        found.retain(|indicator| *indicator != Indicator::NoSpace);
    }
    // A pool that cannot make a connection is not used up.
    if found.contains(&Indicator::PoolExhausted) && !used_up(text) {
        let unmade = [
            Indicator::ConnectionRefused,
            Indicator::UnknownHost,
            Indicator::ResolverFailed,
            Indicator::Unreachable,
            Indicator::AuthenticationFailed,
        ];
        if found.iter().any(|other| unmade.contains(other)) {
            found.retain(|indicator| *indicator != Indicator::PoolExhausted);
        }
    }
    // Who could not connect, or got no answer, was not refused: `Login failed: connection to the cache timed out`.
    if found.contains(&Indicator::AuthenticationFailed) && !speaks_of_credentials(text) {
        let unanswered = [
            Indicator::Timeout,
            Indicator::ConnectionRefused,
            Indicator::UnknownHost,
            Indicator::ResolverFailed,
            Indicator::Unreachable,
            Indicator::CertificateExpired,
        ];
        if found.iter().any(|other| unanswered.contains(other)) {
            found.retain(|indicator| *indicator != Indicator::AuthenticationFailed);
        }
    }
    // "password authentication failed" and "access denied for user" speak of credentials, not of rights.
    if found.contains(&Indicator::AuthenticationFailed) {
        found.retain(|indicator| *indicator != Indicator::AccessDenied);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a text says that the time for a connection ran out, and not that somebody refused it.
fn ran_out(text: &str) -> bool {
    const WORDS: [&str; 6] = [
        "timed out",
        "timedout",
        "deadline exceeded",
        "i/o timeout",
        "timeout expired",
        "timeout exceeded",
    ];
    let lower = text.to_ascii_lowercase();
    let refused = ["refused", "no connection could be made"];
    WORDS.iter().any(|word| lower.contains(word)) && !refused.iter().any(|word| lower.contains(word))
}

/// Whether a text says of a pool that nothing is left in it, and not only that there is one.
fn used_up(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "too many",
        "exhaust",
        "limit",
        "slots",
        "maximum",
        "max_conn",
        "not available",
        "no free",
        "is full",
    ];
    let lower = text.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

/// Whether a text tells of an alert by which the other side of a connection refused a certificate that has expired: it is
/// the certificate of whoever writes so.
pub fn refused_by_peer(text: &str) -> bool {
    const ALERTS: [&str; 5] = [
        "remote error: tls: expired certificate",
        "alert certificate expired",
        "alert_certificate_expired",
        "alert: certificate_expired",
        "alert: certificateexpired",
    ];
    let lower = text.to_ascii_lowercase();
    ALERTS.iter().any(|alert| lower.contains(alert))
}

/// Whether a text speaks of what is presented to be let in, and not only of somebody who could not get in.
fn speaks_of_credentials(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "password",
        "credential",
        "token",
        "api key",
        "unauthorized",
        "401",
        "access denied",
        "invalid_",
    ];
    let lower = text.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}
