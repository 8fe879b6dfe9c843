//! `claw-testbed load`

use std::path::Path;

use claw_core::clock::{Clock as _, SystemClock};
use claw_testbed::api::Api;
use claw_testbed::builds::Cache;
use claw_testbed::error::Error;
use claw_testbed::load::fleet::{self, Fleet};
use claw_testbed::load::history::{self, Span};
use claw_testbed::load::nodes::{self, Size};
use claw_testbed::modules;
use claw_testbed::run::RunFolder;
use tokio::time::Instant;

use super::arguments::LoadArguments;
use super::place;
use super::print;
use super::progress::Progress;

/// Pods for which ordinary nodes have room.
const ORDINARY: u64 = 30;

pub(crate) async fn run(cache: &Cache, given: &LoadArguments) -> Result<(), Error> {
    let run = place::running(cache, &given.run)?;
    let api = Api::connect(Path::new(&run.file("kubeconfig"))).await?;
    if given.remove {
        let progress = Progress::start();
        progress.say("deleting fleets");
        let removed = fleet::remove(&api).await?;
        drop(progress);
        print(format!("{removed} namespaces of fleets deleted; nodes stay"));
        return Ok(());
    }
    let fleet = Fleet {
        namespaces: given.namespaces,
        deployments: given.deployments,
        replicas: given.replicas,
    };
    make_fleet(&api, &fleet, given.nodes).await?;
    if given.days > 0 {
        let span = Span {
            now: SystemClock.now().as_second(),
            days: given.days,
            step: given.step,
        };
        make_history(&api, &run, span).await?;
    }
    Ok(())
}

async fn make_fleet(api: &Api, fleet: &Fleet, nodes: u32) -> Result<(), Error> {
    let begin = Instant::now();
    let large = fleet.pods() > u64::from(nodes) * ORDINARY;
    let size = if large { Size::Large } else { Size::Mixed };
    let made = api.create_all(nodes::nodes(nodes, size), &|| {}).await?;
    nodes::all_ready(api).await?;
    api.create_all(fleet.namespaces(), &|| {}).await?;
    let objects = fleet.workloads();
    let created = {
        let progress = Progress::of(objects.len() as u64, "objects");
        api.create_all(objects, &|| progress.step()).await?
    };
    print(format!(
        "{made} nodes and {created} objects made in {:.1} s",
        begin.elapsed().as_secs_f64()
    ));
    let progress = Progress::of(fleet.pods(), "pods ready");
    fleet::all_ready(api, fleet, &|ready| progress.at(ready)).await?;
    drop(progress);
    print(format!(
        "{} pods ready after {:.1} s",
        fleet.pods(),
        begin.elapsed().as_secs_f64()
    ));
    Ok(())
}

async fn make_history(api: &Api, run: &RunFolder, span: Span) -> Result<(), Error> {
    let begin = Instant::now();
    let progress = Progress::start();
    progress.say("writing history");
    let text = run.path().join("history.om");
    let written = history::write(api, span, &text).await?;
    let seconds = begin.elapsed().as_secs_f64();
    progress.say("importing history");
    let promtool = run.programs(&modules::PROMETHEUS).join("promtool");
    let outcome = history::import(&promtool, &text, &run.path().join("prometheus/data"), span).await;
    std::fs::remove_file(&text).map_err(|source| Error::Io {
        doing: "remove",
        path: text.clone(),
        source,
    })?;
    outcome?;
    drop(progress);
    print(format!(
        "{} samples of {} series written in {seconds:.1} s",
        written.samples, written.series
    ));
    print(format!(
        "imported after {:.1} s; Prometheus shows it within a minute",
        begin.elapsed().as_secs_f64()
    ));
    Ok(())
}
