//! Every mechanism has scenarios of three kinds, and the table of scenarios names each once.
//!
//! - *positive*: it is the cause, and the first hypothesis says so;
//! - *negative* (`absent`): its setting is there and in order, and no hypothesis speaks of it;
//! - *decoy* (`decoys`): something looks like it, and another cause, or none, is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use claw_workflows::incident::mechanism;

use super::{Scenario, each, none, replay, scenarios};

/// Names of mechanisms whose candidates all bear another id: nothing to be found in a world by that name.
const FAMILIES: [&str; 7] = [
    "autoscaler",
    "database_trouble",
    "degradation",
    "eviction",
    "gitops",
    "handles_exhausted",
    "job",
];

/// Ids that say that something is wrong and leave open what. Where the recording shows why, another id is right, so that
/// no positive is asked for.
const FALLBACKS: [(&str, &str); 2] = [
    ("job_failed", "why it failed, its pods tell"),
    ("rollout_stalled", "what it waits for, its pods tell"),
];

/// What is still to be written. An entry that is no longer missing has to go.
const WANTED: &[(&str, Kind)] = &[
    ("api_server_unavailable", Kind::Negative),
    ("api_server_unavailable", Kind::Decoy),
    ("apiservice_unavailable", Kind::Negative),
    ("apiservice_unavailable", Kind::Decoy),
    ("application_crash", Kind::Negative),
    ("application_crash", Kind::Decoy),
    ("authentication_failed", Kind::Negative),
    ("authentication_failed", Kind::Decoy),
    ("authorization_policy", Kind::Negative),
    ("authorization_policy", Kind::Decoy),
    ("cache_eviction", Kind::Negative),
    ("cache_eviction", Kind::Decoy),
    ("certificate_expired", Kind::Negative),
    ("certificate_expired", Kind::Decoy),
    ("clock_skew", Kind::Negative),
    ("clock_skew", Kind::Decoy),
    ("cni_unavailable", Kind::Negative),
    ("cni_unavailable", Kind::Decoy),
    ("config_missing", Kind::Negative),
    ("config_missing", Kind::Decoy),
    ("container_start_error", Kind::Negative),
    ("container_start_error", Kind::Decoy),
    ("controller_manager_unavailable", Kind::Negative),
    ("controller_manager_unavailable", Kind::Decoy),
    ("cpu_contention", Kind::Negative),
    ("cpu_contention", Kind::Decoy),
    ("cpu_throttling", Kind::Negative),
    ("cpu_throttling", Kind::Decoy),
    ("creation_refused", Kind::Negative),
    ("creation_refused", Kind::Decoy),
    ("cronjob_blocked", Kind::Negative),
    ("cronjob_blocked", Kind::Decoy),
    ("cronjob_schedule_changed", Kind::Negative),
    ("cronjob_schedule_changed", Kind::Decoy),
    ("cronjob_schedule_invalid", Kind::Negative),
    ("cronjob_schedule_invalid", Kind::Decoy),
    ("cronjob_schedule_missed", Kind::Negative),
    ("cronjob_schedule_missed", Kind::Decoy),
    ("cronjob_suspended", Kind::Negative),
    ("cronjob_suspended", Kind::Decoy),
    ("database_full", Kind::Negative),
    ("database_full", Kind::Decoy),
    ("database_locked", Kind::Negative),
    ("database_locked", Kind::Decoy),
    ("database_read_only", Kind::Negative),
    ("database_read_only", Kind::Decoy),
    ("database_unavailable", Kind::Negative),
    ("database_unavailable", Kind::Decoy),
    ("dependency_unavailable", Kind::Negative),
    ("dependency_unavailable", Kind::Decoy),
    ("disk_full", Kind::Negative),
    ("disk_full", Kind::Decoy),
    ("dns_unavailable", Kind::Negative),
    ("dns_unavailable", Kind::Decoy),
    ("drift_reverted", Kind::Positive),
    ("drift_reverted", Kind::Negative),
    ("drift_reverted", Kind::Decoy),
    ("ephemeral_storage_limit", Kind::Negative),
    ("ephemeral_storage_limit", Kind::Decoy),
    ("ephemeral_storage_usage", Kind::Negative),
    ("ephemeral_storage_usage", Kind::Decoy),
    ("error_degradation", Kind::Negative),
    ("error_degradation", Kind::Decoy),
    ("etcd_unavailable", Kind::Negative),
    ("etcd_unavailable", Kind::Decoy),
    ("external_unavailable", Kind::Negative),
    ("external_unavailable", Kind::Decoy),
    ("file_descriptors_exhausted", Kind::Negative),
    ("file_descriptors_exhausted", Kind::Decoy),
    ("finalizer_stuck", Kind::Negative),
    ("finalizer_stuck", Kind::Decoy),
    ("gitops_sync_failed", Kind::Negative),
    ("gitops_sync_failed", Kind::Decoy),
    ("heap_exhausted", Kind::Negative),
    ("heap_exhausted", Kind::Decoy),
    ("hpa_ambiguous", Kind::Negative),
    ("hpa_ambiguous", Kind::Decoy),
    ("hpa_at_max", Kind::Negative),
    ("hpa_at_max", Kind::Decoy),
    ("hpa_metrics_unavailable", Kind::Negative),
    ("hpa_metrics_unavailable", Kind::Decoy),
    ("hpa_requests_missing", Kind::Negative),
    ("hpa_requests_missing", Kind::Decoy),
    ("hpa_target_missing", Kind::Negative),
    ("hpa_target_missing", Kind::Decoy),
    ("image_pull", Kind::Negative),
    ("image_pull", Kind::Decoy),
    ("ingress_backend", Kind::Negative),
    ("ingress_backend", Kind::Decoy),
    ("init_container_blocked", Kind::Negative),
    ("init_container_blocked", Kind::Decoy),
    ("invalid_configuration", Kind::Negative),
    ("invalid_configuration", Kind::Decoy),
    ("job_deadline_exceeded", Kind::Negative),
    ("job_deadline_exceeded", Kind::Decoy),
    ("job_failed", Kind::Negative),
    ("job_failed", Kind::Decoy),
    ("job_suspended", Kind::Negative),
    ("job_suspended", Kind::Decoy),
    ("kube_proxy_unavailable", Kind::Negative),
    ("kube_proxy_unavailable", Kind::Decoy),
    ("latency_degradation", Kind::Negative),
    ("latency_degradation", Kind::Decoy),
    ("lifecycle_hook_failed", Kind::Negative),
    ("lifecycle_hook_failed", Kind::Decoy),
    ("memory_leak", Kind::Negative),
    ("memory_leak", Kind::Decoy),
    ("memory_limit", Kind::Negative),
    ("memory_limit", Kind::Decoy),
    ("memory_pressure", Kind::Negative),
    ("memory_pressure", Kind::Decoy),
    ("mesh_destination_missing", Kind::Negative),
    ("mesh_destination_missing", Kind::Decoy),
    ("mtls_mismatch", Kind::Negative),
    ("mtls_mismatch", Kind::Decoy),
    ("network_degradation", Kind::Negative),
    ("network_degradation", Kind::Decoy),
    ("network_policy", Kind::Negative),
    ("network_policy", Kind::Decoy),
    ("node_cordoned", Kind::Negative),
    ("node_cordoned", Kind::Decoy),
    ("node_missing", Kind::Negative),
    ("node_missing", Kind::Decoy),
    ("node_network", Kind::Negative),
    ("node_network", Kind::Decoy),
    ("node_out_of_memory", Kind::Negative),
    ("node_out_of_memory", Kind::Decoy),
    ("node_unhealthy", Kind::Negative),
    ("node_unhealthy", Kind::Decoy),
    ("noisy_neighbour", Kind::Negative),
    ("noisy_neighbour", Kind::Decoy),
    ("pdb_blocks_eviction", Kind::Negative),
    ("pdb_blocks_eviction", Kind::Decoy),
    ("permission_denied", Kind::Negative),
    ("permission_denied", Kind::Decoy),
    ("pod_sandbox_failed", Kind::Negative),
    ("pod_sandbox_failed", Kind::Decoy),
    ("pool_exhausted", Kind::Negative),
    ("pool_exhausted", Kind::Decoy),
    ("port_in_use", Kind::Negative),
    ("port_in_use", Kind::Decoy),
    ("port_mismatch", Kind::Negative),
    ("port_mismatch", Kind::Decoy),
    ("preemption", Kind::Negative),
    ("preemption", Kind::Decoy),
    ("probe_failing", Kind::Negative),
    ("probe_failing", Kind::Decoy),
    ("process_killed", Kind::Negative),
    ("process_killed", Kind::Decoy),
    ("protocol_mismatch", Kind::Negative),
    ("protocol_mismatch", Kind::Decoy),
    ("queue_backlog", Kind::Negative),
    ("queue_backlog", Kind::Decoy),
    ("rate_limited", Kind::Negative),
    ("rate_limited", Kind::Decoy),
    ("registry_authentication_failed", Kind::Negative),
    ("registry_authentication_failed", Kind::Decoy),
    ("registry_unavailable", Kind::Negative),
    ("registry_unavailable", Kind::Decoy),
    ("retry_storm", Kind::Negative),
    ("retry_storm", Kind::Decoy),
    ("rollout_paused", Kind::Negative),
    ("rollout_paused", Kind::Decoy),
    ("rollout_stalled", Kind::Negative),
    ("rollout_stalled", Kind::Decoy),
    ("route_not_accepted", Kind::Negative),
    ("route_not_accepted", Kind::Decoy),
    ("saturation", Kind::Negative),
    ("saturation", Kind::Decoy),
    ("scaled_down", Kind::Negative),
    ("scaled_down", Kind::Decoy),
    ("scheduler_missing", Kind::Negative),
    ("scheduler_missing", Kind::Decoy),
    ("scheduler_unavailable", Kind::Negative),
    ("scheduler_unavailable", Kind::Decoy),
    ("scheduling_gated", Kind::Negative),
    ("scheduling_gated", Kind::Decoy),
    ("schema_mismatch", Kind::Negative),
    ("schema_mismatch", Kind::Decoy),
    ("selector_mismatch", Kind::Negative),
    ("selector_mismatch", Kind::Decoy),
    ("statefulset_broken_revision", Kind::Negative),
    ("statefulset_broken_revision", Kind::Decoy),
    ("storage_pressure", Kind::Negative),
    ("storage_pressure", Kind::Decoy),
    ("threads_exhausted", Kind::Negative),
    ("threads_exhausted", Kind::Decoy),
    ("traffic_loss", Kind::Negative),
    ("traffic_loss", Kind::Decoy),
    ("traffic_surge", Kind::Negative),
    ("traffic_surge", Kind::Decoy),
    ("unschedulable", Kind::Negative),
    ("unschedulable", Kind::Decoy),
    ("volume_mount_failed", Kind::Negative),
    ("volume_mount_failed", Kind::Decoy),
    ("volume_multi_attach", Kind::Negative),
    ("volume_multi_attach", Kind::Decoy),
    ("volume_unavailable", Kind::Negative),
    ("volume_unavailable", Kind::Decoy),
    ("webhook_unavailable", Kind::Negative),
    ("webhook_unavailable", Kind::Decoy),
    ("wrong_address", Kind::Negative),
    ("wrong_address", Kind::Decoy),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Positive,
    Negative,
    Decoy,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Positive, Self::Negative, Self::Decoy];
}

/// Names of scenarios by mechanism and kind.
type Kinds = BTreeMap<(String, Kind), Vec<String>>;

/// The kinds that a scenario is of. It may accept several mechanisms as right, and is a positive of the one that is named.
fn kinds(scenario: &Scenario, named: Option<&str>) -> Vec<(String, Kind)> {
    let expect = &scenario.expect;
    let right = expect.root_cause.iter().flat_map(|cause| &cause.mechanisms);
    let positive = right
        .filter(|id| named == Some(id.as_str()))
        .map(|id| (id.clone(), Kind::Positive));
    let negative = expect.absent.keys().map(|id| (id.clone(), Kind::Negative));
    let decoy = expect.decoys.keys().map(|id| (id.clone(), Kind::Decoy));
    positive.chain(negative).chain(decoy).collect()
}

/// Ids that hypotheses bear.
fn borne() -> BTreeSet<&'static str> {
    let mut ids = mechanism::ids();
    ids.retain(|id| !FAMILIES.contains(id));
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mechanism_has_its_three_kinds_of_scenario() {
    let scenarios = scenarios();
    let reports = each(&scenarios, async |scenario| replay(&scenario.bundle).await).await;
    let mut found = Kinds::new();
    let mut strangers = Vec::new();
    for (scenario, report) in scenarios.iter().zip(&reports) {
        let named = report.hypotheses.first().map(|first| first.mechanism.as_str());
        for kind in kinds(scenario, named) {
            found.entry(kind).or_default().push(scenario.name().to_owned());
        }
        let unknown = report
            .hypotheses
            .iter()
            .filter(|hypothesis| !borne().contains(hypothesis.mechanism.as_str()));
        strangers.extend(unknown.map(|hypothesis| {
            format!(
                "{}: a hypothesis bears {}, which no mechanism declares",
                scenario.name(),
                hypothesis.mechanism
            )
        }));
    }
    none(strangers, scenarios.len());
    let mut table = String::new();
    let mut problems = Vec::new();
    for id in borne() {
        let _ = writeln!(table, "{id}");
        for kind in Kind::ALL {
            let names = found.get(&(id.to_owned(), kind)).map_or(&[][..], Vec::as_slice);
            let _ = writeln!(table, "    {:9} {}", format!("{kind:?}"), names.join(", "));
            let fallback = kind == Kind::Positive && FALLBACKS.iter().any(|(known, _)| *known == id);
            match (names.is_empty(), WANTED.contains(&(id, kind)), fallback) {
                (true, false, false) => problems.push(format!("(\"{id}\", Kind::{kind:?}),")),
                (false, true, _) => problems.push(format!("{id} has its {kind:?}: take it out of WANTED")),
                _ => {}
            }
        }
    }
    println!("{table}");
    assert!(
        problems.is_empty(),
        "scenarios are missing:\n{}",
        problems.join("\n")
    );
}

#[test]
fn scenarios_speak_of_mechanisms_that_exist() {
    let scenarios = scenarios();
    let mut problems = Vec::new();
    for scenario in &scenarios {
        let expect = &scenario.expect;
        let right = expect.root_cause.iter().flat_map(|cause| &cause.mechanisms);
        let ids = right.chain(expect.absent.keys()).chain(expect.decoys.keys());
        let unknown = ids.filter(|id| !borne().contains(id.as_str()));
        problems.extend(unknown.map(|id| format!("{}: no hypothesis bears {id}", scenario.name())));
    }
    none(problems, scenarios.len());
}

#[test]
fn what_is_exempt_exists() {
    let ids = mechanism::ids();
    let known = FAMILIES
        .into_iter()
        .chain(FALLBACKS.map(|(id, _)| id))
        .chain(WANTED.iter().map(|(id, _)| *id));
    let unknown: Vec<&str> = known.filter(|id| !ids.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_table_of_scenarios_has_one_row_for_each_in_order() {
    let readme = include_str!("../../scenarios/README.md");
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .collect();
    let scenarios = scenarios();
    let names: Vec<&str> = scenarios.iter().map(Scenario::name).collect();
    assert_eq!(rows, names);
}
