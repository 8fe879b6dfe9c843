use claw_core::yaml::{Problem, ProblemKind};
use claw_guardrails::approval::Carrier;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::outside::{Channel, PipelineVia};

const EXAMPLE: &str = include_str!("../../../../deploy/writing.yaml");

fn parse(text: &str) -> Result<WritingSettings, Vec<Problem>> {
    let parsed = WritingSettings::parse("w.yaml", text.as_bytes());
    parsed.map_err(|error| error.problems().to_vec())
}

/// What is wrong with a `writing:` of these lines, and nothing else.
fn wrong(lines: &str) -> String {
    let text = format!("writing:\n  {}\n", lines.replace('\n', "\n  "));
    let problems = parse(&text).expect_err(lines);
    assert_eq!(problems.len(), 1, "{lines}: {problems:#?}");
    problems[0].to_string()
}

fn example() -> Value {
    let (documents, problems) = claw_core::yaml::parse("e.yaml", EXAMPLE.as_bytes(), "").unwrap();
    assert!(problems.is_empty());
    documents[0].value.json()
}

#[test]
fn the_shipped_settings_say_what_they_say() {
    let settings = WritingSettings::parse("deploy/writing.yaml", EXAMPLE.as_bytes()).unwrap();
    assert_eq!(settings.mode, Mode::Propose);
    assert_eq!(
        settings.policy.unwrap(),
        std::path::Path::new("deploy/policy.yaml")
    );
    let carriers = &settings.carriers;
    assert!(carriers.kubernetes && carriers.http && carriers.pull_request.is_some());
    let slack = carriers.slack.as_ref().unwrap();
    assert_eq!(slack.token, Secret::Environment("CLAW_SLACK_TOKEN".to_owned()));
    let groups = &settings.pipeline.approvals.groups;
    assert_eq!(groups.len(), 2);
    assert!(groups[0].has(Carrier::Slack, "U0123456789"));
    assert_eq!(settings.pipeline.hour.objects, 20);
    assert_eq!(settings.pipeline.run.pods, 50);
    let Channel::Slack(slack) = &settings.outside.channels["incidents"] else {
        panic!("{:?}", settings.outside);
    };
    assert_eq!(
        Secret::of(&slack.token_file),
        Secret::Environment("CLAW_SLACK_TOKEN".to_owned())
    );
    let PipelineVia::Webhook(webhook) = &settings.outside.pipelines["rebuild-index"].via else {
        panic!("{:?}", settings.outside);
    };
    let key = std::path::Path::new("/var/run/secrets/claw-index/key");
    assert_eq!(Secret::of(&webhook.secret_file), Secret::File(key.to_owned()));
}

#[test]
fn what_is_left_out_has_its_usual_value() {
    let settings = parse("writing:\n  mode: live\n").unwrap();
    let expected = WritingSettings {
        mode: Mode::Live,
        ..WritingSettings::default()
    };
    assert_eq!(settings, expected);
    assert!(settings.walls.required && settings.account.is_the_agents());
}

/// Every mapping of the example, by the way to it.
fn mappings(value: &Value, way: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                mappings(value, format!("{way}/{key}"), found);
            }
            found.push(way);
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                mappings(item, format!("{way}/{place}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_key_that_is_not_known_is_refused_wherever_it_is_with_its_place() {
    let mut ways = Vec::new();
    mappings(&example(), String::new(), &mut ways);
    assert!(ways.len() > 35, "{}", ways.len());
    for way in ways {
        let mut changed = example();
        let mapping = changed.pointer_mut(&way).unwrap().as_object_mut().unwrap();
        mapping.insert("zzz".to_owned(), json!(1));
        // JSON is YAML, with each key in a line of its own.
        let text = serde_json::to_string_pretty(&changed).unwrap();
        let line = text.lines().position(|line| line.contains("\"zzz\"")).unwrap() + 1;
        let problems = parse(&text).expect_err(&way);
        let of_it = problems.iter().find(|problem| {
            problem.place.is_some_and(|place| place.line == line as u64) && !problem.remedy.is_empty()
        });
        assert!(of_it.is_some(), "{way}: {problems:#?}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_wherever_it_is() {
    let mut ways = Vec::new();
    scalars(&example(), String::new(), &mut ways);
    assert!(ways.len() > 90, "{}", ways.len());
    for way in ways {
        for other in [json!({"a": 1}), json!([[]]), Value::Null] {
            let mut changed = example();
            *changed.pointer_mut(&way).unwrap() = other.clone();
            let text = serde_json::to_string_pretty(&changed).unwrap();
            let problems = parse(&text).expect_err(&way);
            let told = |problem: &Problem| problem.place.is_some() && !problem.remedy.is_empty();
            assert!(problems.iter().any(told), "{way}: {problems:#?}");
        }
    }
}

fn scalars(value: &Value, way: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                scalars(value, format!("{way}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                scalars(item, format!("{way}/{place}"), found);
            }
        }
        _ => found.push(way),
    }
}

#[test]
fn each_slip_is_told_with_place_and_remedy() {
    for (lines, said) in [
        (
            "mode: enforce",
            "w.yaml:2:9: writing.mode: `enforce` is not known here; known are propose, live",
        ),
        (
            "mode: [live]",
            "w.yaml:2:9: writing.mode: expected a word, found a list",
        ),
        (
            "modes: live",
            "w.yaml:2:3: writing: unknown key `modes`; did you mean `mode`?",
        ),
        ("tools: [scale_workloads]", "did you mean `scale_workload`?"),
        (
            "watch_for: 15",
            "writing.watch_for: expected a duration, found the number 15",
        ),
        ("watch_for: 3d", "write hours, minutes or seconds: 72h"),
        ("time: 0s", "the time is not longer than zero"),
        (
            "approvals: {groups: [{name: a, members: []}], carriers: {kubernetes: true}}",
            "writing.approvals.groups[0].members: the list is empty",
        ),
        (
            "approvals: {groups: [{name: a}], carriers: {kubernetes: true}}",
            "the key `members` is missing; add `members:`; a group without any decides nothing",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, kubernetes: k}]}], carriers: {}}",
            "there is no carrier",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim}]}], carriers: {kubernetes: true}}",
            "the person has no account, so that no vote is known to be theirs; add one or more of `kubernetes:`",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, kubernetes: 'system:serviceaccount:a:b'}]}], carriers: {kubernetes: true}}",
            "is the account of a program; approvals are for people to give",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, kubernetes: k}, {name: lee, kubernetes: k}]}], carriers: {kubernetes: true}}",
            "an account is one person's",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, kubernetes: k}]}], excluded: [kim], carriers: {kubernetes: true}}",
            "1 people have to approve, and 0 may; add people to the groups",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, kubernetes: k, slack: U1}]}], carriers: {kubernetes: true}}",
            "kim is known by slack, on which nobody is asked; add `slack:` to the carriers",
        ),
        (
            "approvals: {groups: [{name: a, members: [{name: kim, http: k}]}], carriers: {http: true}}",
            "people are asked over HTTP, and nobody has a token; add `people:` with a `tokens_file:`",
        ),
        (
            "people: {propose: [kim]}",
            "the key `tokens_file` or `tokens_env` is missing",
        ),
        (
            "people: {tokens_file: t, tokens_env: T}",
            "there are both `tokens_file` and `tokens_env`; keep one of the two",
        ),
        (
            "people: {tokens_env: my-token}",
            "that is no name of an environment variable",
        ),
        (
            "notices: [incidents]",
            "there is no channel `incidents`; there are none to choose from",
        ),
        (
            "channels: {a: {slack: {channel: C1, token_file: t}, webhook: {url_file: u, secret_file: s}}}",
            "exactly one of slack, slack_webhook, webhook",
        ),
        (
            "channels: {'a b': {slack_webhook: {url_file: u}}}",
            "`a b` is no name",
        ),
        (
            "pipelines: {a: {via: {gitlab: {project: p, ref: m, token_file: t, action_variable: A}}, inputs: {A: {}}}}",
            "A is set aside for the id of the action; take it out of the inputs",
        ),
        (
            "lease: {name: claw, duration: 6s}",
            "there is no time to renew twice",
        ),
        ("lease: {name: Claw}", "`Claw` is no name of an object"),
        ("lease: {duration: 20s}", "the key `name` is missing"),
        ("account: {context: prod}", "add `kubeconfig:` with the file"),
        ("account: {}", "it says nothing of the account"),
        (
            "breaker: {open_for: 9h}",
            "`open_at_most` must not be shorter than `open_for`",
        ),
        ("limits: {action: {endpoints_percent: 101}}", "write 0 to 100"),
        ("namespaces: ['*']", "is no name of a namespace"),
    ] {
        let found = wrong(lines);
        assert!(found.contains(said), "{lines}: {found}");
        assert!(found.starts_with("w.yaml:"), "{found}");
    }
}

#[test]
fn a_secret_that_was_written_down_is_not_repeated() {
    let secret = "xoxb-0123456789-hunter2";
    for lines in [
        format!("people: {{tokens_env: {secret}}}"),
        format!("channels: {{a: {{slack: {{channel: C1, token_env: {secret}}}}}}}"),
        format!("channels: {{a: {{slack: {{channel: C1, token_file: t, token: {secret}}}}}}}"),
        format!("channels: {{a: {{slack_webhook: {{url_file: u, url: {secret}}}}}}}"),
    ] {
        let said = wrong(&lines);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "writing:\n  mode: yolo\n  zzz: 1\n  walls: {every: never}\n---\nwriting: {}\n";
    let problems = parse(text).unwrap_err();
    let kinds: Vec<_> = problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(
        kinds,
        [
            ProblemKind::InvalidValue,
            ProblemKind::UnknownKey,
            ProblemKind::InvalidValue,
            ProblemKind::Duplicate
        ]
    );
    for (text, kind) in [
        ("", ProblemKind::Unreadable),
        ("policy: {}\n", ProblemKind::MissingKey),
        ("writing: [\n", ProblemKind::Syntax),
    ] {
        let problems = parse(text).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.kind == kind),
            "{problems:#?}"
        );
    }
}

#[test]
fn a_file_of_the_name_of_a_variable_is_a_file() {
    let text = "writing: {channels: {a: {slack_webhook: {url_file: 'env:URL'}}}}\n";
    for file in ["w.yaml", "./w.yaml", "/etc/w.yaml"] {
        let settings = WritingSettings::parse(file, text.as_bytes()).unwrap();
        let Channel::SlackWebhook(webhook) = &settings.outside.channels["a"] else {
            panic!("{settings:?}");
        };
        assert!(matches!(Secret::of(&webhook.url_file), Secret::File(_)), "{file}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(writing:\n)?( {0,4}[a-z_]{1,12}: ?[-a-z0-9{}\\[\\],:'\" ]{0,12}\n){0,12}") {
        let _ = parse(&text);
    }

    /// Cut anywhere, or with a character changed, the example is read or refused.
    #[test]
    fn no_damage_to_the_example_panics(at in 0..EXAMPLE.len(), with in "[ -~\n]{0,3}") {
        let cut: String = EXAMPLE.char_indices().filter(|(place, _)| *place < at).map(|(_, c)| c).collect();
        let rest: String = EXAMPLE.char_indices().filter(|(place, _)| *place > at).map(|(_, c)| c).collect();
        let _ = parse(&format!("{cut}{with}{rest}"));
        let _ = parse(&cut);
    }
}
