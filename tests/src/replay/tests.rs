use std::path::{Path, PathBuf};

use claw_k8s::bundle::Bundle;
use claw_workflows::deliver::json::Replay as Short;

use super::*;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

async fn replay(name: &str) -> String {
    let bundle = Bundle::load(scenario(name)).unwrap();
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    Short::new(&report).to_json()
}

#[tokio::test]
async fn two_replays_give_the_same_bytes() {
    assert_eq!(
        replay("oom-limit-lowered").await,
        replay("oom-limit-lowered").await
    );
}

#[tokio::test]
async fn the_report_bears_the_name_of_the_case() {
    let short: Short = serde_json::from_str(&replay("oom-limit-lowered").await).unwrap();
    assert_eq!(short.case, "oom-limit-lowered");
    assert!(!short.hypotheses.is_empty());
}

#[tokio::test]
async fn what_was_not_recorded_is_a_gap() {
    let mut bundle = Bundle::load(scenario("oom-limit-lowered")).unwrap();
    bundle.metrics.clear();
    bundle.alert = Some(serde_json::json!({"alerts": "none"}));
    let report = Replay::of(&bundle).await.unwrap().run().await.unwrap();
    let reasons: Vec<_> = report.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    assert!(reasons.contains(&"the recording holds no metrics"), "{reasons:?}");
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("alert.json: alerts")),
        "{reasons:?}"
    );
}
