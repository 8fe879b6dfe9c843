//! Configuration of the components, written into the run folder. JSON is YAML, so that nothing has to be quoted by hand.

mod alerting;
mod cluster;
mod logs;
mod metrics;

use std::fs;

use serde_json::Value;

use crate::error::Error;
use crate::modules;
use crate::run::RunFolder;

pub(crate) use alerting::{change as change_webhooks, write as write_alerting};
pub(crate) use cluster::{metrics_api, reading_rights};
pub(crate) use metrics::write_targets;

/// Writes what components read when they start. Needs the ports.
pub(crate) fn write(run: &RunFolder) -> Result<(), Error> {
    write_yaml(run, "config/audit-policy.yaml", &cluster::audit_policy())?;
    write_yaml(run, "config/kwok.yaml", &cluster::kwok_options())?;
    write_yaml(run, "config/kwok-logs.yaml", &cluster::usual_logs(run))?;
    write_yaml(run, "config/prometheus.yaml", &metrics::prometheus(run))?;
    write_loki(run)?;
    let rules = modules::data("rules/workloads.yaml");
    let text = fs::read(&rules).map_err(Error::io("read", &rules))?;
    run.write("prometheus/rules/workloads.yaml", &text)
}

/// Writes what Loki reads when it starts.
pub(crate) fn write_loki(run: &RunFolder) -> Result<(), Error> {
    write_yaml(run, "config/loki.yaml", &logs::loki(run))
}

fn write_yaml(run: &RunFolder, name: &str, value: &Value) -> Result<(), Error> {
    run.write(name, format!("{value:#}\n").as_bytes())
}
