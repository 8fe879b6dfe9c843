//! What Alertmanager would send.

use claw_core::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// A notification that a deployment has fewer replicas than it wants, since now. `mark` tells its alert from others: those of
/// one mark are one alert to the agent.
pub fn notification(mark: &str, namespace: &str, deployment: &str) -> Value {
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{mark=\"{mark}\"}}"),
        "status": "firing",
        "receiver": "claw",
        "alerts": [{
            "status": "firing",
            "startsAt": SystemClock.now(),
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": mark,
            "labels": {
                "alertname": "DeploymentReplicasMissing",
                "severity": "critical",
                "namespace": namespace,
                "deployment": deployment,
            },
            "annotations": { "summary": "fewer replicas than wanted" },
        }],
    })
}
