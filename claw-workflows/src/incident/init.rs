//! Init containers that do not end, and whom they wait for.

mod hosts;

use std::collections::BTreeMap;

use claw_k8s::model::{ContainerStatus, Pod};
use jiff::{SignedDuration, Timestamp};

use super::complaint::{Target, resolve, service_called};
use super::facts::Facts;
use super::logs::host_of;
use hosts::{Named, hosts};

/// An init container that runs for longer than this holds its pod up.
const LONG: SignedDuration = SignedDuration::from_secs(180);

/// An init container that has been running for long while the pod's other containers wait for it.
#[derive(Debug)]
pub(super) struct Blocked<'a> {
    pub(super) status: &'a ContainerStatus,
    pub(super) since: Timestamp,
    /// Hosts that its command names, as written, with what they stand for.
    pub(super) waits_for: BTreeMap<String, Target>,
}

/// The init container that holds a pod up. Sidecars, which are init containers that are restarted always, are to run.
pub(super) fn blocked<'p>(facts: &Facts<'_>, pod: &'p Pod) -> Option<Blocked<'p>> {
    if pod.is_finished() || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.init_container_statuses.iter().find(|status| {
        let sidecar = pod
            .container(&status.name)
            .is_some_and(|container| container.restart_policy == "Always");
        status.state.running.is_some() && !status.ready && !sidecar
    })?;
    let since = status.state.running.as_ref()?.started_at?;
    if facts.case.window.end.duration_since(since) < LONG {
        return None;
    }
    let namespace = pod.metadata.ns();
    // A word that only might be a host is one if there is such a Service; that there is none tells nothing.
    let is_meant =
        |named: &Named| named.sure || service_called(facts, namespace, host_of(&named.host)).is_some();
    let waits_for = pod
        .container(&status.name)
        .map(|container| {
            hosts(container, namespace)
                .into_iter()
                .filter(is_meant)
                .map(|Named { host, .. }| {
                    let target = resolve(facts, namespace, &host);
                    (host, target)
                })
                .collect()
        })
        .unwrap_or_default();
    Some(Blocked {
        status,
        since,
        waits_for,
    })
}
