//! Documents held against an agent.

use std::sync::Arc;
use std::time::Duration;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::json;

use super::agent::{
    INCIDENT, PodLogs, PodLogsInput, Pods, RIGHTSIZING, TOOLS, capabilities, documents, registry, unbound,
};
use crate::clock::{Clock, SystemClock};
use crate::definition::{
    Capabilities, Definition, ProblemKind, StepCapability, WorkflowCapability, bind, parse,
};
use crate::tool::{Tool as _, ToolContext, ToolErrorKind};

fn bound(text: &str) -> Definition {
    bind(&documents(text), &registry(), &capabilities()).unwrap_or_else(|error| panic!("{error}"))
}

fn context() -> ToolContext {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    ToolContext::new(clock, Duration::from_secs(5))
}

#[test]
fn the_documents_of_the_specification_bind() {
    let definition = bound(&format!("{TOOLS}\n---\n{INCIDENT}"));
    assert_eq!(
        definition.default_of("get_pod_logs", "tail_lines"),
        Some(&json!(200))
    );
    assert_eq!(definition.default_of("get_pod_logs", "container"), None);
    assert_eq!(
        definition.token_path(),
        Some("/var/run/secrets/kubernetes.io/serviceaccount/token")
    );
    let parameters = &definition.tools["get_pod_logs"].parameters;
    assert_eq!(parameters["namespace"].required, Some(true));
    assert_eq!(parameters["container"].required, Some(false));
}

#[test]
fn what_was_understood_is_described() {
    assert_snapshot!(bound(&format!("{TOOLS}\n---\n{INCIDENT}")).describe(), @r"
    tool describe_events
      Get Kubernetes events for a resource, useful for diagnosing scheduling failures, OOMKills, etc.
      namespace: string, required
      resource_name: string
      resource_type: string
    tool get_pod_logs
      Retrieve logs from a specific pod and container
      container: string
      namespace: string, required
      pod_name: string, required
      tail_lines: integer, 200 unless given
    tool get_pods
      List pods in a namespace with their status, resource usage, and recent events
      label_selector: string (Label selector to filter pods (e.g., app=payment-service))
      namespace: string, required (Kubernetes namespace to query)
      calls as the service account of /var/run/secrets/kubernetes.io/serviceaccount/token
    workflow incident_investigation
      starts by webhook from alertmanager where severity is critical or warning
      1. gather_context
          Identify all pods related to the alerting service. Pull error rate metrics for the last 30 minutes. Check for Kubernetes events indicating resource issues.
          uses get_pods, query_prometheus, describe_events
      2. analyze_logs
          Pull recent logs from erroring pods. Identify error patterns, stack traces, or connection failures.
          uses get_pod_logs
      3. check_dependencies
          Identify upstream and downstream services. Check their health metrics and error rates.
          uses query_prometheus, get_pods
      4. correlate_changes
          List all deployments in the affected namespace in the last 2 hours. Check if any config changes were applied.
          uses get_deployment_history, query_gitops
      5. synthesize
          Provide a structured incident summary: what's broken, likely root cause, supporting evidence, recommended actions ranked by confidence.
          delivers to slack_channel
      may do: read only
      everything else: a person decides, every time
    ");
}

#[test]
fn what_was_understood_is_data() {
    assert_json_snapshot!(bound(&format!("{TOOLS}\n---\n{INCIDENT}")));
}

#[test]
fn what_cannot_be_done_yet_is_said_item_by_item() {
    let error = unbound(RIGHTSIZING);
    assert!(
        error
            .problems()
            .iter()
            .all(|problem| problem.kind == ProblemKind::NotAvailable)
    );
    assert_snapshot!(error, @r"
    agent.yaml:2:9: workflow.name: not available yet: the workflow `resource_rightsizing`; the only one known is incident_investigation
    agent.yaml:3:13: workflow.schedule: not available yet: a schedule; leave `schedule` out, and start the workflow by its trigger or by hand
    agent.yaml:25:15: workflow.steps[2].tools[0]: not available yet: the tool `create_gitops_pr`; known are describe_events, get_deployment_history, get_pod_logs, get_pods, query_gitops, query_prometheus
    agent.yaml:25:33: workflow.steps[2].tools[1]: not available yet: the tool `send_slack_summary`; known are describe_events, get_deployment_history, get_pod_logs, get_pods, query_gitops, query_prometheus
    agent.yaml:32:26: workflow.guardrails.excluded_namespaces: not available yet: the guardrail `excluded_namespaces`; nothing would keep to it; leave it out only if the workflow may run without
    agent.yaml:33:27: workflow.guardrails.min_observation_days: not available yet: the guardrail `min_observation_days`; nothing would keep to it; leave it out only if the workflow may run without
    agent.yaml:35:7: workflow.guardrails.never_reduce_below: not available yet: the guardrail `never_reduce_below`; nothing would keep to it; leave it out only if the workflow may run without
    ");
}

#[test]
fn capabilities_make_it_available() {
    let capabilities = Capabilities::new().with_workflow(
        WorkflowCapability::new("resource_rightsizing")
            .with_step(StepCapability::new("analyze_utilization").uses(["query_prometheus"]))
            .with_step(StepCapability::new("generate_recommendations"))
            .with_schedule()
            .with_guardrails([
                "excluded_namespaces",
                "min_observation_days",
                "never_reduce_below",
            ]),
    );
    let end = RIGHTSIZING.find("    - name: create_proposals").unwrap();
    let guardrails = RIGHTSIZING.find("  guardrails:").unwrap();
    let text = format!("{}{}", &RIGHTSIZING[..end], &RIGHTSIZING[guardrails..]);
    let definition = bind(&documents(&text), &registry(), &capabilities).unwrap();
    assert_snapshot!(definition.describe(), @r"
    workflow resource_rightsizing
      starts by the clock: 0 9 * * MON (UTC)
      1. analyze_utilization
          For every deployment across all namespaces, query: - P50, P95, P99 CPU usage over last 14 days - P50, P95, P99 memory usage over last 14 days - Current CPU/memory requests and limits Compare actual usage to requests. Flag any workload where P99 usage is less than 50% of requested resources.
          uses query_prometheus
      2. generate_recommendations
          For each flagged workload, calculate recommended requests: - CPU request = P99 CPU usage * 1.2 (20% headroom) - Memory request = P99 memory usage * 1.25 (25% headroom) - Memory limit = recommended memory request * 1.5 Calculate estimated cost savings based on node instance pricing.
      may do: read only (not said; the strictest holds)
      everything else: a person decides, every time (not said; the strictest holds)
      leaves alone the namespaces kube-system, istio-system
      concludes nothing from less than 14 days of data
      never reduces requests below 50m of CPU and 64Mi of memory
    ");
}

#[test]
fn tools_are_checked_against_the_registered_ones() {
    assert_snapshot!(unbound("tools: [{name: get_pod}, {name: create_gitops_pr}, {name: restart_everything}]"), @r"
    agent.yaml:1:16: tools[0]: no tool `get_pod` is registered; did you mean `get_pods`?
    agent.yaml:1:33: tools[1]: not available yet: the tool `create_gitops_pr`; known are describe_events, get_deployment_history, get_pod_logs, get_pods, query_gitops, query_prometheus
    agent.yaml:1:59: tools[2]: no tool `restart_everything` is registered; known are describe_events, get_deployment_history, get_pod_logs, get_pods, query_gitops, query_prometheus
    ");
    let with = |parameters: &str| {
        unbound(&format!(
            "tools:\n- name: get_pod_logs\n  parameters: {{{parameters}}}\n"
        ))
    };
    assert_snapshot!(with("pod_name: {type: string}"), @"agent.yaml:2:9: tools[0]: the tool needs the parameter `namespace`, which is not declared; add it to `parameters`, with its type (string)");
    let good = "pod_name: {type: string}, namespace: {type: string}";
    assert_snapshot!(with(&format!("{good}, tail_line: {{type: integer}}")), @"agent.yaml:3:87: tools[0].parameters.tail_line: the tool has no parameter `tail_line`; did you mean `tail_lines`?");
    assert_snapshot!(with(&format!("{good}, tail_lines: {{type: string}}")), @"agent.yaml:3:88: tools[0].parameters.tail_lines.type: the tool does not take a value of type string; write `type: integer`");
    assert_snapshot!(with(&format!("{good}, tail_lines: {{type: integer, default: -1}}")), @"agent.yaml:3:106: tools[0].parameters.tail_lines.default: the tool does not take -1: it is less than 0; write a value that it takes");
    assert_snapshot!(with(&format!("{good}, tail_lines: {{type: integer, enum: [100, 5000000000]}}")), @"agent.yaml:3:109: tools[0].parameters.tail_lines.enum: the tool does not take 5000000000: it is more than 4294967295; write a value that it takes");
    assert_snapshot!(with("pod_name: {type: string, required: false}, namespace: {type: string}"), @"agent.yaml:3:33: tools[0].parameters.pod_name.required: the tool needs this parameter in every call; remove `required: false`, or add a default");
}

#[test]
fn service_accounts_are_checked() {
    assert_snapshot!(unbound("
tools:
  - name: query_prometheus
    parameters: {query: {type: string}}
    auth: {type: service_account}
  - name: get_pods
    parameters: {namespace: {type: string}}
    auth: {type: service_account, token_path: /one}
  - name: describe_events
    parameters: {namespace: {type: string}}
    auth: {type: service_account, token_path: /two}
"), @r"
    agent.yaml:5:11: tools[0].auth: `query_prometheus` does not call the Kubernetes API, so no service account would be used; leave `auth` out
    agent.yaml:8:11: tools[1].auth: not available yet: tools with service accounts of their own; write `token_path: /var/run/secrets/kubernetes.io/serviceaccount/token`, as for the other tools, or leave `auth` out
    agent.yaml:11:11: tools[2].auth: not available yet: tools with service accounts of their own; write `token_path: /one`, as for the other tools, or leave `auth` out
    ");
}

#[test]
fn workflows_are_checked_against_what_the_agent_runs() {
    let with = |from: &str, to: &str| {
        assert!(INCIDENT.contains(from), "{from}");
        unbound(&INCIDENT.replace(from, to))
    };
    assert_snapshot!(with("incident_investigation", "incident_investigaton"), @"agent.yaml:2:9: workflow.name: there is no workflow `incident_investigaton`; did you mean `incident_investigation`?");
    assert_snapshot!(with("incident_investigation", "predict_lottery"), @"agent.yaml:2:9: workflow.name: there is no workflow `predict_lottery`; the only one known is incident_investigation");
    assert_snapshot!(with("type: webhook", "type: watch"), @"agent.yaml:4:11: workflow.trigger.type: not available yet: a trigger of type `watch`; the only one known is webhook");
    assert_snapshot!(with("source: alertmanager", "source: pagerduty"), @"agent.yaml:5:13: workflow.trigger.source: not available yet: a webhook from `pagerduty`; the only one known is alertmanager");
    assert_snapshot!(with("severity:", "severty:"), @"agent.yaml:7:7: workflow.trigger.filter: not available yet: a filter by `severty`; did you mean `severity`?");
    assert_snapshot!(with("name: analyze_logs", "name: analyse_logs"), @"agent.yaml:17:13: workflow.steps[1].name: the workflow `incident_investigation` has no step `analyse_logs`; did you mean `analyze_logs`?");
    assert_snapshot!(with("output: slack_channel", "output: email"), @"agent.yaml:36:15: workflow.steps[4].output: not available yet: the output `email` of the step `synthesize`; the only one known is slack_channel");
    assert_snapshot!(with("tools: [get_pod_logs]", "tools: [get_pod_logs, query_gitops, get_pod_log]"), @r"
    agent.yaml:18:29: workflow.steps[1].tools[1]: not available yet: the tool `query_gitops` in the step `analyze_logs`; the step uses get_pod_logs
    agent.yaml:18:43: workflow.steps[1].tools[2]: no tool `get_pod_log` is registered; did you mean `get_pod_logs`?
    ");
    assert_snapshot!(with("  guardrails:", "  schedule: \"0 9 * * MON\"\n  guardrails:\n    min_observation_days: 3"), @r"
    agent.yaml:42:13: workflow.schedule: not available yet: a schedule; leave `schedule` out, and start the workflow by its trigger or by hand
    agent.yaml:44:27: workflow.guardrails.min_observation_days: not available yet: the guardrail `min_observation_days`; nothing would keep to it; leave it out only if the workflow may run without
    ");
}

#[test]
fn the_steps_are_the_workflows_own() {
    assert_snapshot!(unbound("workflow: {name: incident_investigation, steps: [{name: gather_context}, {name: synthesize}]}"), @"agent.yaml:1:57: workflow.steps: not available yet: to leave out the steps analyze_logs, check_dependencies, correlate_changes; write all of them: gather_context, analyze_logs, check_dependencies, correlate_changes, synthesize");
    assert_snapshot!(unbound("
workflow:
  name: incident_investigation
  steps: [{name: analyze_logs}, {name: gather_context}, {name: check_dependencies}, {name: correlate_changes}, {name: synthesize}]
"), @"agent.yaml:4:18: workflow.steps: not available yet: steps in an order of one's own; write them in this order: gather_context, analyze_logs, check_dependencies, correlate_changes, synthesize");
}

#[test]
fn files_are_bound_together() {
    let one = parse("one.yaml", TOOLS.as_bytes()).unwrap();
    let two = parse("two.yaml", TOOLS.as_bytes()).unwrap();
    let all: Vec<_> = two.into_iter().chain(one).collect();
    let error = bind(&all, &registry(), &capabilities()).unwrap_err();
    assert_snapshot!(error, @r"
    one.yaml:2:11: tools[0]: `get_pods` is defined twice; keep one of the two
    one.yaml:15:11: tools[1]: `get_pod_logs` is defined twice; keep one of the two
    one.yaml:28:11: tools[2]: `describe_events` is defined twice; keep one of the two
    ");
}

#[tokio::test]
async fn defaults_reach_the_tool() {
    let definition = bound(&TOOLS.replace("default: 200", "default: 77"));
    let tools = definition.apply(&registry()).unwrap();
    let logs = tools.get("get_pod_logs").unwrap();
    let cx = context();
    let call = |input| logs.call_json(&cx, input);
    let answer = call(json!({"pod_name": "p", "namespace": "n"})).await.unwrap();
    assert_eq!(answer["tail_lines"], 77);
    let answer = call(json!({"pod_name": "p", "namespace": "n", "tail_lines": null}))
        .await
        .unwrap();
    assert_eq!(answer["tail_lines"], 77);
    let answer = call(json!({"pod_name": "p", "namespace": "n", "tail_lines": 5, "previous": true}))
        .await
        .unwrap();
    assert_eq!(
        (&answer["tail_lines"], &answer["previous"]),
        (&json!(5), &json!(true))
    );
}

#[tokio::test]
async fn typed_callers_get_the_defaults_too() {
    let definition = bound(&TOOLS.replace("default: 200", "default: 77"));
    let tools = definition.apply(&registry()).unwrap();
    let logs = tools.get(PodLogs::NAME).unwrap();
    assert!(
        logs.as_any().downcast_ref::<PodLogs>().is_none(),
        "by way of JSON"
    );
    let typed = PodLogsInput {
        pod_name: "p".to_owned(),
        namespace: "n".to_owned(),
        container: None,
        tail_lines: None,
        previous: false,
    };
    let answer = logs
        .call_json(&context(), serde_json::to_value(typed).unwrap())
        .await
        .unwrap();
    assert_eq!(answer["tail_lines"], 77);
}

#[test]
fn typed_callers_are_spared_json_where_calls_do_not_change() {
    let tools = bound(TOOLS).apply(&registry()).unwrap();
    assert!(
        tools
            .get(Pods::NAME)
            .unwrap()
            .as_any()
            .downcast_ref::<Pods>()
            .is_some()
    );
}

#[tokio::test]
async fn calls_are_held_to_what_the_definition_allows() {
    let definition = bound(
        "
tools:
  - name: get_pods
    parameters:
      namespace: {type: string, enum: [shop, bank]}
      label_selector: {type: string, required: true}
",
    );
    let tools = definition.apply(&registry()).unwrap();
    let pods = tools.get("get_pods").unwrap();
    let error = pods
        .call_json(
            &context(),
            json!({"namespace": "kube-system", "label_selector": "a=b"}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    assert_snapshot!(error, @r#"arguments of get_pods: `namespace`: give one of "shop", "bank""#);
    let error = pods
        .call_json(&context(), json!({"namespace": "shop"}))
        .await
        .unwrap_err();
    assert_snapshot!(error, @"arguments of get_pods: `label_selector`: give a value; the definition requires it");
    assert!(
        pods.call_json(&context(), json!({"namespace": "shop", "label_selector": "a=b"}))
            .await
            .is_ok()
    );
}

#[test]
fn the_face_of_a_defined_tool_is_the_definitions() {
    let tools = bound(TOOLS).apply(&registry()).unwrap();
    let spec = tools.get("get_pod_logs").unwrap().spec();
    assert_eq!(
        spec.description,
        "Retrieve logs from a specific pod and container"
    );
    let input = spec.input.as_value();
    assert_eq!(input["properties"]["tail_lines"]["default"], 200);
    assert!(input["properties"].get("previous").is_none());
    assert_eq!(input["required"], json!(["namespace", "pod_name"]));
    let spec = tools.get("get_pods").unwrap().spec();
    assert_eq!(
        spec.input.as_value()["properties"]["namespace"]["description"],
        "Kubernetes namespace to query"
    );
    let untouched = tools.get("query_prometheus").unwrap().spec();
    assert_eq!(
        untouched.description,
        "The registered description of query_prometheus"
    );
}

#[test]
fn a_default_that_a_step_would_override_is_refused_with_its_place() {
    let step = StepCapability::new("analyze_logs")
        .uses(["get_pod_logs"])
        .sets("get_pod_logs", ["tail_lines"]);
    let workflow = WorkflowCapability::new("incident_investigation").with_step(step);
    let capabilities = Capabilities::new().with_workflow(workflow);
    let with = |tail_lines: &str| {
        let text = format!(
            "tools:\n  - name: get_pod_logs\n    parameters: {{pod_name: {{type: string}}, namespace: {{type: string}}, \
             tail_lines: {{type: integer{tail_lines}}}}}\n"
        );
        bind(&documents(&text), &registry(), &capabilities).map_err(|error| error.to_string())
    };
    assert!(with("").is_ok());
    let error = with(", default: 500").unwrap_err();
    assert!(
        error.starts_with("agent.yaml:3:")
            && error.contains("tools[0].parameters.tail_lines.default: not available yet: a default")
            && error.contains("the step `analyze_logs` of `incident_investigation`")
            && error.contains("leave `default` out"),
        "{error}"
    );
    let error = with(", enum: [100, 200]").unwrap_err();
    assert!(
        error.contains("tail_lines.enum: not available yet: a list of values")
            && error.contains("leave `enum` out"),
        "{error}"
    );
}
