//! `claw-agent serve`, from webhooks to reports.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::world::{World, alert};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_become_reports_and_the_agent_stops_in_order() {
    let world = World::start().await;
    fs::write(world.path("token"), "a-long-token\n").unwrap();
    let mut served = world.serve(&["--webhook-token-file", "token"]).await;
    let post = |token: &str| {
        let request = served.webhook(&alert(world.began));
        request.bearer_auth(token).send()
    };
    assert_eq!(post("wrong").await.unwrap().status(), 401);
    let receipt: Value = post("a-long-token").await.unwrap().json().await.unwrap();
    let run = receipt["runs"][0].as_str().unwrap();
    let report = world.path("claw-data/reports").join(format!("{run}.json"));
    tokio::time::timeout(Duration::from_secs(60), async {
        while !report.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("a report");
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["hypotheses"][0]["mechanism"], "image_pull");

    served.stop().await;
    let (code, stdout, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0, "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_starts_warns_of_what_it_will_not_see() {
    let world = World::start().await;
    world
        .api
        .cluster()
        .act_as(Some(claw_testkit::api::User::service_account("ops", "nobody")));
    let mut served = world.serve(&[]).await;
    let mut said = Vec::new();
    let warned = async {
        while let Some(line) = served.lines.next_line().await.unwrap() {
            let last = line.contains("access --check");
            said.push(line);
            if last {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), warned)
        .await
        .unwrap();
    let about = |tool: &str| said.iter().filter(|line| line.contains(tool)).count();
    assert_eq!(
        (about("warning: get_pods "), about("warning: describe_events ")),
        (1, 1),
        "{said:#?}"
    );
    let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
    assert!(log.contains("own_rights"), "{log}");
}
