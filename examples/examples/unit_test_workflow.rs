//! How do I unit-test a workflow, or an agent of mine, without a cluster?
//!
//! Give the agent a world in memory: a few objects in a bundle, a clock that stands, an audit log that can be asked. The
//! test then states what the report has to say, and what the agent must not have done.
//!
//! ```text
//! cargo run --example unit_test_workflow     # or put the body of `main` under #[tokio::test]
//! ```

use std::sync::Arc;

use claw_core::audit::AuditKind;
use claw_core::report::{Verdict, Window};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::{Bundle, Incident, Manifest, VERSION};
use claw_testkit::replay::Replay;
use serde_json::{Value, json};

/// A pod whose image cannot be pulled.
fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": "cart-1", "creationTimestamp": "2026-03-01T09:50:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "cart", "image": "registry.example.com/cart:1.4.O"}]},
        "status": {"phase": "Pending", "startTime": "2026-03-01T09:50:00Z",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-03-01T09:50:00Z"}],
            "containerStatuses": [{"name": "cart", "ready": false, "restartCount": 0,
                "image": "registry.example.com/cart:1.4.O", "imageID": "",
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}}]}
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let time = |text: &str| text.parse::<jiff::Timestamp>();
    let mut world = Bundle::new(Manifest {
        version: VERSION,
        case: "image-typo".to_owned(),
        cluster: "shop".to_owned(),
        collected_at: time("2026-03-01T10:00:00Z")?,
        window: Window {
            start: time("2026-03-01T08:00:00Z")?,
            end: time("2026-03-01T10:00:00Z")?,
        },
        incident: Some(Incident {
            start: time("2026-03-01T09:50:00Z")?,
            end: None,
        }),
        baseline: None,
        question: None,
        namespaces: Default::default(),
        kinds: None,
        gaps: None,
    });
    world.objects.push(pod());

    let audit = Arc::new(MemoryAuditLog::default());
    let replay = Replay::audited(&world, Arc::<MemoryAuditLog>::clone(&audit)).await?;
    let report = replay.run().await?;

    assert_eq!(report.verdict, Verdict::Cause, "{}", report.summary);
    let first = report.hypotheses.first().ok_or("there has to be a hypothesis")?;
    assert_eq!(first.mechanism, "image_pull");
    assert!(!first.evidence.is_empty(), "a cause without evidence is a guess");
    // Every read is in the audit log, and nothing was written.
    let events = audit.events();
    assert!(events.iter().any(|event| event.kind == AuditKind::Observe));
    assert!(!events.iter().any(|event| event.kind == AuditKind::Permit));

    println!("as expected: {}", first.cause);
    Ok(())
}
