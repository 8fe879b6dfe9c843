//! What documents say, and what is wrong with them by themselves.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use jiff::Timestamp;

use super::agent::{INCIDENT, RIGHTSIZING, TOOLS, documents, refused};
use crate::definition::{
    Auth, DEFAULT_TOKEN_PATH, Escalation, MaxActions, ParameterType, Place, ProblemKind, WorkflowDefinition,
};
use crate::quantity::{Cpu, Memory};

fn workflow(text: &str) -> WorkflowDefinition {
    documents(text).remove(0).workflow.unwrap()
}

#[test]
fn the_tools_of_the_specification_are_read() {
    let documents = documents(TOOLS);
    assert_eq!(documents.len(), 1);
    let [pods, logs, events] = documents[0].tools.as_slice() else {
        panic!("three tools")
    };
    assert_eq!(pods.name.value, "get_pods");
    assert_eq!(
        pods.description.as_ref().unwrap().value,
        "List pods in a namespace with their status, resource usage, and recent events"
    );
    let Auth::ServiceAccount { token_path } = &pods.auth.as_ref().unwrap().value;
    assert_eq!(token_path, DEFAULT_TOKEN_PATH);
    assert_eq!(logs.name.place, Place { line: 15, column: 11 });
    let tail_lines = &logs.parameters["tail_lines"];
    assert_eq!(tail_lines.kind.value, ParameterType::Integer);
    assert_eq!(tail_lines.default.as_ref().unwrap().value, 200);
    assert_eq!(tail_lines.required, None);
    let names: Vec<_> = events.parameters.keys().collect();
    assert_eq!(names, ["namespace", "resource_name", "resource_type"]);
}

#[test]
fn the_investigation_of_the_specification_is_read() {
    let workflow = workflow(INCIDENT);
    assert_eq!(workflow.name.value, "incident_investigation");
    let trigger = workflow.trigger.unwrap();
    assert_eq!(
        (trigger.kind.as_str(), trigger.source.as_str()),
        ("webhook", "alertmanager")
    );
    assert_eq!(trigger.values_of("severity").unwrap(), ["critical", "warning"]);
    let steps: Vec<_> = workflow.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        steps,
        [
            "gather_context",
            "analyze_logs",
            "check_dependencies",
            "correlate_changes",
            "synthesize"
        ]
    );
    let tools: Vec<_> = workflow.steps[0].tools.iter().map(|tool| tool.as_str()).collect();
    assert_eq!(tools, ["get_pods", "query_prometheus", "describe_events"]);
    assert!(workflow.steps[4].tools.is_empty());
    assert_eq!(workflow.steps[4].output.as_ref().unwrap().value, "slack_channel");
    assert!(
        workflow.steps[4]
            .instruction
            .as_ref()
            .unwrap()
            .contains("ranked by confidence.")
    );
    assert_eq!(
        workflow.guardrails.max_actions.unwrap().value,
        MaxActions::ReadOnly
    );
    assert_eq!(
        workflow.guardrails.escalation.unwrap().value,
        Escalation::AlwaysHuman
    );
}

#[test]
fn the_rightsizing_of_the_specification_is_read() {
    let workflow = workflow(RIGHTSIZING);
    let schedule = workflow.schedule.unwrap();
    assert_eq!((schedule.pattern(), schedule.time_zone()), ("0 9 * * MON", "UTC"));
    let guardrails = workflow.guardrails;
    assert_eq!(
        guardrails.excluded_namespaces.unwrap().value,
        ["kube-system", "istio-system"]
    );
    assert_eq!(guardrails.min_observation_days.unwrap().value, 14);
    let floor = guardrails.never_reduce_below.unwrap().value;
    assert_eq!(floor.cpu, Some(Cpu(50)));
    assert_eq!(floor.memory, Some(Memory(64 << 20)));
    assert!(workflow.steps[1].tools.is_empty());
}

#[test]
fn one_file_may_hold_all_of_them() {
    let all = format!("{TOOLS}\n---\n{INCIDENT}\n---\n# nothing here\n---\n{RIGHTSIZING}");
    let documents = documents(&all);
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[0].tools.len(), 3);
    assert!(documents[1].workflow.is_some() && documents[2].workflow.is_some());
}

#[test]
fn one_document_may_hold_tools_and_a_workflow() {
    let documents = documents(&format!("{TOOLS}\n{INCIDENT}"));
    assert_eq!((documents.len(), documents[0].tools.len()), (1, 3));
    assert!(documents[0].workflow.is_some());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_no_harm() {
    let windows = format!("\u{feff}{}", INCIDENT.replace('\n', "\r\n"));
    assert_eq!(workflow(&windows).steps.len(), 5);
}

#[test]
fn anchors_stand_for_what_they_name() {
    let text = INCIDENT
        .replace("tools: [get_pod_logs]", "tools: &logs [get_pod_logs]")
        .replace("tools: [query_prometheus, get_pods]", "tools: *logs");
    let workflow = workflow(&text);
    assert_eq!(workflow.steps[2].tools[0].value, "get_pod_logs");
}

#[test]
fn the_filter_lets_through_what_has_one_of_the_values() {
    let trigger = workflow(INCIDENT).trigger.unwrap();
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    assert!(trigger.lets_through(&labels(&[("severity", "critical"), ("team", "shop")])));
    assert!(trigger.lets_through(&labels(&[("severity", "warning")])));
    assert!(!trigger.lets_through(&labels(&[("severity", "info")])));
    assert!(!trigger.lets_through(&labels(&[("severity", "Critical")])));
    assert!(!trigger.lets_through(&labels(&[])));
}

#[test]
fn schedules_follow_their_time_zone() {
    let next = |text: &str, after: &str| {
        let text = format!("workflow:\n  name: w\n  schedule: {text}\n  steps: [{{name: a}}]\n");
        let after: Timestamp = after.parse().unwrap();
        workflow(&text)
            .schedule
            .unwrap()
            .next_after(after)
            .unwrap()
            .to_string()
    };
    assert_eq!(
        next("\"0 9 * * MON\"", "2026-03-13T12:00:00Z"),
        "2026-03-16T09:00:00Z"
    );
    let berlin = "{cron: \"0 9 * * MON\", time_zone: Europe/Berlin}";
    assert_eq!(next(berlin, "2026-03-13T12:00:00Z"), "2026-03-16T08:00:00Z");
    // Summer time begins on the 29th.
    assert_eq!(next(berlin, "2026-03-29T12:00:00Z"), "2026-03-30T07:00:00Z");
    // A run that is due is not the next one.
    assert_eq!(
        next("\"0 9 * * MON\"", "2026-03-16T09:00:00Z"),
        "2026-03-23T09:00:00Z"
    );
}

#[test]
fn a_pattern_that_never_comes_is_refused() {
    let error = refused("workflow: {name: w, schedule: '0 0 30 2 *', steps: [{name: a}]}");
    assert_snapshot!(error, @"agent.yaml:1:31: workflow.schedule: the cron pattern `0 0 30 2 *` names a day that never comes; correct the day of month or the month");
}

#[test]
fn unknown_keys_are_refused_with_place_and_remedy() {
    assert_snapshot!(refused("tool:\n  - name: get_pods\n"), @"agent.yaml:1:1: unknown key `tool`; did you mean `tools`?");
    assert_snapshot!(refused(&INCIDENT.replace("instruction: >", "instructions: >")), @r"
    agent.yaml:12:7: workflow.steps[0]: unknown key `instructions`; did you mean `instruction`?
    agent.yaml:19:7: workflow.steps[1]: unknown key `instructions`; did you mean `instruction`?
    agent.yaml:25:7: workflow.steps[2]: unknown key `instructions`; did you mean `instruction`?
    agent.yaml:31:7: workflow.steps[3]: unknown key `instructions`; did you mean `instruction`?
    agent.yaml:37:7: workflow.steps[4]: unknown key `instructions`; did you mean `instruction`?
    ");
    assert_snapshot!(refused(&TOOLS.replace("token_path:", "tokenPath:")), @"agent.yaml:13:7: tools[0].auth: unknown key `tokenPath`; did you mean `token_path`?");
    assert_snapshot!(refused(&TOOLS.replace("tail_lines:\n        type:", "tail_lines:\n        typ:")), @r"
    agent.yaml:25:9: tools[1].parameters.tail_lines: the key `type` is missing; add `type: string`, or another type
    agent.yaml:25:9: tools[1].parameters.tail_lines: unknown key `typ`; did you mean `type`?
    ");
    assert_snapshot!(refused(&INCIDENT.replace("max_actions", "actions")), @"agent.yaml:43:5: workflow.guardrails: unknown key `actions`; known are max_actions, escalation, excluded_namespaces, min_observation_days, never_reduce_below");
    assert_snapshot!(refused(&RIGHTSIZING.replace("memory:", "disk:")), @"agent.yaml:36:7: workflow.guardrails.never_reduce_below: unknown key `disk`; known are cpu, memory");
}

#[test]
fn several_problems_are_reported_together() {
    assert_snapshot!(refused("
tools:
  - nme: get_pods
    parameters:
      namespace: {type: text}
      limit: {type: integer, default: many}
    auth: {type: kubeconfig, token_path: token}
---
workflow:
  name: 7
  trigger: {type: webhook, filter: {severity: critical}}
  schedule: \"61 * * * *\"
  steps:
    - name: a
      tools: get_pods
    - name: b
      output: [slack_channel]
    - instruction: no name
  guardrails:
    max_actions: 5
    escalation: never
    excluded_namespaces: [kube-*, shop]
    min_observation_days: 0
    never_reduce_below: {cpu: fifty, memory: 64m}
"), @r#"
    agent.yaml:3:5: tools[0]: the key `name` is missing; add `name:` with the name of a tool
    agent.yaml:3:5: tools[0]: unknown key `nme`; did you mean `name`?
    agent.yaml:5:25: tools[0].parameters.namespace.type: `text` is not known here; known are string, integer, number, boolean, array, object
    agent.yaml:6:39: tools[0].parameters.limit.default: expected a value of type integer, found the text `many`; write such a value
    agent.yaml:7:18: tools[0].auth.type: `kubeconfig` is not known here; the only one known is service_account
    agent.yaml:7:42: tools[0].auth.token_path: `token` is not an absolute path; write the whole path, as /var/run/secrets/kubernetes.io/serviceaccount/token
    agent.yaml:10:9: workflow.name: expected a text, found the number 7; write it in quotes if it is meant as text
    agent.yaml:11:12: workflow.trigger: the key `source` is missing; add `source: alertmanager`
    agent.yaml:11:47: workflow.trigger.filter.severity: expected a list, found the text `critical`; write a list: [critical]
    agent.yaml:12:13: workflow.schedule: `61 * * * *` is no cron pattern (Number out of bounds); write minute, hour, day of month, month and day of week: "0 9 * * MON"
    agent.yaml:15:14: workflow.steps[0].tools: expected a list, found the text `get_pods`; write a list: [get_pods]
    agent.yaml:17:15: workflow.steps[1].output: expected a text, found a list; write one text
    agent.yaml:18:7: workflow.steps[2]: the key `name` is missing; add `name:` with the name of a step
    agent.yaml:20:18: workflow.guardrails.max_actions: expected a word, found the number 5; write `read_only`
    agent.yaml:21:17: workflow.guardrails.escalation: `never` is not known here; the only one known is always_human
    agent.yaml:22:27: workflow.guardrails.excluded_namespaces: `kube-*` is no name of a namespace; write lower-case letters, digits and hyphens; each namespace by its whole name
    agent.yaml:23:27: workflow.guardrails.min_observation_days: 0 days make no sense; write 1 to 3650
    agent.yaml:24:31: workflow.guardrails.never_reduce_below.cpu: `fifty` is not a quantity: a number with an optional suffix, for example 500m, 2, 256Mi or 1e9; write an amount as "50m"
    agent.yaml:24:46: workflow.guardrails.never_reduce_below.memory: `64m` is less than one byte; write mebibytes as `Mi`: "64Mi"
    "#);
}

#[test]
fn what_is_not_yaml_is_refused_with_place() {
    assert_snapshot!(refused(&INCIDENT.replace("    source: alertmanager", "   source: alertmanager")), @"agent.yaml:5:4: while parsing a block mapping, did not find expected key; check indentation, quotes and brackets, here and on the lines before");
    assert_snapshot!(refused(&INCIDENT.replace("    source: alertmanager", "\tsource: alertmanager")), @"agent.yaml:5:1: the line is indented with a tab, which YAML does not allow; indent with spaces");
    assert_snapshot!(refused(&INCIDENT.replace("  name: incident", "  name: incident\n  name: incident")), @"agent.yaml:3:3: the key `name` is here twice; keep one of the two");
    assert_snapshot!(refused("workflow: {name: w, steps: [{name: a}\n"), @"agent.yaml:1:28: unclosed bracket '['; check indentation, quotes and brackets, here and on the lines before");
    assert_snapshot!(refused("tools:\n  - name: \"get_pods\n"), @"agent.yaml:2:11: unclosed quote; check indentation, quotes and brackets, here and on the lines before");
    assert_snapshot!(refused("{{ .Values.tools }}\n"), @"agent.yaml:1:2: expected string scalar; definitions have no `{{ }}`: render the template first, or put the text in quotes");
    assert_snapshot!(refused("tools: !secret x\n"), @"agent.yaml:1:16: definitions have no tag `!secret`; remove it, or put text that begins with `!` in quotes");
    assert_snapshot!(refused("tools: *nowhere\n"), @"agent.yaml:1:8: there is no anchor of that name before this alias; write the value out, or put text that begins with `*` in quotes");
    assert_snapshot!(refused("just words\n"), @"agent.yaml:1:1: expected a mapping, found the text `just words`; write `key: value` lines, indented below the key");
    assert_snapshot!(refused("- name: get_pods\n"), @"agent.yaml:1:1: expected a mapping, found a list; write `key: value` lines, indented below the key");
}

#[test]
fn wrong_indentation_is_a_key_in_the_wrong_place() {
    assert_snapshot!(refused(&INCIDENT.replace("    filter:\n      severity", "  filter:\n    severity")), @"agent.yaml:6:3: workflow: unknown key `filter`; known are name, trigger, schedule, steps, guardrails");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let with = |line: &str| {
        refused(&format!(
            "workflow:\n  name: w\n  steps: [{{name: a}}]\n  {line}\n"
        ))
    };
    assert_snapshot!(with("schedule: \"0 9 * *\""), @r#"agent.yaml:4:13: workflow.schedule: `0 9 * *` is no cron pattern (Pattern must have 5 fields when seconds are disallowed); write minute, hour, day of month, month and day of week: "0 9 * * MON""#);
    assert_snapshot!(with("schedule: \"0 0 9 * * MON\""), @r#"agent.yaml:4:13: workflow.schedule: `0 0 9 * * MON` is no cron pattern (Pattern must have 5 fields when seconds are disallowed); write minute, hour, day of month, month and day of week: "0 9 * * MON""#);
    assert_snapshot!(with("schedule: \"0 9 * * FUNDAY\""), @r#"agent.yaml:4:13: workflow.schedule: `0 9 * * FUNDAY` is no cron pattern (CronPattern contains illegal character 'F' in part 'FUNDAY'); write minute, hour, day of month, month and day of week: "0 9 * * MON""#);
    assert_snapshot!(with("schedule: 9"), @r#"agent.yaml:4:13: workflow.schedule: expected a cron pattern, or a mapping of `cron` and `time_zone`, found the number 9; write a cron pattern in quotes: "0 9 * * MON""#);
    assert_snapshot!(with("schedule: {cron: \"0 9 * * *\", time_zone: Mars/Olympus}"), @"agent.yaml:4:44: workflow.schedule.time_zone: `Mars/Olympus` is no time zone that this machine knows; write a name as `Europe/Berlin` or `UTC`; in a small image, install the tzdata package");
    assert_snapshot!(with("schedule: {timezone: UTC}"), @r#"
    agent.yaml:4:13: workflow.schedule: the key `cron` is missing; add `cron: "0 9 * * MON"`
    agent.yaml:4:14: workflow.schedule: unknown key `timezone`; did you mean `time_zone`?
    "#);
    assert_snapshot!(with("guardrails: {never_reduce_below: {memory: \"64MB\"}}"), @r#"agent.yaml:4:45: workflow.guardrails.never_reduce_below.memory: `64MB` is not a quantity: a number with an optional suffix, for example 500m, 2, 256Mi or 1e9; write an amount as "64Mi""#);
    assert_snapshot!(with("guardrails: {never_reduce_below: {cpu: \"-50m\"}}"), @r#"agent.yaml:4:42: workflow.guardrails.never_reduce_below.cpu: `-50m` is negative; write an amount as "50m""#);
    assert_snapshot!(with("guardrails: {never_reduce_below: {}}"), @r#"agent.yaml:4:36: workflow.guardrails.never_reduce_below: neither `cpu` nor `memory` is here; add `cpu: "50m"`, `memory: "64Mi"`, or both"#);
    assert_snapshot!(with("guardrails:"), @"agent.yaml:4:13: workflow.guardrails: expected a mapping, found nothing; write `key: value` lines, indented below the key, or leave the key out");
    assert_snapshot!(with("trigger: {type: webhook, source: alertmanager, filter: {severity: []}}"), @"agent.yaml:4:69: workflow.trigger.filter.severity: the list is empty; name at least one item, or leave the key out");
    assert_snapshot!(with("trigger: {type: webhook, source: alertmanager, filter: {severity: [a, a]}}"), @"agent.yaml:4:73: workflow.trigger.filter.severity: `a` is here twice; keep one of the two");
    assert_snapshot!(refused("workflow: {name: w, steps: [{name: a}, {name: a}]}"), @"agent.yaml:1:47: workflow.steps: `a` is here twice; keep one of the two");
    assert_snapshot!(refused("workflow: {name: w, steps: []}"), @"agent.yaml:1:28: workflow.steps: the list is empty; name at least one item, or leave the key out");
    assert_snapshot!(refused("workflow: {name: ' ', steps: [{name: a}]}"), @"agent.yaml:1:18: workflow.name: the text is empty; write a text, or leave the key out");
    assert_snapshot!(refused("tools: [{name: a}, {name: a}]"), @"agent.yaml:1:27: tools: `a` is here twice; keep one of the two");
}

#[test]
fn parameters_have_to_agree_with_themselves() {
    let with = |parameter: &str| refused(&format!("tools: [{{name: a, parameters: {{p: {parameter}}}}}]"));
    assert_snapshot!(with("{type: integer, default: 1, required: true}"), @"agent.yaml:1:73: tools[0].parameters.p.required: a parameter with a default (1) is never missing; remove `required: true` or the default");
    assert_snapshot!(with("{type: string, default: x, enum: [y, z]}"), @r#"agent.yaml:1:59: tools[0].parameters.p.default: the default "x" is not among the values of `enum`; add it there, or choose another default"#);
    assert_snapshot!(with("{type: integer, enum: [1, two]}"), @"agent.yaml:1:61: tools[0].parameters.p.enum[1]: expected a value of type integer, found the text `two`; write such a value");
    assert_snapshot!(with("{description: a thing}"), @"agent.yaml:1:35: tools[0].parameters.p: the key `type` is missing; add `type: string`, or another type");
    assert_snapshot!(with("string"), @"agent.yaml:1:35: tools[0].parameters.p: expected a mapping, found the text `string`; write `key: value` lines, indented below the key");
}

#[test]
fn problems_are_data() {
    let error = refused("tool: []\n");
    let problem = &error.problems()[0];
    assert_eq!(problem.kind, ProblemKind::UnknownKey);
    assert_eq!(problem.place, Some(Place { line: 1, column: 1 }));
    assert_snapshot!(serde_json::to_string(&error).unwrap(), @r#"{"problems":[{"file":"agent.yaml","place":{"line":1,"column":1},"kind":"unknown_key","path":"","message":"unknown key `tool`","remedy":"did you mean `tools`?"}]}"#);
}
