//! Aggregations.

/// Operators that put the series of a vector together.
pub(super) const AGGREGATIONS: &[&str] = &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];

/// How they group.
pub(super) const GROUPS: &[&str] = &[
    "",
    " by (job)",
    " without (instance)",
    " by ()",
    " without ()",
    " by (job, nope)",
    " by (__name__)",
];

/// What they are asked about.
pub(super) const VECTORS: &[&str] = &[
    "memory_bytes",
    "http_requests_total",
    "rate(http_requests_total[5m])",
    "odd",
    "odd{kind!~\"all_.*\"}",
    "extreme",
    "cancel",
    "queue_length",
    "gap",
    "ended",
    "nothing",
];

/// Those that take a parameter.
pub(super) const WITH_PARAMETERS: &[&str] = &[
    "topk(2, memory_bytes)",
    "bottomk(2, memory_bytes)",
    "topk by (job) (1, memory_bytes)",
    "bottomk without (instance) (1, memory_bytes)",
    "topk(0, memory_bytes)",
    "topk(-1, memory_bytes)",
    "topk(100, memory_bytes)",
    "topk(1.9, memory_bytes)",
    "topk(3, odd{kind=~\"nan|inf|mixed|negative_inf\"})",
    "bottomk(3, odd{kind=~\"nan|inf|mixed|negative_inf\"})",
    "topk(3, rate(http_requests_total[5m]))",
    "topk(scalar(constant) - 3, memory_bytes)",
    "topk(1, nothing)",
    "quantile(0.5, memory_bytes)",
    "quantile by (job) (0.9, memory_bytes)",
    "quantile without (instance, code) (0.9, rate(http_requests_total[5m]))",
    "quantile(-1, memory_bytes)",
    "quantile(2, memory_bytes)",
    "quantile(NaN, memory_bytes)",
    "quantile(0.5, odd)",
    "quantile(0.5, odd{kind!~\"all_.*\"})",
    "quantile(0.5, nothing)",
    "count_values(\"value\", queue_length)",
    "count_values by (queue) (\"value\", queue_length)",
    "count_values without (kind) (\"kind\", extreme)",
    "count_values(\"value\", odd{kind=\"mixed\"})",
    "count_values(\"value\", temperature_celsius)",
    "count_values(\"value\", extreme)",
];
