//! Processor, memory, restarts, nodes.

use super::selector::{Matcher, select, sum};
use super::{Families, Family, Query, Scope};
use crate::classify::{Measure, Stat, Unit};

const CONTAINER: &[&str] = &["namespace", "pod", "container"];
const NODE: &[&str] = &["instance", "node"];

impl Families {
    /// Processor use of containers as a share of their limit. Containers without a limit are left out.
    pub fn cpu_saturation(&self, scope: &Scope) -> Vec<Query> {
        let usage = "container_cpu_usage_seconds_total";
        let Some(limit) = self.cpu_limit(scope).filter(|_| self.has(usage)) else {
            return Vec::new();
        };
        let used = sum(
            CONTAINER,
            &format!("rate({}[{}s])", select(usage, &containers(scope)), scope.window),
        );
        vec![of_containers(
            format!("{used} / {limit}"),
            Measure::Cpu,
            Unit::Ratio,
            Family::Cadvisor,
        )]
    }

    /// Processor use of containers in cores.
    pub fn cpu_usage(&self, scope: &Scope) -> Vec<Query> {
        let usage = "container_cpu_usage_seconds_total";
        if !self.has(usage) {
            return Vec::new();
        }
        let used = sum(
            CONTAINER,
            &format!("rate({}[{}s])", select(usage, &containers(scope)), scope.window),
        );
        vec![of_containers(used, Measure::Cpu, Unit::Cores, Family::Cadvisor)]
    }

    /// Share of scheduling periods in which a container ran out of its quota.
    pub fn throttling_ratio(&self, scope: &Scope) -> Vec<Query> {
        let (periods, throttled) = (
            "container_cpu_cfs_periods_total",
            "container_cpu_cfs_throttled_periods_total",
        );
        if !self.has(periods) || !self.has(throttled) {
            return Vec::new();
        }
        let rate = |metric| {
            sum(
                CONTAINER,
                &format!("rate({}[{}s])", select(metric, &containers(scope)), scope.window),
            )
        };
        let ratio = format!("{} / ({} > 0)", rate(throttled), rate(periods));
        vec![of_containers(
            ratio,
            Measure::CpuThrottling,
            Unit::Ratio,
            Family::Cadvisor,
        )]
    }

    /// Working set of containers as a share of their limit. Containers without a limit are left out.
    pub fn memory_saturation(&self, scope: &Scope) -> Vec<Query> {
        let usage = "container_memory_working_set_bytes";
        let Some(limit) = self.memory_limit(scope).filter(|_| self.has(usage)) else {
            return Vec::new();
        };
        let used = sum(CONTAINER, &select(usage, &containers(scope)));
        vec![of_containers(
            format!("{used} / {limit}"),
            Measure::Memory,
            Unit::Ratio,
            Family::Cadvisor,
        )]
    }

    /// Working set of containers in bytes.
    pub fn memory_usage(&self, scope: &Scope) -> Vec<Query> {
        let usage = "container_memory_working_set_bytes";
        if !self.has(usage) {
            return Vec::new();
        }
        let used = sum(CONTAINER, &select(usage, &containers(scope)));
        vec![of_containers(
            used,
            Measure::Memory,
            Unit::Bytes,
            Family::Cadvisor,
        )]
    }

    /// Restarts of containers within the scope's window.
    pub fn restarts(&self, scope: &Scope) -> Vec<Query> {
        let restarts = "kube_pod_container_status_restarts_total";
        if !self.has(restarts) {
            return Vec::new();
        }
        let counted = format!("increase({}[{}s])", select(restarts, &pods(scope)), scope.window);
        vec![of_containers(
            sum(CONTAINER, &counted),
            Measure::Restarts,
            Unit::Count,
            Family::KubeState,
        )]
    }

    /// Containers whose last end was for lack of memory (1), and how often the kernel killed in them within the window.
    pub fn out_of_memory(&self, scope: &Scope) -> Vec<Query> {
        let mut queries = Vec::new();
        let ended = "kube_pod_container_status_last_terminated_reason";
        if self.has(ended) {
            let mut matchers = pods(scope);
            matchers.push(Matcher::equal("reason", "OOMKilled"));
            let last = format!("{} > 0", sum(CONTAINER, &select(ended, &matchers)));
            queries.push(of_containers(
                last,
                Measure::OutOfMemory,
                Unit::Count,
                Family::KubeState,
            ));
        }
        let killed = "container_oom_events_total";
        if self.has(killed) {
            let counted = format!(
                "increase({}[{}s])",
                select(killed, &containers(scope)),
                scope.window
            );
            queries.push(of_containers(
                sum(CONTAINER, &counted),
                Measure::OutOfMemory,
                Unit::Count,
                Family::Cadvisor,
            ));
        }
        queries
    }

    /// Replicas of Deployments that are wanted and not available.
    pub fn unavailable_replicas(&self, scope: &Scope) -> Vec<Query> {
        let unavailable = "kube_deployment_status_replicas_unavailable";
        if !self.has(unavailable) {
            return Vec::new();
        }
        let mut matchers: Vec<Matcher> = scope
            .namespace
            .iter()
            .map(|name| Matcher::equal("namespace", name))
            .collect();
        matchers.extend(
            scope
                .workload
                .iter()
                .map(|name| Matcher::equal("deployment", name)),
        );
        let by = ["namespace", "deployment"];
        let promql = sum(&by, &select(unavailable, &matchers));
        vec![query(
            promql,
            &by,
            Measure::Replicas,
            Unit::Count,
            Family::KubeState,
        )]
    }

    /// Use of processor, memory and file systems of nodes as shares of what they have, and segments that TCP sent again per
    /// second. Nodes know no namespaces: the scope's window alone counts.
    pub fn node_saturation(&self, scope: &Scope) -> Vec<Query> {
        let window = scope.window;
        let of_nodes = |promql, measure, unit| query(promql, NODE, measure, unit, Family::NodeExporter);
        let by = NODE.join(", ");
        let mut queries = Vec::new();
        if self.has("node_cpu_seconds_total") {
            let idle = format!("avg by ({by}) (rate(node_cpu_seconds_total{{mode=\"idle\"}}[{window}s]))");
            queries.push(of_nodes(format!("1 - {idle}"), Measure::Cpu, Unit::Ratio));
        }
        let of_whole = |part: &str, whole: &str| format!("1 - min by ({by}) ({part} / {whole})");
        if self.has("node_memory_MemAvailable_bytes") && self.has("node_memory_MemTotal_bytes") {
            let used = of_whole("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes");
            queries.push(of_nodes(used, Measure::Memory, Unit::Ratio));
        }
        if self.has("node_filesystem_avail_bytes") && self.has("node_filesystem_size_bytes") {
            let real = "{fstype!~\"tmpfs|ramfs|overlay|squashfs\"}";
            let used = of_whole(
                &format!("node_filesystem_avail_bytes{real}"),
                &format!("(node_filesystem_size_bytes{real} > 0)"),
            );
            queries.push(of_nodes(used, Measure::Disk, Unit::Ratio));
        }
        if self.has("node_netstat_Tcp_RetransSegs") {
            let again = format!("sum by ({by}) (rate(node_netstat_Tcp_RetransSegs[{window}s]))");
            queries.push(of_nodes(again, Measure::NetworkErrors, Unit::PerSecond));
        }
        queries
    }

    /// Limits in cores, from the first source that the server has.
    fn cpu_limit(&self, scope: &Scope) -> Option<String> {
        if let Some(limit) = self.declared_limit("cpu", "kube_pod_container_resource_limits_cpu_cores", scope)
        {
            return Some(limit);
        }
        let (quota, period) = ("container_spec_cpu_quota", "container_spec_cpu_period");
        (self.has(quota) && self.has(period)).then(|| {
            let of = |metric| sum(CONTAINER, &select(metric, &containers(scope)));
            format!("(({} > 0) / {})", of(quota), of(period))
        })
    }

    /// Limits in bytes, from the first source that the server has.
    fn memory_limit(&self, scope: &Scope) -> Option<String> {
        if let Some(limit) =
            self.declared_limit("memory", "kube_pod_container_resource_limits_memory_bytes", scope)
        {
            return Some(limit);
        }
        let limit = "container_spec_memory_limit_bytes";
        // No limit is shown as zero there.
        self.has(limit)
            .then(|| format!("({} > 0)", sum(CONTAINER, &select(limit, &containers(scope)))))
    }

    fn declared_limit(&self, resource: &str, old_name: &str, scope: &Scope) -> Option<String> {
        let limits = "kube_pod_container_resource_limits";
        if self.has(limits) {
            let mut matchers = pods(scope);
            matchers.push(Matcher::equal("resource", resource));
            return Some(sum(CONTAINER, &select(limits, &matchers)));
        }
        self.has(old_name)
            .then(|| sum(CONTAINER, &select(old_name, &pods(scope))))
    }
}

/// Matchers for series about pods.
fn pods(scope: &Scope) -> Vec<Matcher> {
    let mut matchers: Vec<Matcher> = scope
        .namespace
        .iter()
        .map(|name| Matcher::equal("namespace", name))
        .collect();
    matchers.extend(scope.workload.iter().map(|name| Matcher::pods_of("pod", name)));
    matchers
}

/// The same for the kubelet's series, without the sums over a pod and the pause container.
fn containers(scope: &Scope) -> Vec<Matcher> {
    let mut matchers = pods(scope);
    matchers.push(Matcher::literal("container!=\"\""));
    matchers.push(Matcher::literal("container!=\"POD\""));
    matchers
}

fn of_containers(promql: String, measure: Measure, unit: Unit, family: Family) -> Query {
    query(promql, CONTAINER, measure, unit, family)
}

fn query(promql: String, by: &[&str], measure: Measure, unit: Unit, family: Family) -> Query {
    Query {
        promql,
        measure,
        stat: Stat::Value,
        unit,
        family,
        entity_labels: by.iter().map(|label| (*label).to_owned()).collect(),
    }
}
