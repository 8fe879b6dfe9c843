//! Changes of which it is known what they bring about.

use claw_metrics::logs::indicators::Indicator;

use super::line::Line;

/// Who shows what a change brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// The workload that was changed, in its own log.
    Own,
    /// Those who call it.
    Callers,
    /// Those whom it calls.
    Callees,
}

/// What a change is known to bring about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect {
    pub(super) at: Where,
    pub(super) shows: &'static [Indicator],
    pub(super) weight: f64,
    /// Whether it is this only where the entry names nobody who is called.
    pub(super) of_nobody: bool,
}

/// Words of settings that say who is called.
const ADDRESSES: &[&str] = &[
    "addr", "address", "host", "hostname", "url", "uri", "endpoint", "server", "dsn", "broker", "upstream",
];
/// Words of settings that say how much is done at a time.
const AT_A_TIME: &[&str] = &[
    "concurrency",
    "concurrent",
    "parallelism",
    "parallel",
    "inflight",
    "prefetch",
    "rps",
    "qps",
];
/// Words of settings that say for how many something is done.
const HOW_MANY: &[&str] = &[
    "user",
    "client",
    "worker",
    "thread",
    "consumer",
    "connection",
    "rate",
    "spawn",
    "replay",
];
/// Words of settings that say how much there is to share.
const TO_SHARE: &[&str] = &["pool", "connection", "conn", "thread", "worker"];
/// Words of settings that say how long is waited.
const PATIENCE: &[&str] = &["timeout", "deadline"];
/// Words of settings that name something at the other side.
const NAMES: &[&str] = &[
    "database", "db", "dbname", "bucket", "topic", "schema", "role", "subject", "keyspace",
];

/// A number that is so many times as large has grown.
const GROWN: f64 = 2.0;
/// A number that is so many times as large has shrunk.
const SHRUNK: f64 = 0.67;

/// What the change of a workload's template is known to bring about.
pub(super) fn effects(line: &Line<'_>) -> Vec<Effect> {
    let own = |shows: &'static [Indicator], weight: f64| Effect {
        at: Where::Own,
        shows,
        weight,
        of_nobody: false,
    };
    let mut found = Vec::new();
    let key = line.key();
    if key == "readOnlyRootFilesystem" && line.new == "true" {
        found.push(own(&[Indicator::ReadOnly], 3.2));
    } else if line.path.contains("ecurityContext") {
        found.push(own(&[Indicator::PermissionDenied], 2.6));
    } else if line.path.contains("serviceAccount") {
        found.push(own(
            &[Indicator::AccessDenied, Indicator::AuthenticationFailed],
            2.4,
        ));
    } else if line.path.contains("volume") {
        let shows = &[
            Indicator::FileNotFound,
            Indicator::ReadOnly,
            Indicator::PermissionDenied,
        ];
        found.push(own(shows, 2.0));
    } else if matches!(key, "command" | "args" | "image") || line.path.contains("ports[") {
        found.push(Effect {
            at: Where::Callers,
            shows: &[
                Indicator::Unimplemented,
                Indicator::ConnectionRefused,
                Indicator::ProtocolMismatch,
            ],
            weight: 2.4,
            of_nobody: false,
        });
    }
    if let Some(ratio) = line.ratio() {
        number(line, ratio, &mut found);
    }
    let of_environment = line.path.contains("env[") || line.path.contains("envFrom");
    if line.new.is_empty() && of_environment && (line.is_about(ADDRESSES) || is_address(line.old)) {
        found.push(Effect {
            of_nobody: true,
            ..own(&WITHOUT_ADDRESS, 2.8)
        });
    }
    // Of credentials, `authentication_failed` speaks.
    if line.is_about(NAMES) {
        found.push(own(&[Indicator::NameUnknown], 2.2));
    }
    found
}

/// What a larger or smaller number is known to bring about.
fn number(line: &Line<'_>, ratio: f64, found: &mut Vec<Effect>) {
    let more = line.is_about(AT_A_TIME);
    if ratio >= GROWN && (more || line.is_about(HOW_MANY)) {
        let weight = if more { 2.4 } else { 2.0 };
        found.push(Effect {
            at: Where::Own,
            shows: &[
                Indicator::RateLimited,
                Indicator::PoolExhausted,
                Indicator::HandlesExhausted,
            ],
            weight,
            of_nobody: false,
        });
        found.push(Effect {
            at: Where::Callees,
            shows: &[
                Indicator::UpstreamError,
                Indicator::Timeout,
                Indicator::PoolExhausted,
                Indicator::HandlesExhausted,
                Indicator::RateLimited,
            ],
            weight,
            of_nobody: false,
        });
    } else if ratio <= SHRUNK && line.is_about(PATIENCE) {
        found.push(Effect {
            at: Where::Own,
            shows: &[Indicator::Timeout],
            of_nobody: false,
            weight: 2.0,
        });
    } else if ratio <= SHRUNK && line.is_about(TO_SHARE) {
        found.push(Effect {
            at: Where::Own,
            shows: &[Indicator::PoolExhausted],
            of_nobody: false,
            weight: 2.4,
        });
    }
}

/// What an edit of a Service is known to bring about.
pub(super) const OF_SERVICE: Effect = Effect {
    at: Where::Callers,
    shows: &[
        Indicator::ConnectionRefused,
        Indicator::ConnectionReset,
        Indicator::Timeout,
        Indicator::Unreachable,
        Indicator::UnknownHost,
        Indicator::Unimplemented,
    ],
    weight: 2.4,
    of_nobody: false,
};

/// What is said by who does not know whom to call.
static WITHOUT_ADDRESS: [Indicator; 6] = [
    Indicator::ConnectionRefused,
    Indicator::InvalidConfig,
    Indicator::MissingConfig,
    Indicator::ResolverFailed,
    Indicator::UnknownHost,
    Indicator::Unreachable,
];

/// Whether a value is a host with a port, or a URL.
fn is_address(value: &str) -> bool {
    let (host, port) = value.rsplit_once(':').unwrap_or((value, ""));
    // Not a time of the day.
    let is_host = host.contains('.') || host.chars().any(char::is_alphabetic);
    let numbered = is_host && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    value.contains("://") || numbered
}

#[cfg(test)]
mod tests {
    use claw_metrics::logs::indicators::Indicator;

    use super::{Line, Where, effects};

    fn shows(line: &str, at: Where, kind: Indicator) -> bool {
        let line = Line::read(line).unwrap();
        effects(&line)
            .iter()
            .any(|effect| effect.at == at && effect.shows.contains(&kind))
    }

    #[test]
    fn settings_bring_about_what_they_are_known_for() {
        use Indicator::*;
        use Where::*;
        let read_only = "containers[a].securityContext.readOnlyRootFilesystem";
        for (line, at, kind, expected) in [
            (format!("{read_only}: (none) → true"), Own, ReadOnly, true),
            (format!("{read_only}: true → false"), Own, ReadOnly, false),
            (
                "securityContext.runAsUser: 0 → 1000".to_owned(),
                Own,
                PermissionDenied,
                true,
            ),
            (
                "containers[a].command: ./profile → ./geo".to_owned(),
                Callers,
                Unimplemented,
                true,
            ),
            (
                "containers[a].env[PREFETCH_CONCURRENCY]: 4 → 64".to_owned(),
                Own,
                RateLimited,
                true,
            ),
            (
                "containers[a].env[PREFETCH_CONCURRENCY]: 64 → 4".to_owned(),
                Own,
                RateLimited,
                false,
            ),
            (
                "containers[a].env[LOCUST_USERS]: 10 → 800".to_owned(),
                Callees,
                UpstreamError,
                true,
            ),
            (
                "containers[a].env[DB_POOL_SIZE]: 20 → 2".to_owned(),
                Own,
                PoolExhausted,
                true,
            ),
            (
                "containers[a].env[DB_POOL_SIZE]: 2 → 20".to_owned(),
                Own,
                Timeout,
                false,
            ),
            (
                "containers[a].env[STOCK_TIMEOUT]: 5s → 100ms".to_owned(),
                Own,
                Timeout,
                true,
            ),
            (
                "containers[a].env[MYSQL_DATABASE]: a → b".to_owned(),
                Own,
                NameUnknown,
                true,
            ),
            (
                "containers[a].env[LOG_LEVEL]: info → debug".to_owned(),
                Own,
                Timeout,
                false,
            ),
            (
                "containers[a].env[CART_ADDR]: cart:8080 → (none)".to_owned(),
                Own,
                UnknownHost,
                true,
            ),
            (
                "containers[a].env[STORE]: store:8080 → (none)".to_owned(),
                Own,
                ConnectionRefused,
                true,
            ),
            (
                "containers[a].env[CART_ADDR]: (none) → cart:8080".to_owned(),
                Own,
                UnknownHost,
                false,
            ),
            (
                "containers[a].env[LOG_LEVEL]: debug → (none)".to_owned(),
                Own,
                UnknownHost,
                false,
            ),
        ] {
            assert_eq!(shows(&line, at, kind), expected, "{line}");
        }
    }
}
