//! Brings a testbed up: builds what is missing, prepares the run folder, starts the components, waits for each.

use std::path::Path;

use tokio::time::Instant;

use crate::builds::Cache;
use crate::components::{Component, Readiness};
use crate::config;
use crate::down;
use crate::error::Error;
use crate::identities;
use crate::kubectl::Kubectl;
use crate::load::nodes;
use crate::machine;
use crate::modules;
use crate::podlogs;
use crate::ports::{self, Choice};
use crate::process::Process;
use crate::run::RunFolder;

/// What to bring up.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Components by name. None: all that the machine can run.
    pub components: Vec<Component>,
    /// How ports are chosen.
    pub ports: Choice,
    /// Simulated nodes made at the start.
    pub nodes: u32,
    /// Where Alertmanager sends alerts.
    pub webhook: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Components that were started, with the seconds until each was ready.
    pub started: Vec<(&'static str, f64)>,
    /// Components that were left out, with the reason.
    pub skipped: Vec<(&'static str, String)>,
    /// Nodes that were made.
    pub nodes: usize,
}

/// Hears what is going on.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Brings up what `plan` names in the folder `path`.
///
/// When anything fails, or the user interrupts, what this call has started is ended; logs stay in the folder.
pub async fn up(cache: &Cache, path: &Path, plan: &Plan, progress: Progress<'_>) -> Result<Report, Error> {
    let mut run = RunFolder::create(path)?;
    let everything = plan.components.is_empty();
    if everything && run.is_alive() {
        let why = "a testbed runs there".to_owned();
        let remedy = "end it with `claw-testbed down`, or name another folder with --run";
        return Err(Error::RunInUse {
            path: run.path().to_owned(),
            why,
            remedy,
        });
    }
    run.require_room()?;
    let mut report = Report::default();
    let wanted = wanted(cache, &mut run, plan, &mut report)?;
    let outcome = {
        let work = bring_up(cache, &mut run, &wanted, plan, progress, &mut report);
        tokio::select! {
            outcome = work => outcome,
            () = interrupted() => Err(Error::Interrupted),
        }
    };
    if let Err(error) = outcome {
        progress("ending what was started");
        down::stop(&mut run, &wanted).await?;
        return Err(error);
    }
    Ok(report)
}

/// Returns when the user or the system asks the program to end.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut asked), Ok(mut closed)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = asked.recv() => {}
        _ = closed.recv() => {}
    }
}

/// What has to be started, in order. Leaves out what the machine lacks, unless it was asked for by name.
fn wanted(
    cache: &Cache,
    run: &mut RunFolder,
    plan: &Plan,
    report: &mut Report,
) -> Result<Vec<Component>, Error> {
    let named = |component: &Component| plan.components.contains(component);
    let mut wanted = Vec::new();
    for component in Component::ALL {
        if !(plan.components.is_empty() || named(&component)) || run.running(component).is_some() {
            continue;
        }
        if component == Component::Alertmanager {
            let program = ["prometheus-alertmanager", "alertmanager"].into_iter();
            match program
                .filter_map(|name| machine::program(cache.path(), name))
                .next()
            {
                Some(program) => {
                    run.state.programs.insert(component.name().to_owned(), program);
                }
                None => {
                    let missing = Error::ProgramMissing {
                        program: "prometheus-alertmanager".to_owned(),
                        wanted_for: "which sends alerts to webhooks".to_owned(),
                        remedy: "install the package prometheus-alertmanager",
                    };
                    if named(&component) {
                        return Err(missing);
                    }
                    report.skipped.push((component.name(), missing.line()));
                    continue;
                }
            }
        }
        if let Some(needs) = component
            .needs()
            .iter()
            .find(|needs| run.running(**needs).is_none() && !wanted.contains(*needs))
        {
            return Err(Error::NeedsComponent {
                component: component.name(),
                needs: needs.name(),
            });
        }
        wanted.push(component);
    }
    Ok(wanted)
}

async fn bring_up(
    cache: &Cache,
    run: &mut RunFolder,
    wanted: &[Component],
    plan: &Plan,
    progress: Progress<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut needed: Vec<_> = wanted.iter().filter_map(|component| component.module()).collect();
    // kubectl applies what the testbed itself needs, and is there for people.
    needed.push(&modules::KUBERNETES);
    if wanted.contains(&Component::Prometheus) {
        needed.push(&modules::PROMETHEUS);
    }
    for module in needed {
        let folder = cache
            .build(module, &|said| progress(&format!("{}: {said}", module.name())))
            .await?;
        run.uses(module, folder);
    }
    for component in wanted {
        ports::assign(&mut run.state.ports, *component, plan.ports)?;
    }
    // Prometheus is told where Alertmanager is, which may be started later or never.
    for component in [
        Component::Alertmanager,
        Component::ApiServer,
        Component::KubeStateMetrics,
    ] {
        if run.running(component).is_none() {
            ports::assign(&mut run.state.ports, component, plan.ports)?;
        }
    }
    identities::prepare(run)?;
    config::write(run)?;
    config::write_alerting(run, plan.webhook.as_slice())?;
    podlogs::render_all(&run.pod_logs())?;
    run.save()?;
    start_all(run, wanted, progress, report).await?;
    if wanted.contains(&Component::Kwok) && plan.nodes > 0 {
        progress("making nodes");
        let api = crate::api::Api::connect(Path::new(&run.file("kubeconfig"))).await?;
        report.nodes = api
            .create_all(nodes::nodes(plan.nodes, nodes::Size::Mixed), &|| {})
            .await?;
        nodes::all_ready(&api).await?;
    }
    Ok(())
}

/// Starts components again that ran in this folder before, with the ports, keys and configuration that they had.
pub(crate) async fn again(run: &mut RunFolder, components: &[Component]) -> Result<(), Error> {
    start_all(run, components, &|_| {}, &mut Report::default()).await
}

async fn start_all(
    run: &mut RunFolder,
    wanted: &[Component],
    progress: Progress<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let readiness = Readiness::of(run)?;
    let begin = Instant::now();
    let mut waiting: Vec<(Component, Process)> = Vec::new();
    for component in wanted {
        // Those that it needs have to be ready; the others go on in the meantime.
        for needed in component.needs() {
            if let Some(place) = waiting.iter().position(|(other, _)| other == needed) {
                let (other, process) = waiting.remove(place);
                ready(run, &readiness, other, process, begin, progress, report).await?;
            }
        }
        progress(&format!("starting {}", component.name()));
        before(run, *component).await?;
        let process = Process::start(&mut component.command(run), &run.log(component.name()))?;
        run.state.processes.insert(component.name().to_owned(), process);
        run.save()?;
        waiting.push((*component, process));
    }
    for (component, process) in waiting {
        ready(run, &readiness, component, process, begin, progress, report).await?;
    }
    Ok(())
}

async fn ready(
    run: &RunFolder,
    readiness: &Readiness,
    component: Component,
    process: Process,
    begin: Instant,
    progress: Progress<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    progress(&format!("waiting for {}", component.name()));
    readiness.wait(run, component, process).await?;
    after(run, component).await?;
    report
        .started
        .push((component.name(), begin.elapsed().as_secs_f64()));
    Ok(())
}

/// The administrator's kubectl of a run.
pub fn kubectl(run: &RunFolder) -> Kubectl {
    let program = run.programs(&modules::KUBERNETES).join("kubectl");
    Kubectl::new(program, run.file("kubeconfig").into()).with_cache(run.file("kubectl-cache").into())
}

/// What a component finds when it starts.
async fn before(run: &RunFolder, component: Component) -> Result<(), Error> {
    match component {
        Component::Kwok => {
            // Only what a container printed is an object in the cluster, so that suites can write their own.
            let definition = run.programs(&modules::KWOK).join("kwok.x-k8s.io_logs.yaml");
            let text = std::fs::read_to_string(&definition).map_err(Error::io("read", &definition))?;
            kubectl(run).apply(&text).await?;
            let established = [
                "wait",
                "--for=condition=Established",
                "--timeout=30s",
                "crd/logs.kwok.x-k8s.io",
            ];
            kubectl(run).run(&established).await?;
            // One that ran before holds the leases of the nodes, and the new one would wait for their end.
            kubectl(run)
                .run(&["delete", "leases", "--namespace=kube-node-lease", "--all"])
                .await?;
            Ok(())
        }
        Component::KubeStateMetrics => config::write_targets(run),
        _ => Ok(()),
    }
}

/// What is done once a component is ready.
async fn after(run: &RunFolder, component: Component) -> Result<(), Error> {
    let objects = match component {
        Component::ApiServer => config::reading_rights(),
        Component::MetricsServer => config::metrics_api(run)?,
        _ => return Ok(()),
    };
    kubectl(run).apply(&objects.to_string()).await?;
    Ok(())
}
