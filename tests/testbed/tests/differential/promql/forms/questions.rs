//! What alerts and dashboards ask.

/// Whole questions.
pub(super) const QUESTIONS: &[&str] = &[
    "avg_over_time(memory_bytes[10m]) / on (job) group_left memory_limit_bytes > 0.6",
    "(1 - sum(rate(http_requests_total{code!~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))) * 100",
    "100 * sum by (job) (increase(http_requests_total{code=\"500\"}[1h])) / sum by (job) (increase(http_requests_total[1h])) > 5",
    "predict_linear(line[1h], 4 * 3600) < 0",
    "abs(memory_bytes - avg_over_time(memory_bytes[1h])) > 2 * stddev_over_time(memory_bytes[1h])",
    "(memory_bytes - memory_bytes offset 1h) / memory_bytes offset 1h",
    "sum(rate(http_requests_total[5m])) / scalar(sum(rate(http_requests_total[5m] offset 1h)))",
    "changes(build_info[2h])",
    "count by (version) (build_info)",
    "count(count by (instance) (memory_bytes))",
    "sum by (team) (memory_bytes * on (instance) group_left (team) owner)",
    "topk(1, sum by (instance) (memory_bytes))",
    "max by (job) (call_seconds{quantile=\"0.99\"}) or max by (job) (memory_bytes)",
    "sum(rate(http_requests_total[5m])) by (job)",
    "sum by (job) (rate(http_requests_total[5m])) > 1 unless on (job) memory_limit_bytes > 1e9",
];

/// Forms whose results have an order of their own, at one moment.
pub(super) const ORDERED: &[&str] = &[
    "sort(memory_bytes)",
    "sort_desc(memory_bytes)",
    "sort(odd{kind=~\"nan|mixed\"})",
    "sort_desc(memory_bytes offset 5m)",
    "topk(3, memory_bytes)",
    "bottomk(3, memory_bytes)",
    "topk(10, memory_bytes @ 1740006000)",
    "sort(nothing)",
];
