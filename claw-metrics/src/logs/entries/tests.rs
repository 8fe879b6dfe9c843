use proptest::prelude::*;

use super::{Level, parse};

fn one(text: &str) -> super::Entry {
    let log = parse(text.as_bytes());
    assert_eq!(log.entries.len(), 1, "{:#?}", log.entries);
    log.entries.into_iter().next().unwrap()
}

#[test]
fn reads_the_runtimes_prefix_and_the_format_behind_it() {
    let entry = one(
        "2024-05-01T10:00:00.123456789Z stderr F {\"level\":\"error\",\"msg\":\"boom\",\"err\":\"disk full\"}",
    );
    assert_eq!(entry.time.unwrap().to_string(), "2024-05-01T10:00:00.123456789Z");
    assert_eq!(
        (entry.level, entry.message.as_str()),
        (Level::Error, "boom: disk full")
    );
}

#[test]
fn reads_the_usual_formats() {
    let cases = [
        (
            "2024-05-01 10:00:00,123 ERROR [main] c.a.Service - cannot connect",
            Level::Error,
            "cannot connect",
        ),
        (
            "time=2024-05-01T10:00:00Z level=warn msg=\"slow \\\"query\\\"\" took=3s",
            Level::Warn,
            "slow \"query\"",
        ),
        (
            "E0501 10:00:00.123456       1 reflector.go:140] Failed to watch *v1.Pod",
            Level::Error,
            "Failed to watch",
        ),
        (
            "2024/05/01 10:00:00 [error] 31#31: *1 connect() failed (111: Connection refused)",
            Level::Error,
            "connect() failed",
        ),
        (
            "10.0.0.1 - - [01/May/2024:10:00:00 +0000] \"GET / HTTP/1.1\" 502 157",
            Level::Error,
            "GET /",
        ),
        (
            "[2024-05-01 10:00:00] CRITICAL: no workers left",
            Level::Fatal,
            "no workers left",
        ),
        (
            r#"{"t":{"$date":"2026-03-07T06:57:30.643+00:00"},"s":"E","c":"STORAGE","id":22435,"ctx":"a","msg":"WiredTiger error","attr":{"error":5,"message":"pwrite: Input/output error"}}"#,
            Level::Error,
            "WiredTiger error: pwrite: Input/output error",
        ),
        (
            r#"{"t":{"$date":"2026-03-07T06:57:30.643+00:00"},"s":"I","c":"ACCESS","id":20249,"ctx":"a","msg":"Authentication failed","attr":{"error":"UserNotFound"}}"#,
            Level::Unknown,
            "Authentication failed",
        ),
        (
            "ERROR: relation \"orders\" does not exist",
            Level::Error,
            "relation",
        ),
        (
            "{\"level\":50,\"time\":1714557600000,\"msg\":\"failed\"}",
            Level::Error,
            "failed",
        ),
        (
            "ERROR:app.orders:no stock: 0 left",
            Level::Error,
            "no stock: 0 left",
        ),
        (
            "INFO:     10.0.0.7:4340 - \"GET /metrics HTTP/1.1\" 200 OK",
            Level::Info,
            "10.0.0.7:4340 - \"GET /metrics HTTP/1.1\" 200 OK",
        ),
        ("just some words", Level::Unknown, "just some words"),
    ];
    for (text, level, part) in cases {
        let entry = one(text);
        assert_eq!(entry.level, level, "{text}");
        assert!(entry.message.contains(part), "{text}: {}", entry.message);
    }
}

#[test]
fn reads_the_times_of_redis_celery_and_gunicorn() {
    for (text, time, level, message) in [
        (
            "328:C 14 Apr 2026 22:05:08.351 # Write error saving DB on disk: No space left on device",
            "2026-04-14T22:05:08.351Z",
            Level::Warn,
            "Write error saving DB on disk: No space left on device",
        ),
        (
            "1:M 4 Apr 2026 22:05:08.101 * 10000 changes in 60 seconds. Saving...",
            "2026-04-04T22:05:08.101Z",
            Level::Info,
            "10000 changes in 60 seconds. Saving...",
        ),
        (
            "[2026-04-14 21:37:27,682: ERROR/MainProcess] Task app.tasks.render raised unexpected: KeyError('id')",
            "2026-04-14T21:37:27.682Z",
            Level::Error,
            "Task app.tasks.render raised unexpected: KeyError('id')",
        ),
        (
            "[2026-04-14 21:37:27 +0000] [145] [CRITICAL] WORKER TIMEOUT (pid:135)",
            "2026-04-14T21:37:27Z",
            Level::Fatal,
            "WORKER TIMEOUT (pid:135)",
        ),
        (
            "[2026-04-14 21:37:27 +0200] [145] [ERROR] Worker failed to boot.",
            "2026-04-14T19:37:27Z",
            Level::Error,
            "Worker failed to boot.",
        ),
        (
            "2026-04-14 21:37:27 +0200 ERROR cannot read the ledger",
            "2026-04-14T19:37:27Z",
            Level::Error,
            "cannot read the ledger",
        ),
        (
            "2026-04-14 21:37:27 ERROR -0200 is no amount",
            "2026-04-14T21:37:27Z",
            Level::Error,
            "-0200 is no amount",
        ),
        (
            "2026-04-14 21:37:27 [145] ERROR no zone",
            "2026-04-14T21:37:27Z",
            Level::Error,
            "no zone",
        ),
    ] {
        let entry = one(text);
        assert_eq!(entry.time, Some(time.parse().unwrap()), "{text}");
        assert_eq!((entry.level, entry.message.as_str()), (level, message), "{text}");
    }
}

#[test]
fn folds_a_java_trace_and_finds_its_innermost_cause() {
    let entry = one("2024-05-01 10:00:00 ERROR request failed\n\
         java.lang.IllegalStateException: cannot load order\n\
         \tat org.springframework.web.Servlet.doGet(Servlet.java:1)\n\
         \tat com.acme.Orders.load(Orders.java:42)\n\
         Caused by: java.net.ConnectException: Connection refused (Connection refused)\n\
         \tat java.base/java.net.Socket.connect(Socket.java:1)\n\
         \tat com.acme.Db.open(Db.java:17)\n\
         \t... 12 more");
    let trace = entry.trace.unwrap();
    assert_eq!(trace.exception.as_deref(), Some("java.net.ConnectException"));
    assert!(trace.said.unwrap().contains("Connection refused"));
    assert!(trace.text.contains("12 more"));
}

#[test]
fn folds_python_go_and_node_traces() {
    let python = one(
        "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    run()\n  File \"/app/run.py\", line 9, in run\n    os.environ['DB']\nKeyError: 'DB'",
    );
    let trace = python.trace.unwrap();
    assert_eq!(trace.exception.as_deref(), Some("KeyError"));
    assert!(trace.frame.unwrap().contains("/app/run.py"));
    let go = one(
        "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\nmain.handler(0xc0000140a8)\n\t/app/main.go:42 +0x1d\nexit status 2",
    );
    assert_eq!(go.level, Level::Fatal);
    assert_eq!(go.trace.unwrap().exception.as_deref(), Some("panic"));
    let node = one(
        "Error: connect ECONNREFUSED 10.0.0.5:6379\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1495:16)\n    at Redis.open (/app/redis.js:3:1)",
    );
    assert!(node.trace.unwrap().said.unwrap().contains("ECONNREFUSED"));
}

#[test]
fn what_a_rust_panic_says_stands_on_its_second_line() {
    let entry = one(
        "thread 'main' panicked at src/exporter.rs:41:10:\ncannot bind 0.0.0.0:9100: Address already in use\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    );
    let trace = entry.trace.unwrap();
    assert_eq!(trace.exception.as_deref(), Some("panic"));
    assert_eq!(
        trace.said.as_deref(),
        Some("cannot bind 0.0.0.0:9100: Address already in use")
    );
}

#[test]
fn the_words_of_a_panic_may_end_like_its_head() {
    let entry = one(
        "thread 'main' panicked at src/config.rs:12:5:\nthe configuration cannot be read:\n  expected a number at line 3",
    );
    assert_eq!(
        entry.trace.unwrap().said.as_deref(),
        Some("the configuration cannot be read:")
    );
}

#[test]
fn a_new_entry_ends_a_trace() {
    let log = parse(b"2024-05-01 10:00:00 ERROR a\n\tat com.acme.A.b(A.java:1)\n2024-05-01 10:00:01 INFO fine\n2024-05-01 10:00:02 INFO fine");
    assert_eq!(log.entries.len(), 3);
    assert!(log.entries[0].trace.is_some() && log.entries[1].trace.is_none());
}

#[test]
fn binary_and_long_lines_are_cut_and_said() {
    let mut raw = vec![0xff_u8; 100_000];
    raw.extend(b"\nok\n");
    let log = parse(&raw);
    assert!(log.truncated);
    assert_eq!(log.entries.last().unwrap().message, "ok");
}

proptest! {
    #[test]
    fn any_bytes_are_taken(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let log = parse(&raw);
        prop_assert!(log.entries.len() <= raw.split(|b| *b == b'\n').count());
    }
}

#[test]
fn what_an_exception_says_on_several_lines_is_kept() {
    let entry = one("2024-05-01 10:00:00 ERROR start failed\n\
         com.acme.StartException: cannot start: the plan is not valid\n\
         step 7 was changed after it was applied\n\
         Learn more: https://plans.example/valid\n\
         \tat com.acme.Start.run(Start.java:42)\n\
         Caused by: com.acme.PlanException: the plan is not valid\n");
    let trace = entry.trace.unwrap();
    assert_eq!(trace.exception.as_deref(), Some("com.acme.PlanException"));
    let said = trace.said.unwrap();
    assert!(
        said.starts_with("the plan is not valid step 7 was changed"),
        "{said}"
    );
    // Entries that are a program's own are none of it.
    let log = parse(
        b"2024-05-01 10:00:00 ERROR a\ncom.acme.StartException: no\n2024-05-01 10:00:01 INFO b\n\tat com.acme.A.b(A.java:1)\n",
    );
    assert_eq!(log.entries.len(), 2, "{log:#?}");
}

#[test]
fn the_list_beneath_an_error_belongs_to_it() {
    let log = parse(b"ERROR: [2] checks failed\n[1]: too few handles [10]\n[2]: no memory\nINFO [3] done\n");
    let messages: Vec<&str> = log.entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].ends_with("[1]: too few handles [10]\n[2]: no memory"));
    // Without an announcement it is a line as any other.
    assert_eq!(parse(b"ERROR: no\n[1]: served\n").entries.len(), 2);
}
