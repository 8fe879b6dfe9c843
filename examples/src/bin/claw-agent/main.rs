//! `claw-agent`: the full agent, assembled from the Claw crates.

mod access;
mod act;
mod approvals;
mod args;
mod audit;
mod check;
mod circuits;
mod collect;
mod connect;
mod demo;
mod evaluate;
mod failure;
mod files;
mod group;
mod incident;
mod investigate;
mod logs;
mod look;
mod policy;
mod print;
mod progress;
mod replay;
mod runbooks;
mod scenario;
mod serve;
mod signals;
mod stop;
mod subject;
mod talk;
mod writing;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use args::{Arguments, AuditCommand, Command, LogsCommand, PolicyCommand, StopCommand};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.verbose);
    claw_core::http::install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(
                &Failure::new("no threads can be started", "raise the process limits").because(error),
            );
        }
    };
    let code = runtime.block_on(run(arguments));
    // Reads of standard input and the like must not hold the process up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match code {
        Ok(code) => ExitCode::from(code),
        Err(failure) => fail(&failure),
    }
}

async fn run(arguments: Arguments) -> Result<u8, Failure> {
    let output = arguments.output;
    match arguments.command {
        Command::Demo(given) => demo::run(given, output).await,
        Command::Investigate(given) => investigate::run(given, output).await,
        Command::Collect(given) => collect::run(given).await,
        Command::Replay(given) => replay::run(given, output).await,
        Command::Scenario(command) => scenario::run(command, output).await,
        Command::Group(given) => group::run(given, output).await,
        Command::Logs(LogsCommand::Templates(given)) => logs::templates(&given, output),
        Command::Evaluate(given) => evaluate::run(given, output).await,
        Command::Serve(given) => serve::run(given).await,
        Command::Check(given) => check::run(&given, output),
        Command::Act(given) => act::run(given, output).await,
        Command::Approvals(given) => approvals::run(given, output).await,
        Command::Circuits(given) => circuits::run(given, output).await,
        Command::Access(given) => access::run(given, output).await,
        Command::Policy(PolicyCommand::Explain(given)) => policy::explain(&given, output),
        Command::Policy(PolicyCommand::Check(given)) => policy::check(&given, output),
        Command::Policy(PolicyCommand::Table(given)) => policy::table(&given, output),
        Command::Audit(AuditCommand::Verify(given)) => audit::verify(&given, output),
        Command::Audit(AuditCommand::Prove(given)) => audit::prove(&given, output),
        Command::Audit(AuditCommand::Replay(given)) => audit::replay(&given, output),
        Command::Audit(AuditCommand::Show(given)) => audit::show(&given, output),
        Command::Audit(AuditCommand::Export(given)) => audit::export(&given),
        Command::Stop(StopCommand::Engage(given)) => stop::engage(given).await,
        Command::Stop(StopCommand::Release(given)) => stop::release(given).await,
        Command::Stop(StopCommand::Status(given)) => stop::status(&given, output),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    // Nobody can be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "claw-agent: {failure}");
    ExitCode::from(failure.code())
}

fn log_to_stderr(verbose: u8) {
    // What the client of the cluster logs of each try is said in one line when it has given up.
    let level = match verbose {
        0 => "warn,kube_client=off".to_owned(),
        1 => format!("warn,{}", of_claw("info")),
        2 => format!("info,{}", of_claw("debug")),
        _ => "debug".to_owned(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// The crates of this project at one level.
fn of_claw(level: &str) -> String {
    ["agent", "core", "guardrails", "k8s", "metrics", "workflows"]
        .map(|part| format!("claw_{part}={level}"))
        .join(",")
}
