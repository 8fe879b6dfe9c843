//! The command line. Help texts teach: each says what the command is for, and shows a line to copy.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use claw_testbed::builds::Cache;

use super::test::suite_names;

/// Real components for tests: an API server, controllers, simulated nodes, Prometheus, Alertmanager, Loki.
///
/// All of them run on this machine, listen on 127.0.0.1 only, and keep everything in one run folder.
#[derive(Debug, Parser)]
#[command(
    name = "claw-testbed",
    version,
    arg_required_else_help = true,
    after_help = "\
Start here:
  claw-testbed test                      build, bring everything up, run all suites, take everything down
  claw-testbed up                        bring it up, and leave it
  eval \"$(claw-testbed env)\"             tell suites and kubectl where it is
  claw-testbed fault crashloop           something breaks
  claw-testbed down --remove             end it, and delete what it wrote

Exit codes:
  0    done
  1    the command failed; the last line says why and what to do
  2    wrong arguments, or a name that is not known
  3    the machine cannot do it: Go or a program is missing, a port is taken, the disk is full, the folder is in use
  4    a component ended, or was not ready in time; nothing is left running, its log is kept
  5    the suites ran, and tests failed
  130  interrupted; nothing is left running"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Folder of built programs and, unless another is named, of the run [default: ~/.cache/claw-testbed].
    #[arg(long, global = true, env = "CLAW_TESTBED_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Compilers that run at a time. One takes up to 3 GiB of memory.
    #[arg(
        long,
        global = true,
        default_value_t = 2,
        env = "CLAW_TESTBED_JOBS",
        value_name = "N"
    )]
    jobs: u32,

    /// Where programs of the system are.
    #[arg(
        long,
        global = true,
        env = "PATH",
        hide = true,
        default_value = "",
        hide_env_values = true
    )]
    path: String,
}

impl Arguments {
    /// The cache that is named, or the one in the home of the user.
    pub(crate) fn cache(&self) -> Cache {
        let usual = || {
            std::env::home_dir()
                .unwrap_or_else(std::env::temp_dir)
                .join(".cache/claw-testbed")
        };
        Cache::new(
            self.cache.clone().unwrap_or_else(usual),
            self.path.clone(),
            self.jobs,
        )
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Builds components from their pinned sources; what is built already is skipped.
    ///
    /// Needs Go. The first build of everything takes half an hour on two cores and leaves 12 GB in Go's own cache;
    /// afterwards it is a matter of seconds. `up` builds what it needs by itself.
    #[command(after_help = "\
Examples:
  claw-testbed build                 everything
  claw-testbed build kwok kubectl    what these two need
  claw-testbed build --list          what there is, and what it took")]
    Build(BuildArguments),

    /// Brings a testbed up and leaves it running.
    ///
    /// Without names: etcd, alertmanager, loki, apiserver, kcm (controllers), scheduler, kwok (simulated kubelets),
    /// prometheus, metrics-server, kube-state-metrics. Named ones are added to a testbed that runs in the folder.
    /// When one of them does not get ready, all that were started are ended again.
    #[command(after_help = "\
Examples:
  claw-testbed up
  claw-testbed up --run here --nodes 20 etcd apiserver kcm scheduler kwok
  claw-testbed up --ports default --alert-webhook http://127.0.0.1:8080/alerts")]
    Up(UpArguments),

    /// Ends a testbed: exactly the processes that `up` started.
    #[command(after_help = "\
Examples:
  claw-testbed down                  data stays; `up` goes on with it
  claw-testbed down --remove         nothing is left")]
    Down(DownArguments),

    /// Says what runs: process, memory, ports.
    Status(RunArguments),

    /// Prints where everything is, as variables for a shell.
    #[command(after_help = "\
Example:
  eval \"$(claw-testbed env)\"
  \"$CLAW_E2E_KUBECTL\" --kubeconfig \"$CLAW_E2E_KUBECONFIG\" get nodes")]
    Env(RunArguments),

    /// Makes a fleet of workloads on simulated nodes, with weeks of metrics behind it.
    #[command(after_help = "\
Examples:
  claw-testbed load                                                        a small one
  claw-testbed load --namespaces 20 --deployments 25 --replicas 4 --nodes 20    2000 pods
  claw-testbed load --days 14                                              with two weeks of usage
  claw-testbed load --remove                                               all fleets go, nodes stay")]
    Load(LoadArguments),

    /// Brings a named fault about, in a small application of its own.
    #[command(after_help = "\
Examples:
  claw-testbed fault --list
  claw-testbed fault crashloop --namespace shop")]
    Fault(FaultArguments),

    /// Runs the suites against a testbed that is brought up for them and taken down again, whatever happens.
    ///
    /// With CLAW_E2E_KUBECONFIG set, they run against that cluster, and nothing is built or started; what it lacks
    /// (CLAW_E2E_PROMETHEUS_URL, CLAW_E2E_LOKI_URL, ...) is skipped by name.
    #[command(after_help = "\
Examples:
  claw-testbed test
  claw-testbed test --suite live --suite tools
  claw-testbed test --suite network -- storms    tests of that suite whose name has `storms` in it
  claw-testbed test --release --suite guardrails -- costs    what the guardrails cost beside a write
  CLAW_E2E_KUBECONFIG=~/.kube/config claw-testbed test")]
    Test(TestArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// Modules, programs or components; none: all.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Says what there is and what is built; builds nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Folder of the run [default: `run` in the cache folder].
    #[arg(long, value_name = "DIR", env = "CLAW_E2E_RUN")]
    pub(crate) run: Option<PathBuf>,
}

/// How ports are chosen.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Ports {
    /// Free ones.
    Auto,
    /// The same each time.
    Default,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Components; none: all.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Simulated nodes that are made.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) nodes: u32,
    /// How ports are chosen.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) ports: Ports,
    /// Where Alertmanager sends alerts; nowhere unless given.
    #[arg(long, value_name = "URL")]
    pub(crate) alert_webhook: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DownArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Deletes the run folder, logs included.
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Namespaces, one for each team.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) namespaces: u32,
    /// Deployments in each namespace.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) deployments: u32,
    /// Replicas of each deployment.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) replicas: u32,
    /// Nodes that there are afterwards; large ones when there are more pods than ordinary nodes take.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) nodes: u32,
    /// Days of metrics before now; none unless given.
    #[arg(long, default_value_t = 0, value_name = "D")]
    pub(crate) days: u32,
    /// Seconds between two samples of the past.
    #[arg(long, default_value_t = 300, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) step: u32,
    /// Deletes the namespaces of all fleets, with everything in them, and makes nothing.
    #[arg(long, conflicts_with_all = ["namespaces", "deployments", "replicas", "nodes", "days", "step"])]
    pub(crate) remove: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FaultArguments {
    /// Its name.
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// Says which there are.
    #[arg(long)]
    pub(crate) list: bool,
    /// Where the application lives; made when it is not there.
    #[arg(long, short, default_value = "shop", value_name = "NS")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Runs this suite only; may be given several times.
    #[arg(long = "suite", value_name = "NAME", value_parser = suite_names())]
    pub(crate) suites: Vec<String>,
    /// Builds the suites like the agent, with optimization: for figures that mean something.
    #[arg(long)]
    pub(crate) release: bool,
    /// What the test programs are given, besides `--ignored`: names of tests, `--nocapture`.
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
    /// A cluster to use in place of a testbed.
    #[arg(long, env = "CLAW_E2E_KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A file to which the suites add what they skipped, and their figures; it is printed at the end in any case.
    #[arg(long, env = "CLAW_E2E_NOTES", value_name = "FILE")]
    pub(crate) notes: Option<PathBuf>,
    /// The cargo that builds the agent and the suites.
    #[arg(long, env = "CARGO", default_value = "cargo", hide = true)]
    pub(crate) cargo: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself() {
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}
