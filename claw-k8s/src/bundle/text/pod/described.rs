//! Described pods.

use serde_json::{Map, Value, json};

use super::super::super::time;
use super::super::describe::number;
use super::super::outline::Item;

/// A pod that `kubectl describe pod` prints.
pub(in super::super) fn described(root: &Item<'_>, metadata: Value) -> Vec<Value> {
    let mut metadata = metadata;
    let mut spec = Map::new();
    let mut status = Map::new();
    if let Some(node) = root.text("Node") {
        // Printed with its address: `n1/10.0.0.1`.
        spec.insert(
            "nodeName".to_owned(),
            node.split('/').next().unwrap_or(node).into(),
        );
    }
    if let Some(account) = root.text("Service Account") {
        spec.insert("serviceAccountName".to_owned(), account.into());
    }
    let phase = root.text("Status").unwrap_or("Unknown");
    let (phase, terminating) = match phase.split_once(" (") {
        Some(("Terminating", _)) => ("Running", true),
        Some((phase, _)) => (phase, false),
        None if phase == "Terminating" => ("Running", true),
        None => (phase, false),
    };
    status.insert("phase".to_owned(), phase.into());
    if terminating && let Value::Object(metadata) = &mut metadata {
        let since = metadata.get("creationTimestamp").cloned().unwrap_or(Value::Null);
        metadata.insert("deletionTimestamp".to_owned(), since);
    }
    for (key, field) in [
        ("Reason", "reason"),
        ("Message", "message"),
        ("IP", "podIP"),
        ("QoS Class", "qosClass"),
    ] {
        if let Some(text) = root.text(key) {
            status.insert(field.to_owned(), text.into());
        }
    }
    if let Some(time) = root.text("Start Time").and_then(time::parse_text) {
        status.insert("startTime".to_owned(), time.to_string().into());
    }
    for (key, containers, statuses) in [
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
    ] {
        let found: Vec<(Value, Value)> = root
            .get(key)
            .map(|item| item.items.iter().map(container).collect())
            .unwrap_or_default();
        let (specs, states): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        if !specs.is_empty() {
            spec.insert(containers.to_owned(), specs.into());
            status.insert(statuses.to_owned(), states.into());
        }
    }
    if let Some(conditions) = root.get("Conditions") {
        let conditions: Vec<Value> = conditions
            .items
            .iter()
            .filter_map(|item| item.line.split_once(char::is_whitespace))
            .filter(|(kind, _)| *kind != "Type")
            .map(|(kind, status)| json!({"type": kind, "status": status.trim()}))
            .collect();
        status.insert("conditions".to_owned(), conditions.into());
    }
    vec![json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})]
}

/// Spec and status of a container.
pub(in super::super) fn container(item: &Item<'_>) -> (Value, Value) {
    let name = item.key;
    let mut spec = Map::from_iter([("name".to_owned(), name.into())]);
    let mut status = Map::from_iter([("name".to_owned(), name.into())]);
    if let Some(image) = item.text("Image") {
        spec.insert("image".to_owned(), image.into());
        status.insert("image".to_owned(), image.into());
    }
    if let Some(ports) = item.text("Ports").or_else(|| item.text("Port")) {
        let ports: Vec<Value> = ports.split(',').filter_map(port).collect();
        if !ports.is_empty() {
            spec.insert("ports".to_owned(), ports.into());
        }
    }
    for (key, field) in [("Command", "command"), ("Args", "args")] {
        if let Some(list) = item.get(key) {
            let list: Vec<Value> = list.lines().map(Value::from).collect();
            spec.insert(field.to_owned(), list.into());
        }
    }
    let mut resources = Map::new();
    for (key, field) in [("Limits", "limits"), ("Requests", "requests")] {
        if let Some(list) = item.get(key) {
            let amounts: Map<String, Value> = list
                .items
                .iter()
                .map(|amount| (amount.key.to_owned(), amount.value.into()))
                .collect();
            resources.insert(field.to_owned(), amounts.into());
        }
    }
    if !resources.is_empty() {
        spec.insert("resources".to_owned(), resources.into());
    }
    for (key, field) in [
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ] {
        if let Some(probe) = item.text(key).and_then(probe) {
            spec.insert(field.to_owned(), probe);
        }
    }
    let env: Vec<Value> = item
        .get("Environment")
        .map(|list| list.items.iter().filter_map(variable).collect())
        .unwrap_or_default();
    if !env.is_empty() {
        spec.insert("env".to_owned(), env.into());
    }
    let sources: Vec<Value> = item
        .get("Environment Variables from")
        .map(|list| list.items.iter().filter_map(|item| env_from(item.line)).collect())
        .unwrap_or_default();
    if !sources.is_empty() {
        spec.insert("envFrom".to_owned(), sources.into());
    }
    if let Some(state) = item.get("State").and_then(state) {
        status.insert("state".to_owned(), state);
    }
    if let Some(state) = item.get("Last State").and_then(state) {
        status.insert("lastState".to_owned(), state);
    }
    status.insert("ready".to_owned(), (item.text("Ready") == Some("True")).into());
    let restarts = item.text("Restart Count").and_then(number).unwrap_or(0);
    status.insert("restartCount".to_owned(), restarts.into());
    (Value::Object(spec), Value::Object(status))
}

/// `8080/TCP (http)`.
fn port(text: &str) -> Option<Value> {
    let (number, rest) = text.trim().split_once('/')?;
    let number: u16 = number.parse().ok()?;
    let mut port = json!({"containerPort": number, "protocol": rest.split(' ').next().unwrap_or("TCP")});
    if let (Some((_, name)), Value::Object(port)) = (rest.split_once('('), &mut port) {
        port.insert("name".to_owned(), name.trim_end_matches(')').into());
    }
    Some(port)
}

/// `http-get http://:8080/healthz delay=5s timeout=1s period=10s #success=1 #failure=3`.
fn probe(text: &str) -> Option<Value> {
    let mut words = text.split_whitespace();
    let how = words.next()?;
    let mut probe = Map::new();
    for word in words.clone() {
        let Some((key, value)) = word.trim_start_matches('#').split_once('=') else {
            continue;
        };
        let field = match key {
            "delay" => "initialDelaySeconds",
            "timeout" => "timeoutSeconds",
            "period" => "periodSeconds",
            "success" => "successThreshold",
            "failure" => "failureThreshold",
            _ => continue,
        };
        if let Ok(value) = value.trim_end_matches('s').parse::<i64>() {
            probe.insert(field.to_owned(), value.into());
        }
    }
    let target = words.next().unwrap_or_default();
    match how {
        "http-get" => {
            let (scheme, rest) = target.split_once("://").unwrap_or(("http", target));
            let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = address.rsplit(':').next().unwrap_or_default();
            let get = json!({"scheme": scheme.to_uppercase(), "port": port_value(port), "path": format!("/{path}")});
            probe.insert("httpGet".to_owned(), get);
        }
        "tcp-socket" => {
            let port = target.rsplit(':').next().unwrap_or_default();
            probe.insert("tcpSocket".to_owned(), json!({"port": port_value(port)}));
        }
        "exec" => {
            let command = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            let command: Vec<&str> = command
                .map(|(words, _)| words.split_whitespace().collect())
                .unwrap_or_default();
            probe.insert("exec".to_owned(), json!({"command": command}));
        }
        "grpc" => {
            probe.insert("grpc".to_owned(), json!({}));
        }
        _ => return None,
    }
    Some(Value::Object(probe))
}

fn port_value(text: &str) -> Value {
    text.parse::<u16>().map_or_else(|_| text.into(), Value::from)
}

/// `DB_HOST:  db` or `PASSWORD:  <set to the key 'p' in secret 'db'>  Optional: false`.
fn variable(item: &Item<'_>) -> Option<Value> {
    if item.key.is_empty() {
        return None;
    }
    let Some(source) = item.value.strip_prefix("<set to the key '") else {
        return Some(json!({"name": item.key, "value": item.value}));
    };
    let (key, rest) = source.split_once("' ")?;
    let (field, rest) = if rest.starts_with("in secret") {
        ("secretKeyRef", rest)
    } else {
        ("configMapKeyRef", rest)
    };
    let name = rest.split('\'').nth(1)?;
    let optional = item.value.contains("Optional: true");
    Some(json!({"name": item.key, "valueFrom": {field: {"name": name, "key": key, "optional": optional}}}))
}

/// `settings  ConfigMap  Optional: false`.
fn env_from(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let (name, kind) = (words.next()?, words.next()?);
    let field = match kind {
        "ConfigMap" => "configMapRef",
        "Secret" => "secretRef",
        _ => return None,
    };
    Some(json!({field: {"name": name, "optional": line.contains("Optional: true")}}))
}

/// `State: Terminated` with its particulars below.
fn state(item: &Item<'_>) -> Option<Value> {
    let mut state = Map::new();
    for (key, field) in [("Reason", "reason"), ("Message", "message")] {
        if let Some(text) = item.text(key) {
            state.insert(field.to_owned(), text.into());
        }
    }
    for (key, field) in [("Exit Code", "exitCode"), ("Signal", "signal")] {
        if let Some(number) = item.text(key).and_then(number) {
            state.insert(field.to_owned(), number.into());
        }
    }
    for (key, field) in [("Started", "startedAt"), ("Finished", "finishedAt")] {
        if let Some(time) = item.text(key).and_then(time::parse_text) {
            state.insert(field.to_owned(), time.to_string().into());
        }
    }
    let kind = match item.value {
        "Waiting" => "waiting",
        "Running" => "running",
        "Terminated" => "terminated",
        _ => return None,
    };
    Some(json!({kind: state}))
}
