use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Secrets in this file are put together at run time, so that scanners of repositories leave it alone.
fn secret(parts: &[&str]) -> String {
    parts.concat()
}

fn github() -> String {
    secret(&["gh", "p_", "16C7e42F292c6912E7710c838347Ae178B4a"])
}

fn jwt() -> String {
    secret(&[
        "ey",
        "JhbGciOiJSUzI1NiJ9.",
        "ey",
        "Jpc3MiOiJrdWJlcm5ldGVzIn0.",
        "c2lnbmF0dXJlLW9mLXRva2Vu",
    ])
}

fn redact(text: &str) -> String {
    Redactor::new().redact(text).into_owned()
}

#[test]
fn all_patterns_compile() {
    assert!(form::all_compile() && name::all_compile() && pem::compiles());
}

#[test]
fn takes_out_known_forms() {
    let stripe = secret(&["sk_", "live_", "4eC39HqLyjWDarjtT1zdp7dc"]);
    let aws = secret(&["AK", "IA", "IOSFODNN7EXAMPLE"]);
    let slack = secret(&["xo", "xb-", "123456789012-abcdefGHIJ"]);
    let gitlab = secret(&["gl", "pat-", "Zx9fQ2mW7kLp4sTvY1bN"]);
    let google = secret(&["AI", "za", "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"]);
    let azure = secret(&["abc", "8Q~", "defghijklmnopqrstuvwxyz0123456789"]);
    let vault = secret(&["hv", "s.", "CAESIJ0k3kQwVbN8n2mXyZ1234567890"]);
    for (value, kind) in [
        (github(), "github-token"),
        (jwt(), "jwt"),
        (stripe, "stripe-key"),
        (aws, "aws-access-key"),
        (slack, "slack-token"),
        (gitlab, "gitlab-token"),
        (google, "google-api-key"),
        (azure, "azure-client-secret"),
        (vault, "vault-token"),
    ] {
        for (before, after) in [("", ""), ("got ", " today"), ("(", ")."), ("é\u{1f980}", "é")] {
            let text = format!("{before}{value}{after}");
            // A letter before it makes it part of a word.
            if before.ends_with(char::is_alphanumeric) {
                continue;
            }
            assert_eq!(
                redact(&text),
                format!("{before}[redacted:{kind}]{after}"),
                "{text}"
            );
        }
    }
}

#[test]
fn takes_out_private_keys_even_when_cut_off() {
    let key = secret(&["-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEpAIBAAKCAQEA\nabc=\n"]);
    let end = secret(&["-----END RSA PRIV", "ATE KEY-----"]);
    assert_eq!(redact(&format!("a {key}{end} b")), "a [redacted:private-key] b");
    assert_eq!(redact(&format!("a {key}")), "a [redacted:private-key]");
    let value = json!({"data": format!("{key}{end}")});
    assert_eq!(
        Redactor::new().redact_json(value),
        json!({"data": "[redacted:private-key]"})
    );
    let public = "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQG\n-----END CERTIFICATE-----";
    assert_eq!(redact(public), public);
}

/// The lines of a key, and of what a log has around it.
fn key_in_log() -> Vec<String> {
    let mut lines = vec![
        "reading key".to_owned(),
        secret(&["-----BEGIN RSA PRIV", "ATE KEY-----"]),
    ];
    lines.extend(key_body());
    lines.extend([
        secret(&["-----END RSA PRIV", "ATE KEY-----"]),
        "it is done".to_owned(),
    ]);
    lines
}

fn key_body() -> Vec<String> {
    let line = "MIIEpAIBAAKCAQEAx0Fr7mV2Yq8kP5zN1bWc9dTgH4jLsU6oXeRiQaZvBn3yKtM+";
    let mut lines: Vec<String> = (0..5).map(|at| format!("{at}{}", &line[1..])).collect();
    lines.push("Q2xhdw==".to_owned());
    lines
}

fn assert_no_key(lines: &str, about: &str) {
    for line in key_body() {
        assert!(!lines.contains(&line), "{about}: {lines}");
    }
    assert!(!lines.contains("PRIVATE"), "{about}: {lines}");
    for other in ["reading key", "it is done", "GET /healthz 200"] {
        assert!(lines.contains(other), "{about}: {lines}");
    }
}

#[test]
fn takes_out_private_keys_line_by_line() {
    let plain = key_in_log();
    let interleaved: Vec<_> = plain
        .iter()
        .flat_map(|line| [line.clone(), "GET /healthz 200".to_owned()])
        .collect();
    let mut shapes = vec![("plain", plain), ("interleaved", interleaved)];
    let prefixed = |(name, lines): &(&'static str, Vec<String>)| {
        let lines = lines
            .iter()
            .map(|line| format!("2026-03-01T10:00:00Z stdout F {line}"));
        (*name, lines.collect())
    };
    shapes.extend(shapes.iter().map(prefixed).collect::<Vec<(&str, Vec<String>)>>());
    let reversed = shapes.iter().filter(|(name, _)| *name == "plain");
    let reversed: Vec<_> = reversed
        .map(|(_, lines)| ("latest first", lines.iter().rev().cloned().collect()))
        .collect();
    shapes.extend(reversed);
    for (name, mut lines) in shapes {
        lines.push("GET /healthz 200".to_owned());
        let redactor = Redactor::new();
        let objects: Vec<_> = lines
            .iter()
            .map(|line| json!({"pod": "a", "text": line}))
            .collect();
        let pairs: Vec<_> = lines
            .iter()
            .map(|line| json!(["1700000000000000001", line]))
            .collect();
        for value in [json!(lines), json!({"lines": objects}), json!({"values": pairs})] {
            assert!(redactor.may_hold_secret(&value.to_string()));
            let text = redactor.redact_json(value).to_string();
            assert_no_key(&text, name);
            assert_eq!(
                text.matches("1700000000000000001").count() % lines.len(),
                0,
                "{text}"
            );
        }
        if name != "latest first" {
            assert_no_key(&redact(&lines.join("\n")), name);
        }
        let mut log = lines.clone();
        redactor.redact_lines(&mut log);
        assert_no_key(&log.join("\n"), name);
        assert_eq!(log.len(), lines.len());
    }
}

#[test]
fn takes_out_what_a_cut_leaves_of_a_key() {
    let lines = key_in_log();
    let end = lines.len() - 1;
    for tail in 2..end {
        // The tail of a log begins inside of the key.
        let cut = lines[tail..].to_vec();
        for text in [cut.join("\n"), cut.join("\\n")] {
            let text = redact(&text);
            assert!(!key_body().iter().any(|line| text.contains(line)), "{text}");
            assert!(text.ends_with("done"), "{text}");
        }
        let text = Redactor::new().redact_json(json!({"lines": cut})).to_string();
        assert!(!key_body().iter().any(|line| text.contains(line)), "{text}");
        // Or its head ends there.
        let text = Redactor::new().redact_json(json!(lines[..tail])).to_string();
        assert!(!key_body().iter().any(|line| text.contains(line)), "{text}");
    }
}

#[test]
fn a_key_that_is_spoken_of_hides_nothing_else() {
    let mut lines = vec!["expected -----BEGIN PRIVATE KEY----- at the beginning".to_owned()];
    lines.extend((0..20).map(|number| format!("GET /orders/{number} 200 in 3ms")));
    lines.push("Started".to_owned());
    let value = Redactor::new().redact_json(json!(lines));
    assert_eq!(value[0], "expected [redacted:private-key]");
    for (at, line) in lines.iter().enumerate().skip(1) {
        assert_eq!(value[at], *line);
    }
    // A digest near a whole key stays: it is not of the key.
    let key = format!("{}\n", key_in_log()[1..9].join("\n"));
    let digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let value = Redactor::new().redact_json(json!([digest, key, "x"]));
    assert_eq!(value[0], digest);
    assert_eq!(value[2], "x");
}

#[test]
fn takes_out_what_is_named_secret() {
    for (text, expected) in [
        ("password=hunter2", "password=[redacted:password]"),
        ("PASSWORD = hunter2", "PASSWORD = [redacted:password]"),
        ("password: hunter2", "password: [redacted:password]"),
        ("password:hunter2", "password:[redacted:password]"),
        (
            "user=a password='it is' x",
            "user=a password='[redacted:password]' x",
        ),
        ("{'passwd': 'x y'}", "{'passwd': '[redacted:password]'}"),
        (
            r#"bad config {"apiKey":"abc", "n":1"#,
            r#"bad config {"apiKey":"[redacted:key]", "n":1"#,
        ),
        (
            r#"\"client_secret\":\"a\\\"b\""#,
            r#"\"client_secret\":\"[redacted:secret]\""#,
        ),
        ("DB_PASSWORD=a,b", "DB_PASSWORD=[redacted:password]"),
        ("pwd=a;host=b;x", "pwd=[redacted:password];host=b;x"),
        (
            "Server=db;User Id=sa;Password=p@ss=1;Encrypt=true",
            "Server=db;User Id=sa;Password=[redacted:password];Encrypt=true",
        ),
        (
            "?access_token=abc123&page=2",
            "?access_token=[redacted:token]&page=2",
        ),
        (
            "--password hunter2 --host db",
            "--password [redacted:password] --host db",
        ),
        ("--token=abc", "--token=[redacted:token]"),
        (
            "map[password:hunter2 user:x]",
            "map[password:[redacted:password] user:x]",
        ),
        (
            "<Password>hunter2</Password>",
            "<Password>[redacted:password]</Password>",
        ),
        (":password=>\"x1\"", ":password=>\"[redacted:password]\""),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [redacted:key]",
        ),
        (
            "AccountName=a;AccountKey=Zm9v/YmFy+A==;EndpointSuffix=x",
            "AccountName=a;AccountKey=[redacted:key];EndpointSuffix=x",
        ),
        ("X-Vault-Token: abc.DEF123", "X-Vault-Token: [redacted:token]"),
        (
            "Authorization: Bearer abc",
            "Authorization: Bearer [redacted:authorization]",
        ),
        (
            "-H 'Authorization: token abc def' x",
            "-H 'Authorization: token [redacted:authorization] def' x",
        ),
        (
            "\"authorization\":\"Basic YTpi\",",
            "\"authorization\":\"Basic [redacted:authorization]\",",
        ),
        (
            "Cookie: session=abc; theme=dark\nok",
            "Cookie: [redacted:cookie]\nok",
        ),
        ("sent Bearer a1b2c3d4e5f6", "sent Bearer [redacted:token]"),
        ("sent basic dXNlcjpwYXNz", "sent basic [redacted:password]"),
        (
            "postgres://u:p%40ss@db:5432/x",
            "postgres://u:[redacted:password]@db:5432/x",
        ),
        ("redis://:pw@cache", "redis://:[redacted:password]@cache"),
        (
            "mongodb+srv://u:a:b@c/?x=1",
            "mongodb+srv://u:[redacted:password]@c/?x=1",
        ),
        ("amqp://u:p@ss@mq/", "amqp://u:[redacted:password]@mq/"),
        (
            "- name: DB_PASSWORD\n              value: hunter2\n",
            "- name: DB_PASSWORD\n              value: [redacted:password]\n",
        ),
        (
            "//registry.npmjs.org/:_authToken=abc-1",
            "//registry.npmjs.org/:_authToken=[redacted:token]",
        ),
        ("ключpassword=тайна, да", "ключpassword=[redacted:password], да"),
        (
            "\u{1b}[31mpassword=x1\u{1b}[0m",
            "\u{1b}[31mpassword=[redacted:password]\u{1b}[0m",
        ),
        (
            "https://hooks.slack.com/services/T0/B0/x9",
            "https://hooks.slack.com/services/[redacted:slack-webhook]",
        ),
        (
            "PGPASSWORD=x psql; MYSQL_PASS=y mysql",
            "PGPASSWORD=[redacted:password] psql; MYSQL_PASS=[redacted:password] mysql",
        ),
        (
            "{\"auths\":{\"r.io\":{\"auth\":\"dXNlcjpwYXNz\"}}}",
            "{\"auths\":{\"r.io\":{\"auth\":\"[redacted:credential]\"}}}",
        ),
    ] {
        assert_eq!(redact(text), expected, "{text}");
    }
}

#[test]
fn leaves_alone_what_only_sounds_secret() {
    for text in [
        "secret \"db-credentials\" not found",
        "couldn't find key password in Secret shop/db-credentials",
        "references non-existent secret key: DB_PASSWORD",
        "secrets \"a\" is forbidden: User \"system:serviceaccount:ci:token-cleaner\" cannot get resource \"secrets\"",
        "mounting secret: db-credentials",
        "failed to sync secret cache: timed out waiting for the condition",
        "Unexpected token: } at line 3",
        "SyntaxError: Unexpected token o in JSON at position 1",
        "unexpected token: 'foo'",
        "invalid token: signature is invalid",
        "password: must not be empty",
        "authentication failed: token has expired",
        "Authorization: denied for user bob",
        "max_tokens=4096 tokens: 12 token_count=7 token=5",
        "tokenExpirationSeconds: 3607, secretName: db",
        "automountServiceAccountToken: false",
        "--token-file /var/run/secrets/kubernetes.io/serviceaccount/token",
        "bearer_token_file: /var/run/secrets/token",
        "token: /var/run/secrets/kubernetes.io/serviceaccount/token",
        "PWD=/home/app OLDPWD=/",
        "Pulling image \"ghcr.io/shop/token:v1.2.3\"",
        "image registry:5000/vault-secret:1.2.3-alpine@sha256:0123456789abcdef",
        "dial tcp: token-service:8080 refused; backend api-token:http",
        "password=$(DB_PASSWORD) token=${TOKEN} secret={{ .Values.secret }} password=%s",
        "password=****** token: <redacted>",
        "bearer authentication-required",
        "basic authentication failed",
        "http://host:8080/a@b https://example.com:443/x?y=z@w",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
        "commit 1f3870be274f6c49b3e31a0c6728957f1f3870be by bob",
        "uid 7d5c2a3e-9f0b-4c61-8a2d-3b1f0e9d8c7a resourceVersion=8812734",
        "std::token::Token::parse panicked",
        "first pass: done",
        "etag: W/\"5e8ff9bf55ba3508199d22e984129be6\"",
        "partition_key=orders sort-key: created primary key: id",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn keys_of_json_decide() {
    let before = json!({
        "password": "hunter2", "dbPasswd": "a b", "apiKey": "k", "client_secret": "s", "private-key": "p",
        "Authorization": "Bearer x", "connectionString": "Server=a;Uid=b", "x": {"token": ["t", 1]},
        "password1": "hunter2", "tls.key": "k", "client-key-data": "k", "secretValue": "v",
        "items": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"value": "k", "name": "API_KEY"}],
        "args": ["--password", "hunter2", "--verbose"],
        "message": "login with password=hunter2",
        "text": "{\"password\":\"hunter2\",\"n\":1.50}",
    });
    let after = json!({
        "password": "[redacted:password]", "dbPasswd": "[redacted:password]", "apiKey": "[redacted:key]",
        "client_secret": "[redacted:secret]", "private-key": "[redacted:key]",
        "Authorization": "[redacted:authorization]", "connectionString": "[redacted:connection-string]",
        "x": {"token": ["[redacted:token]", 1]},
        "password1": "[redacted:password]", "tls.key": "[redacted:key]", "client-key-data": "[redacted:key]",
        "secretValue": "[redacted:secret]",
        "items": [{"name": "DB_PASSWORD", "value": "[redacted:password]"}, {"value": "[redacted:key]", "name": "API_KEY"}],
        "args": ["--password", "[redacted:password]", "--verbose"],
        "message": "login with password=[redacted:password]",
        "text": "{\"n\":1.5,\"password\":\"[redacted:password]\"}",
    });
    assert!(Redactor::new().may_hold_secret(&before.to_string()));
    assert_eq!(Redactor::new().redact_json(before), after);
}

#[test]
fn names_decide_about_values() {
    let redactor = Redactor::new();
    for (name, value, shown) in [
        ("DB_PASSWORD", "hunter2", "[redacted:password]"),
        ("token", "abc.def", "[redacted:token]"),
        ("API_TOKEN", "", ""),
        ("MAX_TOKENS", "4096", "4096"),
        ("TOKENIZER", "cl100k_base", "cl100k_base"),
        ("SECRETARY_EMAIL", "a@example.com", "a@example.com"),
        ("TOKEN_FILE", "/run/token", "/run/token"),
        (
            "DB_URL",
            "postgres://u:hunter2@db/x",
            "postgres://u:[redacted:password]@db/x",
        ),
        ("checksum/secret", "0a1b2c", "0a1b2c"),
    ] {
        assert_eq!(redactor.redact_named(name, value), shown, "{name}");
    }
}

#[test]
fn data_of_secrets_goes_whatever_its_keys() {
    let inner =
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"motd": "open sesame"}}).to_string();
    let object = json!({"kind": "List", "items": [{
        "kind": "Secret",
        "metadata": {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": inner}},
        "data": {"a": "b3BlbiBzZXNhbWU=", "b": ""},
    }]});
    assert!(Redactor::new().may_hold_secret(&object.to_string()));
    let text = Redactor::new().redact_json(object).to_string();
    assert!(
        !text.contains("open sesame") && !text.contains("b3BlbiBz"),
        "{text}"
    );
    assert!(text.contains(r#""b":"""#), "{text}");
}

/// A pod as the API server shows it: many names that sound secret, no secret.
fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "token-service-7d5c9f8b6d-x2x9k", "namespace": "shop", "uid": "7d5c2a3e-9f0b-4c61-8a2d-3b1f0e9d8c7a",
            "resourceVersion": "8812734",
            "labels": {"app": "token-service", "pod-template-hash": "7d5c9f8b6d", "secret": "false"},
            "annotations": {
                "checksum/secret": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "kubernetes.io/config.hash": "4bf92f3577b34da6a3ce929d0e0e4736",
            },
        },
        "spec": {
            "automountServiceAccountToken": true, "serviceAccountName": "token-service",
            "imagePullSecrets": [{"name": "registry-token"}],
            "containers": [{
                "name": "api-token", "image": "ghcr.io/shop/token:v1.2.3",
                "args": ["--token-file=/var/run/secrets/kubernetes.io/serviceaccount/token", "--max-token", "12"],
                "env": [
                    {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-credentials", "key": "password"}}},
                    {"name": "DB_PASSWORD_FILE", "value": "/etc/db/password"},
                    {"name": "SECRET_NAME", "value": "db-credentials"},
                    {"name": "USE_TOKEN", "value": "true"},
                    {"name": "URL", "value": "postgres://$(DB_USER):$(DB_PASSWORD)@db/orders"},
                ],
                "envFrom": [{"secretRef": {"name": "db-credentials"}}],
                "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access-x2x9k"}],
            }],
            "volumes": [
                {"name": "db-secret", "secret": {"secretName": "db-credentials", "defaultMode": 420}},
                {"name": "kube-api-access-x2x9k", "projected": {"sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                ]}},
            ],
        },
        "status": {"containerStatuses": [{
            "imageID": "ghcr.io/shop/token@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "containerID": "containerd://4bf92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6a3ce929d0e0e4736",
            "lastState": {"terminated": {"message": "secret \"db-credentials\" not found", "reason": "Error"}},
        }]},
    })
}

#[test]
fn leaves_a_pod_alone() {
    let mut expected = pod();
    assert_eq!(Redactor::new().redact_json(pod()), expected);
    // And sees the one secret in it.
    expected["spec"]["containers"][0]["env"][0] = json!({"name": "DB_PASSWORD", "value": "hunter2"});
    let text = Redactor::new().redact_json(expected).to_string();
    assert!(
        !text.contains("hunter2") && text.contains("[redacted:password]"),
        "{text}"
    );
}

#[test]
fn a_glance_at_ordinary_answers_says_that_they_are_harmless() {
    for value in [
        json!({"pods": [{"name": "token-service", "secretName": "db", "reason": "CrashLoopBackOff"}]}),
        json!({"lines": ["GET /healthz 200 \u{1b}[0m", "secret \"db-credentials\" not found", "a\tb\n"]}),
        json!({"secretKeyRef": {"name": "db", "key": "password"}, "path": "token", "imagePullSecrets": []}),
        json!({"tokenExpirationSeconds": 3607, "automountServiceAccountToken": true}),
        json!({"kind": "Secret", "name": "db-credentials"}),
    ] {
        assert!(!Redactor::new().may_hold_secret(&value.to_string()), "{value}");
    }
}

#[test]
fn takes_patterns_of_the_user() {
    let redactor = Redactor::new()
        .with_pattern("badge", r"badge-(?P<secret>\d+)")
        .unwrap()
        .with_pattern("quoted", "\"«[^»]*»")
        .unwrap();
    assert_eq!(redactor.redact("my badge-123"), "my badge-[redacted:badge]");
    let value = json!({"a": "say \"«x»", "b": "badge-9"});
    assert!(redactor.may_hold_secret(&value.to_string()));
    assert!(!redactor.may_hold_secret(&json!({"a": "say \"x\""}).to_string()));
    assert_eq!(
        redactor.redact_json(value),
        json!({"a": "say [redacted:quoted]", "b": "badge-[redacted:badge]"})
    );
    assert!(matches!(
        Redactor::new().with_pattern("a b", "x"),
        Err(PatternError::Kind { .. })
    ));
    assert!(matches!(
        Redactor::new().with_pattern("a", "("),
        Err(PatternError::Regex { .. })
    ));
    assert!(matches!(
        Redactor::new().with_pattern("a", ".*"),
        Err(PatternError::TooBroad { .. })
    ));
    assert!(matches!(
        Redactor::new().with_pattern("a", "redacted"),
        Err(PatternError::TooBroad { .. })
    ));
}

/// Text out of the pieces that the rules look for, so that they meet in every way.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "password",
            "token",
            "secret",
            "api_key",
            "api key",
            "pass",
            "auth",
            "authorization",
            "cookie",
            "DB_PASSWORD",
            "dsn",
            "connectionString",
            "--token",
            "secretName",
            "checksum/secret",
            "unexpected ",
            "name",
            "value",
            "kind",
            "Secret",
            "data",
            "tls.key",
        ]),
        prop::sample::select(vec![
            "=",
            ":",
            ": ",
            "=>",
            "::",
            "\"",
            "'",
            "\\",
            "\\\"",
            "\n",
            "\t",
            " ",
            ",",
            ";",
            "&",
            "{",
            "}",
            "[",
            "]",
            "<",
            ">",
            "/",
            "@",
            "://",
            ".",
            "-",
            "\u{1b}",
            "\u{0}",
            "é",
            "\u{1f980}",
            "\u{a0}",
        ]),
        prop::sample::select(vec![
            "hunter2",
            "x",
            "true",
            "12",
            "abcDEF123456789012345",
            "Bearer ",
            "Basic ",
            "dXNlcjpwYXNz",
            "https://u:p@h/",
            "[redacted:token]",
            "[redacted:",
            "$(X)",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr.c2ln",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "sig=0123456789abcdefghijk",
            "?",
        ]),
        "[ -~]{0,6}".prop_map(|_| ""),
    ];
    prop_oneof![
        4 => prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,40}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let key = prop_oneof![
        3 => prop::sample::select(vec!["name", "value", "kind", "data", "stringData", "password", "token", "secretName", "auth", "x"])
            .prop_map(str::to_owned),
        1 => text(),
    ];
    let word = prop::sample::select(vec![
        "DB_PASSWORD",
        "api-key",
        "Secret",
        "hunter2",
        "--token",
        "x",
    ])
    .prop_map(Value::from);
    prop_oneof![3 => leaf, 1 => word].prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner.clone(), 0..4).prop_map(|map| json!(map)),
            // JSON in a string.
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redacting_twice_changes_nothing_more(text in text()) {
        let once = redact(&text);
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn a_glance_misses_nothing(value in value()) {
        let redacted = Redactor::new().redact_json(value.clone());
        if redacted != value {
            prop_assert!(Redactor::new().may_hold_secret(&value.to_string()), "{} became {}", value, redacted);
            // Spaces between the parts make no difference.
            prop_assert!(Redactor::new().may_hold_secret(&serde_json::to_string_pretty(&value).unwrap()));
        }
        prop_assert_eq!(Redactor::new().redact_json(redacted.clone()), redacted);
    }

    #[test]
    fn a_glance_sees_a_tab_before_a_token_however_deep_it_lies(depth in 0_usize..4, blanks in "[ \t]{1,3}", kind in "(Bearer|bearer)") {
        let mut text = format!("{kind}{blanks}a1b2c3d4e5f6");
        for _ in 0..depth {
            text = json!([text]).to_string();
        }
        prop_assert!(Redactor::new().may_hold_secret(&json!(text).to_string()), "{}", text);
    }

    #[test]
    fn a_glance_sees_a_flag_behind_an_escape(depth in 0_usize..4, before in "[\u{1b}\n\t\u{8} x]{1,2}") {
        let mut text = format!("{before}--token hunter2-abc");
        for _ in 0..depth {
            text = json!([text]).to_string();
        }
        let value = json!(text);
        let changes = Redactor::new().redact_json(value.clone()) != value;
        prop_assert!(!changes || Redactor::new().may_hold_secret(&value.to_string()), "{}", text);
    }

    #[test]
    fn keeps_everything_but_secrets(before in "[a-z \n]{0,20}", after in "[a-z \n]{0,20}") {
        let text = format!("{before} password=hunter2 {after}");
        prop_assert_eq!(redact(&text), format!("{before} password=[redacted:password] {after}"));
    }
}

#[test]
fn an_address_that_is_none_once_its_secret_is_gone_goes_whole() {
    let gone = "[redacted:connection-string]";
    for (value, expected) in [
        (json!({"dsn": "pass://,hunter2"}), json!({ "dsn": gone })),
        (json!({"dsn": ["pass://,hunter2"]}), json!({ "dsn": [gone] })),
        (
            json!({"name": "DSN", "value": "pass://,hunter2"}),
            json!({"name": "DSN", "value": gone}),
        ),
        (json!(["--dsn", "pass://,hunter2"]), json!(["--dsn", gone])),
        (
            json!({"dsn": "postgres://db:5432/shop"}),
            json!({"dsn": "postgres://db:5432/shop"}),
        ),
    ] {
        assert_eq!(Redactor::new().redact_json(value), expected);
    }
}

/// Quadratic time would show as a test that does not end.
#[test]
fn long_lines_of_names_do_not_take_for_ever() {
    for piece in [
        "cookie: ",
        "token: '",
        "authorization ",
        "password=,",
        "<token>",
        "name: token value",
        "{{ token=${",
    ] {
        let text = piece.repeat(60_000 / piece.len());
        let redactor = Redactor::new();
        redactor.redact(&text);
        redactor.may_hold_secret(&text);
    }
}
