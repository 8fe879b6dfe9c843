//! Takes secrets out of pod specs before they leave a tool.

use claw_core::redact::Redactor;
use serde_json::{Value, json};

use crate::model::{Pod, PodSpec, Workload};

/// Removes secrets from a pod.
pub(super) fn pod(redactor: &Redactor, pod: &mut Pod) {
    spec(redactor, &mut pod.spec);
}

/// Removes secrets from a workload's template.
pub(super) fn workload(redactor: &Redactor, workload: &mut Workload) {
    spec(redactor, &mut workload.spec.template.spec);
    if let Some(job) = &mut workload.spec.job_template {
        spec(redactor, &mut job.spec.template.spec);
    }
}

fn spec(redactor: &Redactor, spec: &mut PodSpec) {
    for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
        for variable in &mut container.env {
            if let Some(value) = &mut variable.value {
                let shown = redactor.redact_named(&variable.name, value).into_owned();
                *value = shown;
            }
        }
        container.command = arguments(redactor, &container.command);
        container.args = arguments(redactor, &container.args);
    }
}

/// Arguments without secrets: what follows a flag belongs to it.
pub(super) fn arguments(redactor: &Redactor, arguments: &[String]) -> Vec<String> {
    match redactor.redact_json(json!(arguments)) {
        Value::Array(shown) => shown
            .into_iter()
            .map(|argument| argument.as_str().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_secrets_and_nothing_else() {
        let mut pod: Pod = serde_json::from_value(json!({"spec": {"containers": [{
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB_URL", "value": "postgres://app:hunter2@db:5432/x"},
                    {"name": "TOKEN_FILE", "value": "/run/token"}, {"name": "MAX_TOKENS", "value": "many"},
                    {"name": "TOKENIZER", "value": "cl100k_base"}, {"name": "SECRETARY_EMAIL", "value": "a@example.com"}],
            "command": ["run", "--api-key", "hunter2", "--verbose"],
            "args": ["--password=hunter2", "--to=http://u:hunter2@host", "-p", "80"]}]}}))
        .unwrap();
        super::pod(&Redactor::new(), &mut pod);
        let text = serde_json::to_string(&pod).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let app = &pod.spec.containers[0];
        let values: Vec<_> = app
            .env
            .iter()
            .skip(1)
            .filter_map(|one| one.value.as_deref())
            .collect();
        assert_eq!(
            values,
            [
                "postgres://app:[redacted:password]@db:5432/x",
                "/run/token",
                "many",
                "cl100k_base",
                "a@example.com"
            ]
        );
        assert_eq!(app.command, ["run", "--api-key", "[redacted:key]", "--verbose"]);
        assert_eq!(app.args[2..], ["-p", "80"]);
    }
}
