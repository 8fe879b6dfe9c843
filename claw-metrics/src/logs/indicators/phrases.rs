//! The phrases in which programs report their troubles.

use super::Indicator;

/// Phrases by indicator. Where several fit, all hold; [`Indicator::Timeout`] is dropped beside a more telling one.
pub(super) const PHRASES: &[(Indicator, &str)] = &[
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
        r"no such host|unknownhost|unknown host|enotfound|eai_again|name or service not known|could not resolve|temporary failure in name resolution|getaddrinfo|nameresolutionerror|failed to resolve|name resolution failed|produced zero addresses|nodename nor servname|nxdomain|name does not resolve|host not found",
    ),
    (
        Indicator::ResolverFailed,
        r"lookup \S+ on \S+:53: .{0,120}(i/o timeout|server misbehaving|connection refused|unreachable|no route to host)|servfail|eai_again|temporary failure in name resolution|\[errno -3\]|no servers could be reached|dns (query|request|lookup|resolution)( has)? timed out|resolution lifetime expired",
    ),
    (
        Indicator::Unreachable,
        r"no route to host|ehostunreach|enetunreach|network is unreachable|host is unreachable|can't connect to (local )?(mysql|mariadb)? ?server|all host\(s\) tried|nohostavailable",
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
        r"password authentication failed|authentication fail|unauthorized|access denied for user|invalid (credentials|password|api key|token)|wrongpass|noauth|login failed|bad credentials|token (is |has )?expired|expired token|invalid_grant|sasl authentication",
    ),
    (
        Indicator::AccessDenied,
        r"forbidden|access ?denied|not authorized|permission_denied|insufficient (scope|privilege)|accessdeniedexception",
    ),
    (
        Indicator::RateLimited,
        r"too many requests|rate limit|ratelimit|throttlingexception|quota exceeded|request limit|resource_exhausted",
    ),
    (
        Indicator::PoolExhausted,
        r"too many (clients|connections)|connection slots are reserved|pool (is )?(exhausted|timeout|full)|connection pool|connection is not available|queuepool limit|could not (get|obtain|acquire) .{0,30}connection|unable to acquire|max_connections|maximum number of (connections|clients)|pool.{0,30}(exhaust|timed? ?out)|no (free|idle|available) connections?",
    ),
    (
        Indicator::UpstreamError,
        r"bad gateway|service unavailable|internal server error|upstream (connect|error|request)|no healthy upstream|unavailable desc|rpc error: code = (unavailable|internal)|status code 5\d\d",
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
        r"invalid (config|configuration|value|setting|syntax|port|url|yaml|json)|(parse|parsing|syntax) error|failed to (parse|load|read) .{0,40}(config|settings|yaml|json|toml|properties)|cannot unmarshal|unknown (option|flag|field|directive|key|property)|flag provided but not defined|unrecognized (option|argument|flag)|malformed|unexpected token|bad configuration|yaml: |toml: |illegalargumentexception",
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
