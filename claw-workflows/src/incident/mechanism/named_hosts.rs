//! The hosts that a pod's environment and its probes name.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::address::{Address, addresses_of_variable};
use claw_k8s::model::{Object, PodSpec};
use claw_k8s::world::asked_by_kubelet;

use crate::incident::complaint::service_called;
use crate::incident::facts::Facts;

/// The addresses that environment variables, probes and hooks name. Host and port may stand in two variables of one name.
pub(in crate::incident) fn named(spec: &PodSpec) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    for container in spec.all_containers() {
        for variable in &container.env {
            let Some(value) = &variable.value else { continue };
            let addresses = addresses_of_variable(&variable.name, value);
            let port = variable.name.strip_suffix("HOST").and_then(|stem| {
                let named = |name: &str| name.strip_suffix("PORT") == Some(stem);
                let port = container.env.iter().find(|other| named(&other.name))?;
                port.value.as_deref()?.trim().parse().ok()
            });
            found.extend(addresses.into_iter().map(|address| Address {
                port: address.port.or(port),
                host: address.host,
            }));
        }
        found.extend(asked_by_kubelet(container));
    }
    found
}

/// The units that a pod of a namespace calls, as its specification tells: that of pods whose workload was not read, too.
pub(super) fn called(facts: &Facts<'_>, namespace: &str, spec: &PodSpec) -> BTreeSet<EntityRef> {
    named(spec)
        .into_iter()
        .filter_map(|address| service_called(facts, namespace, &address.host))
        .map(|service| facts.unit_of(&service.entity()))
        .collect()
}

/// Whether a host is none: what programs make of an address that is not set.
pub(super) fn is_nobody(host: &str) -> bool {
    const NOBODY: [&str; 9] = [
        "",
        "undefined",
        "null",
        "none",
        "nil",
        "localhost",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
    ];
    NOBODY.contains(&host.to_lowercase().as_str())
}
