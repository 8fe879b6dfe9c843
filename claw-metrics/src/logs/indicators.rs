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
        r"certificate has expired|certificate[_ ](is )?expired|expired certificate|cert(ificate)?[_ ]has[_ ]expired|peer certificate: expired|(certificate|\bcert|x509)\b.{0,80}not yet valid|certificateexpired|notafter|nottimevalid|pathvalidator.{0,20}: validity check failed",
    ),
    (
        Indicator::TlsFailure,
        r"tls handshake|ssl handshake|handshake (failed|failure|error)|x509|certificate verify failed|unknown authority|self[- ]signed certificate|sslexception|pkix path|bad certificate|wrong version number",
    ),
    (
        Indicator::ProtocolMismatch,
        r"http request (was sent )?to (an )?https (server|port)|gave http response to https client|first record does not look like a tls handshake|wrong version number|unrecognized ssl message|not an ssl/tls record|malformed http response|invalid (method|http version|request line).{0,80}x16.?x03|http/0\.9|bogus greeting|missing selected alpn|unexpected http/1|err_ssl_wrong_version|http2 preface|cannot determine the type of the ssl",
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
        r#"database is locked|deadlock ?detected|deadlock found|deadlocked on|deadlock victim|lock_deadlock|deadlockloser|lock wait timeout|due to lock timeout|still waiting for \w*lock|waits? for \w+lock on |process(es)? holding the lock|waiting for (table|schema|stored \w+|trigger) (metadata|level) lock|could not obtain lock|lock request time ?out period|statement timeout|maximum statement execution time|maxtimemsexpired|ora-00060|ora-00054|writeconflict|could not serialize|read-only transaction|--(super-)?read-only option|misconf redis|database system is (starting up|shutting down|in recovery|not (yet )?accepting)|disk i/o error|not enough replicas|notenoughreplicas|noreplicas|leader not available|notleader|notwritableprimary|not (primary|master) (and|or) |node is not (in |the )?primary|no leader|readonly you can't write|index.{0,40}(read-only|blocked by)|flood.?stage disk watermark|could not extend file|could not write to file \\?["']?(base|global|pg_\w+)/|the table ['`].{1,60}['`] is full|database or disk is full|disk is full writing"#,
    ),
    (
        Indicator::ControlPlaneTrouble,
        concat!(
            r"etcdserver: |leader ?election lost|error retrieving resource lock",
            // Leases of the coordination API are named with their namespace; other systems have leases and locks as well.
            r"|failed to (renew|update|acquire|get) (the )?(leader )?lease [a-z0-9.-]+/[a-z0-9.-]+([:,;\s]|$)",
            r"|failed to update lock: timed out waiting for the condition",
            r"|was unable to return a response in the time allotted|currently unable to handle the request",
            // Paths that only the API server has, below any host, or its own name: other programs have an /api/v1 too. What
            // went wrong stands behind the URL, which may ask for a timeout itself.
            r#"|(https?://kubernetes(\.default(\.svc[a-z0-9.-]*)?)?(:\d+)?/|/apis/([a-z0-9-]+(\.[a-z0-9-]+)+|apps|batch|autoscaling|policy)/v\d|/api/v1/namespaces/[a-z0-9.-]+/(pods|services|configmaps|secrets|endpoints|events|serviceaccounts|persistentvolumeclaims|resourcequotas|limitranges)\b|https://([a-z0-9.-]+|\[[0-9a-f:]+\])(:6443|:443)/api/v1/(namespaces|nodes|pods|services|configmaps|secrets|endpoints|events|serviceaccounts|persistentvolumes|persistentvolumeclaims|resourcequotas|limitranges)\b)[^\s"']*["'\s].{0,100}?\b(timeout|timed ?out|refused|deadline exceeded|eof|unreachable|no route|connection (lost|reset))"#,
            r"|apiserver (not ready|is shutting down)|client rate limiter wait returned"
        ),
    ),
    (
        Indicator::QueueTrouble,
        r"max\.poll\.interval|commitfailedexception|commit cannot be completed|rebalanc(e|ing) (is )?(in progress|failed)|group is rebalancing|rebalanceinprogress|heartbeat (session )?expired|consumer lag .{0,40}(exceed|above|grow|increas|too (high|large))|\blag (is |of |has )?(too |above |exceed|grow|increas)|consumer group .{0,80}(no active members|dead|empty)|connection\.blocked|resource.limit alarm (is )?(set|raised|active)|high.watermark set\.|publishers will be blocked|queue (length|size|depth) .{0,40}(exceed|(above|over) .{0,20}limit|limit (is )?reached|is full)|queue (is )?full|backlog (is |has )?(grow|exceed|too)|buffer.?exhausted|bufferexhaustedexception|timed out .{0,20}waiting for .{0,20}consumer_timeout",
    ),
    (
        Indicator::NoConsumers,
        r#"\b0 (active )?consumers|\bno (active )?(consumers|subscribers)|without consumers|consumers"?[=:] ?0\b|has no active members"#,
    ),
    (
        Indicator::ProcessKilled,
        r"(worker|child).{0,60}(sigkill|signal 9\b)|(sigkill|signal 9\b).{0,60}(worker|child)",
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
        r"no space left|enospc|disk (is )?full|disk quota exceeded|could not extend file|not enough space|insufficient disk",
    ),
    (
        Indicator::OutOfMemory,
        r"out of ?memory|outofmemory|cannot allocate memory|enomem|heap out of memory|java heap space|gc overhead limit|memoryerror|bad_alloc|reached heap limit|allowed memory size of \d+ bytes exhausted",
    ),
    (
        Indicator::HandlesExhausted,
        r"too many open files|emfile|enfile|unable to create (new )?native thread|can't start new thread|pthread_create failed|resource temporarily unavailable|inotify.{0,60}(no space left|too many|limit)|(limit|too many).{0,40}inotify|thread limit|pids? limit",
    ),
    (
        Indicator::MissingConfig,
        r"(environment variable|env var|config(uration)?|setting|property|secret|key|variable|parameter|option|argument)s? .{0,60}(is |are |was |not |must be )?(missing|not (set|found|defined|provided|specified|present)|required|undefined|unset)|missing (required )?(environment|env|config|setting|property|secret|key|variable|parameter|option|argument)|keyerror|could not resolve placeholder|must (be set|specify|provide)|required (key|property|environment|variable)|(getting|configuring|local) (ssl|tls).{0,160}(not found|does not exist|no object matching)",
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
    (
        Indicator::ClockSkew,
        r"clock[ _-]?(skew|drift|difference)|clocks?( is| are| was| were)? (not (in )?sync|out of sync|unsynchroni|desynchroni)|clock synchronized: no|(request)?time ?too ?skewed|used before issued|issued in the future|(certificate|\bcert|x509|token|jwt)\b.{0,80}(not yet valid|not (yet )?active)|current time \S+ is before \d{4}-|certificatenotyetvalid|notvalidyet|signature not yet current|timestamp .{0,40}(in the future|outside .{0,20}(window|range))|time is (too far|out of sync)",
    ),
    (
        Indicator::NameUnknown,
        r#"unknown database|(database|role|keyspace) ["']?[\w.-]+["']? does not exist|nosuchbucket|bucket does not exist|subject .{0,80}not found|unknowntopicorpartition|does not host this topic"#,
    ),
    (
        Indicator::Unimplemented,
        r"code = unimplemented|unimplemented desc|\bunimplemented: |unknown service [a-z][\w.]*\.[a-z]\w*",
    ),
    (
        Indicator::TooLarge,
        r"message larger than max|recordtoolarge|\b413\b.{0,20}too large|request entity too large|packet for query is too large|max_allowed_packet",
    ),
    (
        Indicator::NotPaid,
        r"payment required|licen[cs]e (key )?(has |is )?(expired|no longer valid)|(account )?(balance|credits?) (is )?exhausted",
    ),
    // Further phrases, in rows of their own.
    (
        Indicator::ConnectionRefused,
        r"failed to connect (to )?[a-z0-9][a-z0-9.-]*:\d{2,5}\b|could not open socket: connect\(\)",
    ),
    (
        Indicator::DatabaseTrouble,
        r"oom command not allowed|loading redis is loading|\bclusterdown\b|replicasetnoprimary|circuit_breaking_exception|cannot execute [a-z ]{3,30} in a read-only",
    ),
    (
        Indicator::AuthenticationFailed,
        r"no pg_hba\.conf entry|\bexpiredtoken|security token .{0,40}expired|login was refused|\bkid\b.{0,40}(not found|unknown|in jwks)|(find|matching|unknown)( \w+){0,2} (with )?\bkid\b|invalid_client",
    ),
    (
        Indicator::QueueTrouble,
        r"connection (is )?blocked: low on (memory|disk)",
    ),
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(PHRASES.iter().map(|(_, pattern)| format!("(?i){pattern}"))).ok());

/// Where a text names whom it is about: `host:port`, a URL, or a quoted or bare name after a telling word.
static TARGETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@"']*@)?(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d{1,5})?"#,
        r#"(?i)\b(?:lookup|resolve(?: host)?|hostname\s*[:="']|host|enotfound|eai_again|unknownhostexception:?|nslookup)\s*[:="']*\s*([a-z0-9_][a-z0-9_.-]*[a-z0-9])(:\d{1,5})?"#,
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
    "name",
    "lookup",
    "resolve",
    "resolving",
    "resolution",
    "resolver",
    "unreachable",
    "unknown",
    "unavailable",
    "does",
    "did",
    "has",
    "can",
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
    // "password authentication failed" and "access denied for user" speak of credentials, not of rights.
    if found.contains(&Indicator::AuthenticationFailed) {
        found.retain(|indicator| *indicator != Indicator::AccessDenied);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The feature flag, and the state, that a text says it has or got: `feature flag "new-pricing" set to true`.
pub fn flag(text: &str) -> Option<(String, String)> {
    static TOLD: LazyLock<[Option<Regex>; 2]> = LazyLock::new(|| {
        let name = r#"["'`]?(?<flag>[a-z0-9][a-z0-9_.-]{2,60})["'`]?"#;
        let state = r"(?<state>(true|false|on|off|enabled|disabled|activated|deactivated)\b|[0-9]{1,3} ?%)";
        [
            format!(r"(?i)\b(feature[ _-]?(flag|toggle)|flag|toggle)s?[ :=]+{name}[ :,=(]{{1,3}}.{{0,40}}\b{state}"),
            format!(r"(?i)\b{state} (the )?(feature[ _-]?)?(flag|toggle)[ :=]+{name}"),
        ]
        .map(|pattern| Regex::new(&pattern).ok())
    });
    let lower = text.to_ascii_lowercase();
    if !lower.contains("flag") && !lower.contains("toggle") {
        return None;
    }
    let found = TOLD.iter().flatten().find_map(|told| told.captures(text))?;
    let part = |name: &str| found.name(name).map(|part| part.as_str().to_ascii_lowercase());
    Some((part("flag")?, part("state")?))
}

/// Whether a text says that somebody waits for a lock. Databases log that as a piece of information, not as an error.
pub fn waits_for_lock(text: &str) -> bool {
    static WAITS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?i)still waiting for \w*lock|waits? for \w+lock on |process(es)? holding the lock|waiting for (table|schema|stored \w+|trigger) (metadata|level) lock",
        )
        .ok()
    });
    WAITS.as_ref().is_some_and(|waits| waits.is_match(text))
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
            let place = || ends_path(text, host.start()) || is_place(text, host.end());
            if !is_host(&name, port.is_some()) || port.is_some() && place() {
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

/// Whether what stands at `at` is the end of a path: "/etc/nginx/nginx.conf:14" is a line of a file. Java writes addresses
/// as "/10.0.0.5:6379" and "name/10.0.0.5:6379", which are none.
fn ends_path(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let word = before
        .rsplit(|c: char| c.is_whitespace() || "\"'`([=,".contains(c))
        .next()
        .unwrap_or_default();
    let rooted = word.starts_with('/') && !word.starts_with("//") && word.len() > 1;
    rooted || word.starts_with("./") || word.starts_with("../")
}

/// Whether what ends at `at` is a file with line and function or column behind it: `Pool.h:99:Pop`, `pool.zig:12:7`.
fn is_place(text: &str, at: usize) -> bool {
    let mut rest = text.get(at..).unwrap_or_default().splitn(3, ':').skip(1);
    let (Some(line), Some(then)) = (rest.next(), rest.next()) else {
        return false;
    };
    let number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    let file = text.get(..at).unwrap_or_default();
    let file = file
        .rsplit(|c: char| c.is_whitespace() || "(['\"".contains(c))
        .next();
    let address = file.is_some_and(|file| file.parse::<std::net::IpAddr>().is_ok());
    number && !address && then.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
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
            ".java",
            ".go",
            ".py",
            ".js",
            ".ts",
            ".rb",
            ".rs",
            ".kt",
            ".scala",
            ".cs",
            ".php",
            ".c",
            ".h",
            ".hh",
            ".hpp",
            ".cc",
            ".cpp",
            ".cxx",
            ".ex",
            ".jar",
            ".mjs",
            ".tsx",
            ".conf",
            ".yaml",
            ".yml",
            ".json",
            ".toml",
            ".xml",
            ".cfg",
            ".ini",
            ".properties",
            ".lua",
            ".kts",
        ]
        .iter()
        .any(|ending| name.ends_with(ending));
    address || (letters && !source_file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Indicator, indicators, refused_by_peer, targets};

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
            (
                "failed to create fsnotify watcher: inotify_add_watch: no space left on device",
                HandlesExhausted,
                "",
            ),
            (
                "x509: certificate has expired or is not yet valid: current time 2026-05-01T09:58:02Z is before 2026-05-01T10:00:00Z",
                ClockSkew,
                "",
            ),
            ("JWT used before issued", ClockSkew, ""),
            (
                "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)",
                OutOfMemory,
                "",
            ),
            ("KeyError: 'DATABASE_URL'", MissingConfig, ""),
            (
                "open /etc/app/config.yaml: no such file or directory",
                FileNotFound,
                "",
            ),
            ("429 Too Many Requests", RateLimited, ""),
            (
                "Get \"https://pay:8080/v1\": http: server gave HTTP response to HTTPS client",
                ProtocolMismatch,
                "pay:8080",
            ),
            (
                "http: TLS handshake error from 10.1.4.7:51822: client sent an HTTP request to an HTTPS server",
                ProtocolMismatch,
                "10.1.4.7:51822",
            ),
            (
                "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message",
                ProtocolMismatch,
                "",
            ),
            (
                "E0227 22:49:30 leaderelection.go:330] error retrieving resource lock infra/operator: Get \"https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/infra/leases/operator?timeout=5s\": context deadline exceeded",
                ControlPlaneTrouble,
                "10.96.0.1:443",
            ),
            (
                "Failed to update lock: etcdserver: request timed out",
                ControlPlaneTrouble,
                "",
            ),
            (
                "Member worker-1 sending LeaveGroup request due to consumer poll timeout has expired: max.poll.interval.ms",
                QueueTrouble,
                "",
            ),
            (
                "process 4711 still waiting for ShareLock on transaction 88123 after 1000.123 ms",
                DatabaseTrouble,
                "",
            ),
            (
                "Process holding the lock: 1871. Wait queue: 2200, 2201.",
                DatabaseTrouble,
                "",
            ),
            (
                "12 app 10.0.0.4:51324 shop Query 42 Waiting for table metadata lock SELECT 1",
                DatabaseTrouble,
                "",
            ),
            (
                "ERROR: canceling statement due to statement timeout",
                DatabaseTrouble,
                "",
            ),
            (
                "PANIC: could not write to file \"pg_wal/xlogtemp.51\": No space left on device",
                DatabaseTrouble,
                "",
            ),
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
    fn flags_are_told_with_their_state() {
        for (text, told) in [
            (
                "feature flag \"new-pricing\" set to true",
                Some(("new-pricing", "true")),
            ),
            ("flag checkout_v2 changed: off -> on", Some(("checkout_v2", "on"))),
            (
                "Feature toggle: fast-path is enabled",
                Some(("fast-path", "enabled")),
            ),
            (
                "enabled feature flag new-pricing for 100 % of users",
                Some(("new-pricing", "100 %")),
            ),
            ("unknown flag --replicas", None),
            ("flag provided but not defined: -x", None),
            ("country flag shown", None),
        ] {
            let found = super::flag(text);
            let found = found
                .as_ref()
                .map(|(flag, state)| (flag.as_str(), state.as_str()));
            assert_eq!(found, told, "{text}");
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
    fn finds_no_hosts_in_places_of_files_and_words_about_hosts() {
        for (text, hosts) in [
            (
                "host not found in upstream \"till.shop.svc\" in /etc/nginx/conf.d/default.conf:14",
                &["till.shop.svc"][..],
            ),
            ("invalid value in /opt/rules/main:31", &[]),
            ("unexpected token in settings.yaml:12", &[]),
            (
                "failed to connect to `host=db.shop.svc user=app`: hostname resolving error (lookup db.shop.svc on 10.96.0.10:53: i/o timeout)",
                &["db.shop.svc", "10.96.0.10:53"],
            ),
            ("hostname: db-1 is unknown", &["db-1"]),
            ("Connection refused: redis/10.0.0.5:6379", &["10.0.0.5:6379"]),
            ("Connection refused: /10.0.0.5:6379", &["10.0.0.5:6379"]),
        ] {
            assert_eq!(targets(text), hosts, "{text}");
        }
    }

    #[test]
    fn an_alert_of_the_other_side_is_told_from_a_finding_of_ones_own() {
        for text in [
            "http: TLS handshake error from 10.2.0.57:40057: remote error: tls: expired certificate",
            "SSL_do_handshake() failed (SSL: error:14094415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired:SSL alert number 45)",
            "javax.net.ssl.SSLHandshakeException: Received fatal alert: certificate_expired",
            "TLS_error:|268436501:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "received fatal alert: CertificateExpired",
        ] {
            assert_eq!(indicators(text), [Indicator::CertificateExpired], "{text}");
            assert!(refused_by_peer(text), "{text}");
        }
        for text in [
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
            "java.security.cert.CertPathValidatorException: validity check failed",
            "invalid peer certificate: Expired",
            "The remote certificate is invalid because of errors in the certificate chain: NotTimeValid",
        ] {
            assert_eq!(indicators(text), [Indicator::CertificateExpired], "{text}");
            assert!(!refused_by_peer(text), "{text}");
        }
    }

    #[test]
    fn a_pool_that_cannot_connect_is_not_used_up() {
        let dial = "redis: connection pool: failed to dial after 5 attempts: dial tcp: lookup cache on 10.96.0.10:53: no such host";
        assert_eq!(indicators(dial), [Indicator::UnknownHost]);
        let full = "dial refused: connection pool exhausted, connection refused";
        assert!(indicators(full).contains(&Indicator::PoolExhausted));
    }

    #[test]
    fn places_in_source_files_of_any_language_are_no_hosts() {
        for (text, hosts) in [
            (
                "<error>: (ClientPool.h:99:Pop) Failed to connect ledger:8080",
                &["ledger:8080"][..],
            ),
            ("(ClientPool.h:99:Pop) connect(): Connection refused", &[]),
            ("(queue.zig:214:take) Connection refused", &[]),
            ("src/pool.hpp:31: Connection refused", &[]),
            ("10.0.0.5:6379:connect refused", &["10.0.0.5:6379"]),
            ("ledger:8080: connection refused", &["ledger:8080"]),
        ] {
            assert_eq!(targets(text), hosts, "{text}");
        }
    }

    #[test]
    fn servers_and_clients_say_in_their_own_words_what_is_wrong() {
        use Indicator::*;
        for (text, indicator) in [
            (
                "ReplyError: OOM command not allowed when used memory > 'maxmemory'.",
                DatabaseTrouble,
            ),
            ("LOADING Redis is loading the dataset in memory", DatabaseTrouble),
            ("CLUSTERDOWN Hash slot not served", DatabaseTrouble),
            (
                "server selection timeout, current topology: { Type: ReplicaSetNoPrimary }",
                DatabaseTrouble,
            ),
            (
                "circuit_breaking_exception: [parent] Data too large",
                DatabaseTrouble,
            ),
            ("Error 1049 (42000): Unknown database 'shop_eu'", NameUnknown),
            ("FATAL: database \"shop_eu\" does not exist", NameUnknown),
            ("FATAL: role \"shop_rw\" does not exist", NameUnknown),
            ("NoSuchBucket: The specified bucket does not exist", NameUnknown),
            (
                "Subject \"orders-value\" not found; error code: 40401",
                NameUnknown,
            ),
            (
                "FATAL: no pg_hba.conf entry for host \"10.244.0.9\"",
                AuthenticationFailed,
            ),
            (
                "ExpiredToken: The security token included in the request is expired",
                AuthenticationFailed,
            ),
            (
                "unable to find key with kid \"2026-a\" in JWKS",
                AuthenticationFailed,
            ),
            ("amqp: connection blocked: low on memory", QueueTrouble),
            ("402 Payment Required: account balance exhausted", NotPaid),
            ("license expired on 2026-08-31; refusing new sessions", NotPaid),
            (
                "rpc error: code = Unimplemented desc = unknown service ledger.Ledger",
                Unimplemented,
            ),
            (
                "grpc: received message larger than max (5242912 vs. 4194304)",
                TooLarge,
            ),
            ("Failed to connect ledger:8080", ConnectionRefused),
        ] {
            assert!(
                indicators(text).contains(&indicator),
                "{text}: {:?}",
                indicators(text)
            );
        }
        for text in [
            "created database shop_eu",
            "license valid until 2027-08-31",
            "kid 2026-a loaded",
            "subject of the mail: order 12",
            "connected to ledger:8080",
            "balance checked",
        ] {
            assert_eq!(indicators(text), [], "{text}");
        }
    }

    #[test]
    fn a_lookup_without_an_answer_says_nothing_of_the_host() {
        assert_eq!(
            indicators("dial tcp: lookup orders-db on 10.96.0.10:53: read udp: connection refused"),
            [Indicator::ResolverFailed]
        );
    }

    #[test]
    fn a_certificate_is_either_expired_or_not_valid_yet() {
        let go = |when: &str| {
            format!(
                "x509: certificate has expired or is not yet valid: current time 2024-05-01T00:00:00Z is {when} 2024-04-30T00:00:00Z"
            )
        };
        assert_eq!(indicators(&go("after")), [Indicator::CertificateExpired]);
        assert_eq!(indicators(&go("before")), [Indicator::ClockSkew]);
        assert_eq!(
            indicators("inotify_add_watch: no space left on device"),
            [Indicator::HandlesExhausted]
        );
    }

    #[test]
    fn an_interface_of_ones_own_is_not_the_api_server() {
        use Indicator::*;
        for (text, expected) in [
            (
                "Post \"http://payments.shop.svc:8080/api/v1/charges\": dial tcp 10.96.3.4:8080: connect: connection refused",
                &[ConnectionRefused][..],
            ),
            (
                "Get \"http://prometheus:9090/api/v1/query\": request timed out",
                &[Timeout],
            ),
            (
                "GET \"https://iam.shop.svc/api/v1/tokens?timeout=5s\": 404",
                &[Timeout],
            ),
            ("failed to acquire lock for order 123: redis timeout", &[Timeout]),
            (
                "failed to get lock: Lock wait timeout exceeded; try restarting transaction",
                &[DatabaseTrouble],
            ),
            (
                "failed to renew lease database/creds/app/4f2a: connection refused",
                &[ConnectionRefused],
            ),
            (
                "Get \"https://10.96.0.1:443/api/v1/pods?limit=500&timeout=5s\": dial tcp 10.96.0.1:443: i/o timeout",
                &[ControlPlaneTrouble],
            ),
            (
                "HTTPSConnectionPool(host='10.96.0.1', port=443): Max retries exceeded with url: /api/v1/namespaces/shop/pods (Caused by ConnectTimeoutError: connection timed out)",
                &[ControlPlaneTrouble],
            ),
            (
                "Get \"https://kubernetes.default.svc:443/version\": context deadline exceeded",
                &[ControlPlaneTrouble],
            ),
            (
                "failed to list applications: Get \"https://10.96.0.1:443/apis/argoproj.io/v1alpha1/applications\": dial tcp 10.96.0.1:443: connect: connection refused",
                &[ControlPlaneTrouble],
            ),
            (
                "failed to renew lease infra/operator: timed out waiting for the condition",
                &[ControlPlaneTrouble],
            ),
            (
                "Put \"https://10.96.0.1:443/apis/apps/v1/namespaces/shop/deployments/cart?timeout=5s\": 409 conflict",
                &[Timeout],
            ),
        ] {
            assert_eq!(indicators(text), expected, "{text}");
        }
    }

    #[test]
    fn what_drivers_say_of_databases_is_told_from_what_sounds_like_it() {
        use Indicator::*;
        for (text, expected) in [
            ("column is not primary key", &[][..]),
            (
                "could not write to file \"/tmp/export.csv\": Permission denied",
                &[PermissionDenied],
            ),
            ("write failed: disk is full: /var/lib/app", &[NoSpace]),
            ("fatal error: all goroutines are asleep - deadlock!", &[]),
            ("table 12 by the window is full", &[]),
            (
                "NotPrimaryNoSecondaryOk: not primary and secondaryOk=false",
                &[DatabaseTrouble],
            ),
            ("ERROR: deadlock detected", &[DatabaseTrouble]),
            (
                "Deadlock found when trying to get lock; try restarting transaction",
                &[DatabaseTrouble],
            ),
            (
                "Transaction (Process ID 61) was deadlocked on lock resources with another process and has been chosen as the deadlock victim",
                &[DatabaseTrouble],
            ),
            (
                "ERROR 1114 (HY000): The table 'orders' is full",
                &[DatabaseTrouble],
            ),
            (
                "sqlite3.OperationalError: database or disk is full",
                &[DatabaseTrouble, NoSpace],
            ),
            (
                "could not extend file \"base/16384/2619\": No space left on device",
                &[DatabaseTrouble, NoSpace],
            ),
        ] {
            assert_eq!(indicators(text), expected, "{text}");
        }
    }

    #[test]
    fn clocks_and_queues_are_told_of_by_what_is_wrong_with_them() {
        use Indicator::*;
        for (text, expected) in [
            ("chronyd: System clock was out of sync by 4.2 seconds", ClockSkew),
            ("the clock is not synchronized", ClockSkew),
            ("System clock synchronized: no", ClockSkew),
            ("the token is not yet valid (nbf)", ClockSkew),
            ("jwt not active", ClockSkew),
            ("consumer lag 120034 exceeds the threshold of 10000", QueueTrouble),
            ("memory resource limit alarm set on node broker@0.", QueueTrouble),
            (
                "vm_memory_high_watermark set. Memory used:1288490188 allowed:1073741824",
                QueueTrouble,
            ),
            ("queue size 1000 exceeds the limit", QueueTrouble),
            ("queue depth 5000 is above the limit", QueueTrouble),
        ] {
            assert_eq!(indicators(text), [expected], "{text}");
        }
    }

    #[test]
    fn quiet_lines_indicate_nothing() {
        for line in [
            "GET /healthz 200 3ms",
            "started worker 17",
            "cache warmed in 12 ms",
            "System clock synchronized",
            "clock is in sync",
            "System clock synchronized: yes",
            "coupon ABC is not yet valid",
            "the voucher is not active yet",
            "order date 2025-01-02 is before 2026-05-01",
            "consumer lag: 0",
            "consumer lag for partition 4: 12",
            "local high watermark 4211",
            "Memory high watermark set to 1024 MiB (1073741824 bytes) of 4096 MiB",
            "memory resource limit alarm cleared on node broker@0",
            "queue size limit is 1000",
            "feature flag increased to 20 percent",
            "acquired lock for order 123",
            "renewed lease shop/operator",
            "GET https://10.96.0.1:443/api/v1/pods 200 OK in 12 milliseconds",
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
