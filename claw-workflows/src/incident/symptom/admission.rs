//! What is wrong behind admission webhooks. They are read where pods are not even made.

use claw_core::evidence::Severity;
use claw_k8s::model::WebhookConfiguration;

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
        let mut pods = facts
            .pods()
            .filter(|pod| pod.metadata.ns() == ns && service.selects(&pod.metadata.labels))
            .peekable();
        if pods.peek().is_none() {
            let statement = format!(
                "webhook {} calls Service {ns}/{}, which has no pods",
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
        let pod = pods.find(|pod| pod.status.phase != "Running")?;
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
