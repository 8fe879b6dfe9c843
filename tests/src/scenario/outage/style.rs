//! What is recorded of a system, and how.

use crate::scenario::dice::Dice;

/// What a source of metrics tells, how often, and how it calls it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    /// Seconds between samples.
    pub(super) step: i64,
    /// Samples before the trouble.
    pub(super) before: usize,
    /// Samples of the trouble.
    pub(super) during: usize,
    /// Days between the baseline and the trouble; 0 where the baseline is what was right before.
    pub(super) apart: i64,
    /// Processors and memory.
    pub(super) resources: bool,
    /// Latencies of calls by both ends.
    pub(super) edges: bool,
    /// Quantiles of latencies; the mean is recorded as well.
    pub(super) quantiles: &'static [&'static str],
    pub(super) names: Names,
}

/// Names of metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Names {
    pub(super) requests: &'static str,
    pub(super) latency: &'static str,
    /// A share of failures, or of successes.
    pub(super) outcome: (&'static str, bool),
    pub(super) cpu: &'static str,
    pub(super) memory: &'static str,
    pub(super) edge: &'static str,
}

const PLAIN: Names = Names {
    requests: "service_requests_per_second",
    latency: "service_latency_seconds",
    outcome: ("service_availability_ratio", false),
    cpu: "container_cpu_usage_cores",
    memory: "container_memory_working_set_bytes",
    edge: "edge_latency_seconds",
};
const OTHER: Names = Names {
    requests: "request_rate_per_second",
    latency: "response_time_seconds",
    outcome: ("service_error_ratio", true),
    cpu: "process_cpu_cores",
    memory: "process_resident_memory_bytes",
    edge: "call_duration_seconds",
};

impl Style {
    /// Coarse samples of all that a provider runs, containers, or a mesh.
    pub(super) fn new(dice: &mut Dice) -> Self {
        let names = if dice.chance(0.5) { PLAIN } else { OTHER };
        match dice.below(3) {
            0 => Self {
                step: 300,
                before: 40 + dice.index(60),
                during: 5,
                apart: if dice.chance(0.5) {
                    7 + i64::from(dice.level() as i32) * 5
                } else {
                    0
                },
                resources: false,
                edges: false,
                quantiles: &["0.5", "0.95", "0.99"],
                names,
            },
            1 => Self {
                step: if dice.chance(0.5) { 15 } else { 60 },
                before: 40 + dice.index(40),
                during: 6 + dice.index(14),
                apart: 0,
                resources: true,
                edges: false,
                quantiles: &["0.95"],
                names,
            },
            _ => Self {
                step: 30,
                before: 40 + dice.index(30),
                during: 5 + dice.index(10),
                apart: 0,
                resources: dice.chance(0.7),
                edges: true,
                quantiles: &["0.5", "0.95"],
                names,
            },
        }
    }
}
