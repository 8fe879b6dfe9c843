//! How do I investigate a recorded incident from my own program?
//!
//! Load the bundle, replay it, look at the report. No cluster is needed, and the same bundle gives the same report.
//!
//! ```text
//! cargo run --example replay_bundle [DIR]
//! ```

use claw_k8s::bundle::Bundle;
use claw_testkit::replay::Replay;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    let folder = std::env::args().nth(1).unwrap_or_else(|| built_in.to_owned());
    let bundle = Bundle::load(folder)?;
    let report = Replay::of(&bundle).await?.run().await?;

    println!("{}", report.summary);
    for hypothesis in &report.hypotheses {
        let percent = hypothesis.confidence * 100.0;
        println!("{:>3.0} %  {}: {}", percent, hypothesis.entity, hypothesis.cause);
    }
    for gap in &report.gaps {
        println!("not seen: {}: {}", gap.source, gap.reason);
    }
    Ok(())
}
