//! What is wrong behind admission webhooks. They are read where pods are not even made.

use claw_core::evidence::Severity;
use claw_k8s::model::{Pod, WebhookConfiguration};

use super::finding::finding;
use crate::incident::candidate::Symptom;
use crate::incident::facts::Facts;

/// Webhooks whose service cannot answer.
pub(super) fn webhooks(facts: &Facts<'_>) -> Vec<Symptom> {
    facts
        .case
        .objects
        .webhooks
        .iter()
        .filter_map(|configuration| webhook(facts, configuration))
        .collect()
}

fn webhook(facts: &Facts<'_>, configuration: &WebhookConfiguration) -> Option<Symptom> {
    configuration.webhooks.iter().find_map(|hook| {
        let called = hook.client_config.service.as_ref()?;
        let ns = called.namespace.as_str();
        // One that may be passed over holds up nothing.
        let severity = if hook.failure_policy == "Ignore" {
            Severity::Info
        } else {
            Severity::Warning
        };
        let Some(service) = facts.service(ns, &called.name) else {
            return facts.case.knows_all("Service", ns).then(|| {
                let statement = format!(
                    "webhook {} calls Service {ns}/{}, which does not exist",
                    hook.name, called.name
                );
                finding(
                    facts,
                    configuration,
                    "webhook.service_missing",
                    severity,
                    None,
                    statement,
                )
            });
        };
        if !facts.case.knows_all("Pod", ns) || service.spec.selector.is_empty() {
            return None;
        }
        // What is over, or goes away, serves nothing and stands in nobody's way.
        let serves = |pod: &&Pod| {
            let behind = pod.metadata.ns() == ns && service.selects(&pod.metadata.labels);
            behind && !pod.is_finished() && pod.metadata.deletion_timestamp.is_none()
        };
        let pods: Vec<&Pod> = facts.pods().filter(serves).collect();
        if pods.is_empty() {
            let statement = format!(
                "webhook {} calls Service {ns}/{}, which has no pods that run",
                hook.name, called.name
            );
            return Some(finding(
                facts,
                configuration,
                "webhook.no_pods",
                severity,
                None,
                statement,
            ));
        }
        if pods.iter().any(|pod| pod.is_ready()) {
            return None;
        }
        let pod = pods.iter().find(|pod| pod.status.phase != "Running")?;
        let statement = format!(
            "webhook {} is served by pod {}, which is {}",
            hook.name, pod.metadata.name, pod.status.phase
        );
        Some(finding(
            facts,
            configuration,
            "webhook.pod_not_running",
            severity,
            None,
            statement,
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::webhooks;
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    fn complaints(pods: &[(&str, Value)]) -> Vec<String> {
        let mut case = case();
        let hook = json!({"name": "w.example.com", "clientConfig": {"service": {"namespace": "shop", "name": "hook"}}});
        case.objects.webhooks.push(object(
            "hooks",
            json!({"kind": "ValidatingWebhookConfiguration", "webhooks": [hook]}),
        ));
        let selects = json!({"spec": {"selector": {"app": "hook"}}});
        case.objects.services.push(object("hook", selects));
        for (name, status) in pods {
            let pod = json!({"metadata": {"labels": {"app": "hook"}}, "status": status});
            case.objects.pods.push(object(name, pod));
        }
        webhooks(&Facts::new(&case))
            .into_iter()
            .map(|symptom| symptom.statement)
            .collect()
    }

    #[test]
    fn a_pod_that_is_over_beside_ready_ones_is_no_trouble() {
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        let evicted = json!({"phase": "Failed", "reason": "Evicted"});
        let pending = json!({"phase": "Pending"});
        assert_eq!(
            complaints(&[("a", evicted.clone()), ("b", ready.clone())]),
            [""; 0]
        );
        assert_eq!(complaints(&[("a", pending.clone()), ("b", ready)]), [""; 0]);
        let none = complaints(&[("a", evicted.clone()), ("b", pending)]);
        assert_eq!(
            none,
            ["webhook w.example.com is served by pod b, which is Pending"]
        );
        assert!(complaints(&[("a", evicted)])[0].ends_with("which has no pods that run"));
    }
}
