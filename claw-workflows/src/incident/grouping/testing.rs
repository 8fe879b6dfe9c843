//! Surroundings for tests, all of them in the namespace `shop`.

use claw_core::entity::EntityRef;
use serde_json::json;

use super::Surroundings;
use crate::incident::case::Call;
use crate::incident::testing::{at, object};
use crate::trigger::Alert;

/// An alert about a service of a namespace.
pub(super) fn alert_about(namespace: &str, service: &str) -> Alert {
    let labels = json!({"alertname": "Slow", "namespace": namespace, "service": service});
    let alert = json!({"fingerprint": labels.to_string(), "labels": labels, "starts_at": at(0)});
    serde_json::from_value(alert).unwrap()
}

impl Surroundings {
    /// That these Services call each other: `caller>callee`.
    pub(crate) fn calling(alerts: &[Alert], calls: &[&str]) -> Self {
        let mut around = Self::unknown(alerts);
        around.call("Service", calls);
        around
    }

    /// Deployments of these names with so many pods each, on a few nodes, which call each other: `caller>callee`. Each has a
    /// ConfigMap.
    pub(crate) fn running<S: AsRef<str>>(alerts: &[Alert], names: &[S], pods: usize, calls: &[&str]) -> Self {
        let mut around = Self::unknown(alerts);
        let objects = &mut around.0.objects;
        for name in names.iter().map(AsRef::as_ref) {
            let containers =
                json!([{"name": "app", "envFrom": [{"configMapRef": {"name": format!("{name}-config")}}]}]);
            let labels = json!({"app": name});
            let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
            let workload = json!({"kind": "Deployment", "spec": {"replicas": pods, "template": template}});
            objects.workloads.push(object(name, workload));
            for number in 0..pods {
                let owner = json!([{"kind": "Deployment", "name": name, "controller": true}]);
                let pod = json!({
                    "metadata": {"labels": labels, "ownerReferences": owner},
                    "spec": {"containers": containers, "nodeName": format!("n{}", number % 20)},
                    "status": {"phase": "Running"},
                });
                objects.pods.push(object(&format!("{name}-{number}"), pod));
            }
        }
        around.call("Deployment", calls);
        around
    }

    fn call(&mut self, kind: &str, calls: &[&str]) {
        let entity = |name: &str| EntityRef::namespaced(kind, "shop", name);
        let pairs = calls.iter().filter_map(|call| call.split_once('>'));
        self.0.calls.extend(pairs.map(|(caller, callee)| Call {
            caller: entity(caller),
            callee: entity(callee),
            via: "topology".to_owned(),
        }));
    }
}
