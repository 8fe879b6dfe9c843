//! Lines of JSON, logfmt and klog.

use super::{mine, text};

#[test]
fn an_object_keeps_its_keys_and_its_message() {
    for (line, template) in [
        (
            r#"{"level":"info","ts":1790000000.5,"caller":"api/ferry.go:40","msg":"docked at pier 7 after 12 ms"}"#,
            r#"{"level":"info","ts":<*>,"caller":<*>,"msg":"docked at pier <*> after <*> ms"}"#,
        ),
        // Spaces between the parts say nothing.
        (
            r#"{ "severity": "WARNING", "message": "tank is low", "labels": {"tank": "b", "sensors": [1, {"x": 2}]} }"#,
            r#"{"severity":"WARNING","message":"tank is low","labels":{"tank":<*>,"sensors":<*>}}"#,
        ),
        (
            r#"{"level":50,"time":1790000000000,"msg":"no seat left","err":{"type":"Full","message":"row 9 is taken","stack":"Full: row 9\n  at x"}}"#,
            r#"{"level":50,"time":<*>,"msg":"no seat left","err":{"type":<*>,"message":"row <*> is taken","stack":<*>}}"#,
        ),
        // The rest of a message is a dump.
        (
            r#"{"msg":"parser gave up\nat a\nat b","ok":false}"#,
            r#"{"msg":"parser gave up <*>","ok":<*>}"#,
        ),
        // An entry as a string within an entry, and one behind what a forwarder puts in front.
        (
            r#"{"log":"{\"msg\":\"user \\\"bo li\\\" left\",\"n\":1}\n","stream":"stdout"}"#,
            r#"{"log":"{"msg":"user <*> left","n":<*>}","stream":<*>}"#,
        ),
        (
            r#"2026-03-01T10:00:00.123456789Z stdout F {"msg":"anchor up","n":1}"#,
            r#"<*> stdout F {"msg":"anchor up","n":<*>}"#,
        ),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn objects_that_are_cut_off_or_none_are_text() {
    assert_eq!(text(r#"{"msg":"anchor up","dep"#), r#"{"msg":"anchor up","dep"#);
    assert_eq!(text(r#"{"a":[1,2"#), r#"{"a":<*>"#);
    assert_eq!(text("{not an object}"), "{not an object}");
    assert_eq!(
        text(r#"saved the settings of the harbour master as {"depth": 3}"#),
        "saved the settings of the harbour master as {<*>}"
    );
    let wide: Vec<String> = (0..500).map(|n| format!("\"k{n}\":{n}")).collect();
    let deep = "{\"a\":".repeat(3_000);
    for line in [format!("{{{}}}", wide.join(",")), deep] {
        let template = text(&line);
        assert!(template.len() < 1_000, "{template}");
    }
}

#[test]
fn messages_and_levels_tell_objects_apart_and_other_values_do_not() {
    let line = |level: &str, message: &str, berth: &str| {
        format!(r#"{{"level":"{level}","msg":"{message}","berth":"{berth}"}}"#)
    };
    let lines = [
        line("info", "ship arrived", "north"),
        line("info", "ship arrived", "south"),
        line("info", "ship sailed", "north"),
        line("error", "ship arrived", "north"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (miner, ids) = mine(&lines);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(miner.templates().len(), 3);
}

#[test]
fn messages_in_quotes_are_text_and_values_in_quotes_are_not() {
    for (line, template) in [
        (
            r#"time="2026-03-01T10:00:00Z" level=warn msg="tide is at 3 m" pier="north end" err="gauge 7: no answer""#,
            r#"time=<*> level=warn msg="tide is at <*> m" pier=<*> err="gauge <*>: no answer""#,
        ),
        (
            r#"level=info msg=docked owner="bo li" note="all is well""#,
            "level=info msg=docked owner=<*> note=<*>",
        ),
        (
            r#"level=info msg="ship \"bo li\" left" pier=4"#,
            r#"level=info msg="ship <*> left" pier=<*>"#,
        ),
        (
            r#"I0301 10:00:00.123456       1 pier.go:42] "Opening gate" gate="north/a" depth=3"#,
            r#"<*>] "Opening gate" gate=<*> depth=<*>"#,
        ),
        (
            r#"E0301 10:00:00.123456       1 pier.go:42] "Gate is stuck""#,
            r#"<*>] "Gate is stuck""#,
        ),
        (r#""bo li" went ashore"#, "<*> went ashore"),
        (r#"WARN "north""#, "WARN <*>"),
        (
            r#"level=info msg="cut off in the"#,
            r#"level=info msg="cut off in the"#,
        ),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
}

#[test]
fn the_method_of_a_request_tells_lines_apart() {
    for (line, template) in [
        (
            r#"10.0.0.7 - - [01/Mar/2026:10:00:00 +0000] "PUT /berths/7 HTTP/1.1" 204 0 "-" "curl/8.5.0""#,
            "<*> - - [<*>] PUT <*>",
        ),
        (
            r#"answered "HEAD / HTTP/1.0" with 200"#,
            "answered HEAD <*> with <*>",
        ),
        (
            "upstream refused 'POST https://pier/x' twice",
            "upstream refused POST <*> twice",
        ),
        // A name that looks like a method.
        (r#"window "GET STARTED" was closed"#, "window <*> was closed"),
    ] {
        assert_eq!(text(line), template, "{line}");
    }
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let lines: Vec<String> = methods
        .iter()
        .map(|method| format!("a slow answer to \"{method} /berths/7 HTTP/1.1\" was sent"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(mine(&lines).0.templates().len(), methods.len());
}
