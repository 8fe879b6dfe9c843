//! Lines as programs write them, and what is read from them.

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
            "(2003, \"Can't connect to MySQL server on 'promotions.c9.eu-west-1.rds.amazonaws.com' (timed out)\")",
            Unreachable,
            "promotions.c9.eu-west-1.rds.amazonaws.com",
        ),
        (
            "All host(s) tried for query failed (tried: prod-db:3333) - no available connection and the queue is full",
            Unreachable,
            "prod-db:3333",
        ),
        (
            "NameResolutionError: Failed to resolve 'nginx.web' ([Errno -3] Try again)",
            ResolverFailed,
            "nginx.web",
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
        (
            "turned off feature flag new-pricing",
            Some(("new-pricing", "off")),
        ),
        ("toggle fast-path=on", Some(("fast-path", "on"))),
        ("toggle fast-path is off.", Some(("fast-path", "off"))),
        ("toggle menu opened on mobile", None),
        ("toggle menu is on the left", None),
        ("feature flag service is on port 8013", None),
        ("it depends on flag fast-path", None),
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

#[test]
fn what_is_said_of_an_address_is_no_host() {
    for text in [
        "getaddrinfo failed: No address associated with hostname",
        "bind: address already in use",
        "Can't connect to MySQL server: timed out",
    ] {
        assert_eq!(targets(text), [""; 0], "{text}");
    }
}

#[test]
fn who_got_no_answer_was_not_refused() {
    let of = |text: &str| indicators(text).contains(&Indicator::AuthenticationFailed);
    assert!(!of(
        "Login failed: Connection to the session store timed out after 5000ms"
    ));
    assert!(!of(
        "Login failed: certificate verification failed: certificate has expired"
    ));
    assert!(of("Login failed for user 'app'"));
    assert!(of("password authentication failed, connection timed out"));
}

#[test]
fn pages_to_read_are_nobody_who_was_called() {
    for page in [
        "request failed (see https://help.example/errors.html)",
        "validation failed. Learn more: https://rules.example/a1",
        "refused; for more information, visit https://docs.example/refused",
        "Please see https://docs.example/limits",
        "timed out, docs: https://docs.example/timeouts",
    ] {
        assert!(targets(page).is_empty(), "{page}: {:?}", targets(page));
    }
    let both = "error 28: timed out (see https://help.example/errors.html) for https://stock.example/v3/7";
    assert_eq!(targets(both), ["stock.example"]);
    // What is read, or seen to fail, is called.
    for (call, host) in [
        ("read https://stock.example/v3: i/o timeout", "stock.example"),
        ("we see http://cart:8080/ fail", "cart:8080"),
        ("cannot see beyond http://cart:8080/", "cart:8080"),
    ] {
        assert_eq!(targets(call), [host], "{call}");
    }
}

#[test]
fn one_of_many_by_its_number_and_a_word_that_goes_on_are_no_hosts() {
    for text in [
        "Connection to node -1 could not be established",
        "Connection to broker 1001 was lost",
        "failed to list hosted zones",
        "the hosts are gone",
    ] {
        assert!(targets(text).is_empty(), "{text}: {:?}", targets(text));
    }
    let named = "Connection to node 3 (kafka-3.lines:9092) could not be established";
    assert_eq!(targets(named), ["kafka-3.lines:9092"]);
    assert_eq!(
        targets("could not resolve host: stock.example"),
        ["stock.example"]
    );
    assert_eq!(
        targets("lookup stock on 10.0.0.10:53: no such host"),
        ["stock", "10.0.0.10:53"]
    );
}

#[test]
fn a_connection_that_takes_too_long_is_not_refused() {
    for text in [
        "http.ConnectException: error 28: Operation timed out after 30001 milliseconds with 0 bytes received",
        "java.net.ConnectException: Connection timed out",
    ] {
        assert_eq!(indicators(text), [Indicator::Timeout], "{text}");
    }
    let refused = "connection attempt timed out after 3 tries: connection refused";
    assert_eq!(indicators(refused), [Indicator::ConnectionRefused]);
}
