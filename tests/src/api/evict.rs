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
    let options = body.get("deleteOptions").cloned().unwrap_or(Value::Null);
    let (key, pod) = write.current(store)?;
    let name = write.resource.name.as_deref().unwrap_or_default();
    preconditions(&write.resource.kind, name, &options, &pod)?;
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
            [(budget_key, budget)] => disturb(store, budget_key, budget, dry)?,
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(Failure::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalError",
                    message,
                ));
            }
        }
    }
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

/// Takes one disruption from the budget, or refuses.
fn disturb(store: &mut Store, key: &Key, budget: &Value, dry: bool) -> Result<(), Failure> {
    let number = |pointer: &str| budget.pointer(pointer).and_then(Value::as_i64);
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
    if number("/status/observedGeneration")
        .is_some_and(|seen| number("/metadata/generation").is_some_and(|now| seen < now))
    {
        return Err(refused(format!(
            "The disruption budget {name} is still being processed by the server."
        )));
    }
    let (healthy, desired) = match (number("/status/currentHealthy"), number("/status/desiredHealthy")) {
        (Some(healthy), Some(desired)) => (healthy, desired),
        _ => count(store, key, budget),
    };
    let allowed = number("/status/disruptionsAllowed").unwrap_or_else(|| healthy.saturating_sub(desired));
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
    let ready = |pod: &&&Arc<Value>| {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| {
            let text = |key: &str| condition.get(key).and_then(Value::as_str);
            text("type") == Some("Ready") && text("status") == Some("True")
        })
    };
    let total = i64::try_from(matching.len()).unwrap_or(i64::MAX);
    let healthy = i64::try_from(matching.iter().filter(ready).count()).unwrap_or(i64::MAX);
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
