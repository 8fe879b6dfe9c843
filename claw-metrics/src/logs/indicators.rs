//! What a log entry says is wrong, in a small fixed vocabulary.
//!
//! Applications, drivers and runtimes report the same few troubles in a few dozen phrases. The phrases below are those of
//! the standard libraries and common clients of Go, Java, Python, Node.js, .NET, Ruby, Rust, C (errno texts), PostgreSQL,
//! MySQL, Redis, Kafka, nginx and Envoy. They are matched without regard to case; no product or service name is among them.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// A certificate that is no longer, or not yet, valid.
    CertificateExpired,
    /// Another failure of a TLS handshake.
    TlsFailure,
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
}

/// Phrases by indicator. Where several fit, all hold; [`Indicator::Timeout`] is dropped beside a more telling one.
const PHRASES: &[(Indicator, &str)] = &[
    (
        Indicator::ConnectionRefused,
        r"connection refused|econnrefused|connectexception|actively refused|could not connect to server|no connection could be made|connection to .{1,80} (failed|refused)",
    ),
    (
        Indicator::ConnectionReset,
        r"connection reset|econnreset|broken pipe|epipe|server closed the connection|connection was (closed|forcibly closed|lost)|unexpected eof|socket hang up|premature close|upstream prematurely closed",
    ),
    (
        Indicator::Timeout,
        r"timed[ -]?out|timeout|etimedout|deadline exceeded|no response within|took too long",
    ),
    (
        Indicator::UnknownHost,
        r"no such host|unknownhost|unknown host|enotfound|eai_again|name or service not known|could not resolve|temporary failure in name resolution|getaddrinfo|nodename nor servname|nxdomain|name does not resolve|host not found",
    ),
    (
        Indicator::ResolverFailed,
        r"lookup \S+ on \S+:53: .{0,120}(i/o timeout|server misbehaving|connection refused|unreachable|no route to host)|servfail|eai_again|temporary failure in name resolution|no servers could be reached|dns (query|request|lookup|resolution)( has)? timed out|resolution lifetime expired",
    ),
    (
        Indicator::Unreachable,
        r"no route to host|ehostunreach|enetunreach|network is unreachable|host is unreachable",
    ),
    (
        Indicator::CertificateExpired,
        r"certificate has expired|certificate (is )?expired|cert(ificate)?[_ ]has[_ ]expired|not yet valid|certificateexpired|notafter",
    ),
    (
        Indicator::TlsFailure,
        r"tls handshake|ssl handshake|handshake (failed|failure|error)|x509|certificate verify failed|unknown authority|self[- ]signed certificate|sslexception|pkix path|bad certificate|wrong version number",
    ),
    (
        Indicator::AuthenticationFailed,
        r"password authentication failed|authentication fail|unauthorized|\b401\b|access denied for user|invalid (credentials|password|api key|token)|wrongpass|noauth|login failed|bad credentials|token (is |has )?expired|expired token|invalid_grant|sasl authentication",
    ),
    (
        Indicator::AccessDenied,
        r"\b403\b|forbidden|access ?denied|not authorized|permission_denied|insufficient (scope|privilege)|accessdeniedexception",
    ),
    (
        Indicator::RateLimited,
        r"\b429\b|too many requests|rate limit|ratelimit|throttlingexception|quota exceeded|request limit|resource_exhausted",
    ),
    (
        Indicator::PoolExhausted,
        r"too many (clients|connections)|connection slots are reserved|pool (is )?(exhausted|timeout|full)|connection pool|connection is not available|queuepool limit|could not (get|obtain|acquire) .{0,30}connection|unable to acquire|max_connections|maximum number of (connections|clients)|pool.{0,30}(exhaust|timed? ?out)|no (free|idle|available) connections?",
    ),
    (
        Indicator::UpstreamError,
        r"\b50[0234]\b|bad gateway|service unavailable|internal server error|upstream (connect|error|request)|no healthy upstream|unavailable desc|rpc error: code = (unavailable|internal)|status code 5\d\d",
    ),
    (
        Indicator::DatabaseTrouble,
        r"database is locked|deadlock|lock wait timeout|could not serialize|read-only transaction|--read-only option|misconf redis|database system is (starting up|shutting down|in recovery)|disk i/o error|not enough replicas|leader not available|notleader|no leader|readonly you can't write",
    ),
    (
        Indicator::PermissionDenied,
        r"permission denied|eacces|eperm|operation not permitted|accesscontrolexception",
    ),
    (Indicator::ReadOnly, r"read-only file system|erofs"),
    (
        Indicator::AddressInUse,
        r"address already in use|eaddrinuse|bindexception|port .{0,20}already (in use|allocated)|only one usage of each socket",
    ),
    (
        Indicator::NoSpace,
        r"no space left|enospc|disk full|disk quota exceeded|could not extend file|not enough space|insufficient disk",
    ),
    (
        Indicator::OutOfMemory,
        r"out of ?memory|outofmemory|cannot allocate memory|enomem|heap out of memory|java heap space|gc overhead limit|memoryerror|bad_alloc",
    ),
    (
        Indicator::HandlesExhausted,
        r"too many open files|emfile|enfile|unable to create (new )?native thread|can't start new thread|pthread_create failed|resource temporarily unavailable",
    ),
    (
        Indicator::MissingConfig,
        r"(environment variable|env var|config(uration)?|setting|property|secret|key|variable|parameter|option|argument)s? .{0,60}(is |are |was |not |must be )?(missing|not (set|found|defined|provided|specified|present)|required|undefined|unset)|missing (required )?(environment|env|config|setting|property|secret|key|variable|parameter|option|argument)|keyerror|could not resolve placeholder|must (be set|specify|provide)|required (key|property|environment|variable)",
    ),
    (
        Indicator::InvalidConfig,
        r"invalid (config|configuration|value|setting|syntax|port|url|yaml|json)|(parse|parsing|syntax) error|failed to (parse|load|read) .{0,40}(config|settings|yaml|json|toml|properties)|cannot unmarshal|unknown (option|flag|field|directive|key|property)|malformed|unexpected token|bad configuration|yaml: |toml: |illegalargumentexception",
    ),
    (
        Indicator::FileNotFound,
        r"no such file|enoent|filenotfound|file not found|cannot find (the )?(file|path|module)|module ?not ?found|cannot open .{0,60}|no module named|cannot find module",
    ),
    (
        Indicator::SchemaMismatch,
        r#"(relation|table|column|collection|index) .{0,80}(does not exist|doesn't exist|not found)|unknown column|no such (table|column)|undefined(column|table)|migration.{0,40}(fail|pending|missing|error)|schema .{0,40}(mismatch|version)"#,
    ),
    (
        Indicator::Terminated,
        r"sigterm|sigint|received signal|shutting down|graceful(ly)? (shutdown|stop)|signal: terminated",
    ),
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(PHRASES.iter().map(|(_, pattern)| format!("(?i){pattern}"))).ok());

/// Where a text names whom it is about: `host:port`, a URL, or a quoted or bare name after a telling word.
static TARGETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@"']*@)?(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d{1,5})?"#,
        r#"(?i)\b(?:lookup|resolve(?: host)?|host(?:name)?|enotfound|eai_again|unknownhostexception:?|nslookup)\s*[:="']*\s*([a-z0-9_][a-z0-9_.-]*[a-z0-9])(:\d{1,5})?"#,
        r#"(?i)(?:^|[\s"'(\[=,/])((?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)*)(:\d{2,5})(?:[\s"'),\]/;.:]|$)"#,
        r#"(?i)\b(?:server at|connect(?:ing)? to|connection to|to server|from|calling|upstream|host|address)\s+["'`]?([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*)["'`]?,?(?: \([0-9a-f.:]+\))?,?(?: port (\d{2,5}))?"#,
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Words that stand where a host could and are none.
const NO_HOSTS: &[&str] = &[
    "the",
    "a",
    "an",
    "to",
    "from",
    "at",
    "on",
    "in",
    "of",
    "localhost",
    "error",
    "failed",
    "server",
    "client",
    "database",
    "upstream",
    "host",
    "address",
    "backend",
    "service",
    "remote",
    "peer",
    "port",
    "http",
    "https",
    "tcp",
    "udp",
    "this",
    "that",
    "local",
    "is",
    "was",
    "not",
    "could",
    "cannot",
    "timeout",
    "timed",
    "refused",
    "connection",
    "any",
    "no",
    "line",
    "for",
];

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
    if found.contains(&Indicator::CertificateExpired) {
        found.retain(|indicator| *indicator != Indicator::TlsFailure);
    }
    // "password authentication failed" and "access denied for user" speak of credentials, not of rights.
    if found.contains(&Indicator::AuthenticationFailed) {
        found.retain(|indicator| *indicator != Indicator::AccessDenied);
    }
    found.sort_unstable();
    found
}

/// The hosts that a text names, `host` or `host:port`, lower case, in the order in which they stand there. The machine
/// itself and words that are no hosts are left out.
pub fn targets(text: &str) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for pattern in TARGETS.iter() {
        for captures in pattern.captures_iter(text).take(16) {
            let Some(host) = captures.get(1) else { continue };
            let name = host.as_str().trim_matches(['[', ']', '.']).to_ascii_lowercase();
            let port = captures.get(2).map(|port| port.as_str().trim_start_matches(':'));
            if !is_host(&name, port.is_some()) {
                continue;
            }
            let target = port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
            let known = found
                .iter_mut()
                .find(|(_, other)| other.split(':').next() == Some(name.as_str()));
            match known {
                // The form with a port tells more.
                Some((_, other)) if !other.contains(':') => *other = target,
                Some(_) => {}
                None => found.push((host.start(), target)),
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, target)| target).collect()
}

fn is_host(name: &str, with_port: bool) -> bool {
    if name.len() < 2 || NO_HOSTS.contains(&name) || name == "127.0.0.1" || name == "0.0.0.0" || name == "::1"
    {
        return false;
    }
    // `2026-07-23T05:02` is a moment.
    let moment = name.len() > 10
        && name.bytes().take(10).enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if moment {
        return false;
    }
    let letters = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    let address = name.parse::<std::net::IpAddr>().is_ok();
    // "12:34" is a time, "Foo.java:42" a place in a source file.
    let source_file = with_port
        && [
            ".java", ".go", ".py", ".js", ".ts", ".rb", ".rs", ".kt", ".scala", ".cs", ".php", ".c", ".cc",
            ".cpp", ".ex", ".jar", ".mjs", ".tsx",
        ]
        .iter()
        .any(|ending| name.ends_with(ending));
    address || (letters && !source_file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Indicator, indicators, targets};

    #[test]
    fn reads_the_phrases_of_common_clients() {
        use Indicator::*;
        let cases: &[(&str, Indicator, &str)] = &[
            (
                "dial tcp 10.96.0.12:5432: connect: connection refused",
                ConnectionRefused,
                "10.96.0.12:5432",
            ),
            (
                "Error: connect ECONNREFUSED 10.0.0.5:6379",
                ConnectionRefused,
                "10.0.0.5:6379",
            ),
            (
                "Get \"http://inventory.shop.svc.cluster.local:8080/items\": context deadline exceeded",
                Timeout,
                "inventory.shop.svc.cluster.local:8080",
            ),
            (
                "dial tcp: lookup orders-db on 10.96.0.10:53: no such host",
                UnknownHost,
                "orders-db",
            ),
            (
                "dial tcp: lookup orders-db on 10.96.0.10:53: read udp 10.1.0.4:41712->10.96.0.10:53: i/o timeout",
                ResolverFailed,
                "orders-db",
            ),
            (
                "getaddrinfo EAI_AGAIN redis-master",
                ResolverFailed,
                "redis-master",
            ),
            (
                "java.net.UnknownHostException: rabbit.mq.svc",
                UnknownHost,
                "rabbit.mq.svc",
            ),
            ("getaddrinfo ENOTFOUND redis-master", UnknownHost, "redis-master"),
            (
                "psycopg2.OperationalError: could not connect to server: Connection refused Is the server running on host \"pg\" (10.1.2.3)",
                ConnectionRefused,
                "pg",
            ),
            ("FATAL: sorry, too many clients already", PoolExhausted, ""),
            (
                "HikariPool-1 - Connection is not available, request timed out after 30000ms",
                PoolExhausted,
                "",
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 2024-05-01T00:00:00Z is after 2024-04-30T00:00:00Z",
                CertificateExpired,
                "",
            ),
            (
                "FATAL: password authentication failed for user \"app\"",
                AuthenticationFailed,
                "",
            ),
            ("listen tcp :8080: bind: address already in use", AddressInUse, ""),
            ("OSError: [Errno 28] No space left on device", NoSpace, ""),
            ("KeyError: 'DATABASE_URL'", MissingConfig, ""),
            (
                "open /etc/app/config.yaml: no such file or directory",
                FileNotFound,
                "",
            ),
            ("429 Too Many Requests", RateLimited, ""),
            ("ERROR: column \"discount\" does not exist", SchemaMismatch, ""),
        ];
        for (text, indicator, target) in cases {
            assert!(
                indicators(text).contains(indicator),
                "{text}: {:?}",
                indicators(text)
            );
            if !target.is_empty() {
                assert!(
                    targets(text).iter().any(|found| found == target),
                    "{text}: {:?}",
                    targets(text)
                );
            }
        }
    }

    #[test]
    fn finds_no_hosts_in_times_and_source_places() {
        assert_eq!(
            targets("12:34:56 at com.acme.Main.run(Main.java:42)"),
            Vec::<String>::new()
        );
        assert_eq!(targets("listening on localhost:8080"), Vec::<String>::new());
        assert_eq!(targets("main.go:17 started"), Vec::<String>::new());
        assert_eq!(
            targets("E, [2026-07-23T05:02:10.856511 #1] failed"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_lookup_without_an_answer_says_nothing_of_the_host() {
        assert_eq!(
            indicators("dial tcp: lookup orders-db on 10.96.0.10:53: read udp: connection refused"),
            [Indicator::ResolverFailed]
        );
    }

    #[test]
    fn quiet_lines_indicate_nothing() {
        for line in [
            "GET /healthz 200 3ms",
            "started worker 17",
            "cache warmed in 12 ms",
        ] {
            assert_eq!(indicators(line), [], "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,300}") {
            let _ = indicators(&text);
            let _ = targets(&text);
        }
    }
}
