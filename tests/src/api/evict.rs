//! The `eviction` subresource, and the disruption budgets that it respects.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::delete::{preconditions, remove};
use super::select::Selector;
use super::status::{Failure, json_response};
use super::store::{Key, Store};
use super::write::Write;

pub(super) fn evict(store: &mut Store, write: &Write<'_>) -> Result<Response, Failure> {
    let body = write.json()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if !matches!(text("/kind"), "" | "Eviction") {
        let message = format!(
            "{} in version \"{}\" cannot be handled as a Eviction",
            text("/kind"),
            text("/apiVersion")
        );
        return Err(Failure::bad_request(message));
    }
    if text("/metadata/name") != write.name() {
        return Err(Failure::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let options = body.get("deleteOptions").cloned().unwrap_or(Value::Null);
    let (key, pod) = write.current(store)?;
    let dry = write.dry_run(Some(&options))?;
    let phase = pod
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let going = pod.pointer("/metadata/deletionTimestamp").is_some();
    // Pods that do not run disturb nobody when they go.
    if !going && !matches!(phase, "Succeeded" | "Failed" | "Pending") {
        match budgets(store, &pod, key.namespace()).as_slice() {
            [] => {}
            [(key, budget)] => {
                if is_ready(&pod) || !lets_unready_go(store, key, budget) {
                    disturb(store, key, budget, dry)?;
                }
            }
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
            }
        }
    }
    preconditions(write.kind(), write.name(), &options, &pod)?;
    remove(store, write, &key, &pod, dry);
    let success =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(json_response(StatusCode::CREATED, &success))
}

fn budgets(store: &Store, pod: &Value, namespace: Option<&str>) -> Vec<(Key, Arc<Value>)> {
    let Some(kind) = store.kinds.get("policy", "poddisruptionbudgets") else {
        return Vec::new();
    };
    Store::list(&store.objects, kind, namespace)
        .filter(|(_, budget)| {
            Selector::of_object(budget.pointer("/spec/selector"))
                .is_some_and(|selector| selector.matches(pod))
        })
        .map(|(key, budget)| (key.clone(), Arc::clone(budget)))
        .collect()
}

fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// How many of the budget's pods are healthy, and how many have to be: as its controller says, or counted where there is none.
fn healthy_and_desired(store: &Store, key: &Key, budget: &Value) -> (i64, i64) {
    let told = |field: &str| number(budget, &format!("/status/{field}"));
    match (told("currentHealthy"), told("desiredHealthy")) {
        (Some(healthy), Some(desired)) => (healthy, desired),
        _ => count(store, key, budget),
    }
}

/// Whether pods that are not ready may go without being counted: always where the budget says so, else while enough others are.
fn lets_unready_go(store: &Store, key: &Key, budget: &Value) -> bool {
    let policy = budget
        .pointer("/spec/unhealthyPodEvictionPolicy")
        .and_then(Value::as_str);
    let (healthy, desired) = healthy_and_desired(store, key, budget);
    policy == Some("AlwaysAllow") || (healthy >= desired && desired > 0)
}

/// Takes one disruption from the budget, or refuses.
fn disturb(store: &mut Store, key: &Key, budget: &Value, dry: bool) -> Result<(), Failure> {
    let name = budget
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let refused = |message: String| {
        Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        )
        .cause("DisruptionBudget", message)
    };
    if number(budget, "/status/observedGeneration")
        .is_some_and(|seen| number(budget, "/metadata/generation").is_some_and(|now| seen < now))
    {
        let message = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(message).retry_after(10));
    }
    let (healthy, desired) = healthy_and_desired(store, key, budget);
    let allowed =
        number(budget, "/status/disruptionsAllowed").unwrap_or_else(|| healthy.saturating_sub(desired));
    if allowed <= 0 {
        return Err(refused(format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        )));
    }
    if !dry {
        let mut budget = budget.clone();
        if let Value::Object(map) = &mut budget {
            let status = map.entry("status").or_insert_with(|| json!({}));
            if let Value::Object(status) = status {
                status.insert("disruptionsAllowed".to_owned(), allowed.saturating_sub(1).into());
                status.insert("currentHealthy".to_owned(), healthy.saturating_sub(1).into());
                status.insert("desiredHealthy".to_owned(), desired.into());
            }
        }
        store.put(key.clone(), budget);
    }
    Ok(())
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let text = |key: &str| condition.get(key).and_then(Value::as_str);
        text("type") == Some("Ready") && text("status") == Some("True")
    })
}

/// Healthy pods and how many are needed, for a budget whose status nobody has filled in.
fn count(store: &Store, key: &Key, budget: &Value) -> (i64, i64) {
    let Some((pods, selector)) = store
        .kinds
        .get("", "pods")
        .zip(Selector::of_object(budget.pointer("/spec/selector")))
    else {
        return (0, 0);
    };
    let matching: Vec<&Arc<Value>> = Store::list(&store.objects, pods, key.namespace())
        .map(|(_, pod)| pod)
        .filter(|pod| selector.matches(pod))
        .collect();
    let total = i64::try_from(matching.len()).unwrap_or(i64::MAX);
    let healthy = i64::try_from(matching.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(i64::MAX);
    let share = |value: &Value| match value {
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            total.saturating_mul(percent).saturating_add(99) / 100
        }
        other => other.as_i64().unwrap_or(0),
    };
    let desired = match (
        budget.pointer("/spec/minAvailable"),
        budget.pointer("/spec/maxUnavailable"),
    ) {
        (Some(least), _) => share(least),
        (None, Some(most)) => total.saturating_sub(share(most)),
        (None, None) => 0,
    };
    (healthy, desired)
}
