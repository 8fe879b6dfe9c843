//! How do I put an agent into a service of mine that runs axum?
//!
//! Nest the router, and let the runner work beside it. Alertmanager then posts to `/claw/webhook/alertmanager` of your
//! service.
//!
//! ```text
//! cargo run --example embed_in_axum
//! ```

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use claw_core::clock::{Clock, ManualClock, SystemClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::Bundle;
use claw_testkit::replay;
use claw_workflows::assemble::Assembly;
use claw_workflows::trigger::server::{self, ServerSettings, ServerState};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A recorded world, so that this runs anywhere; use `KubeCluster::connect` for a real one.
    let bundle = Bundle::load(concat!(env!("CARGO_MANIFEST_DIR"), "/demo"))?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(bundle.manifest.collected_at));
    let (sources, _world) = replay::boot(&bundle, &mut Vec::new()).await?;
    let audit = Arc::new(MemoryAuditLog::default());
    let agent = Assembly::new("shop", sources, audit, Arc::clone(&clock)).build()?;

    // Your service, with the agent inside.
    let state = ServerState::new(agent.intake(), ServerSettings::default(), None, clock);
    let app = Router::new()
        .route("/", get(|| async { "my service\n" }))
        .nest("/claw", server::router(state));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    let service = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    let service = tokio::spawn(service.into_future());
    let runner = tokio::spawn({
        let (runner, stop) = (agent.runner().clone(), stop.clone());
        async move { runner.serve(stop).await }
    });

    // What Alertmanager would do.
    let cx = ToolContext::new(Arc::new(SystemClock), std::time::Duration::from_secs(20));
    let client = Client::new(ClientConfig::at(url))?;
    let alert = bundle.alert.ok_or("the recording has an alert")?;
    let answer = client
        .post("claw/webhook/alertmanager")
        .json(&alert)
        .send(&cx)
        .await?;
    let receipt: serde_json::Value = answer.json()?;
    let run = receipt
        .pointer("/runs/0")
        .and_then(serde_json::Value::as_str)
        .ok_or("a run was opened")?;
    loop {
        let shown: serde_json::Value = client.get(format!("claw/runs/{run}")).send(&cx).await?.json()?;
        if let Some(summary) = shown
            .pointer("/report/summary")
            .and_then(serde_json::Value::as_str)
        {
            println!("{summary}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.cancel();
    runner.await??;
    service.await??;
    Ok(())
}
