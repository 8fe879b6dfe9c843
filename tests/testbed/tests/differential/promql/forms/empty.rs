//! Forms that are meant to have no result at any of the moments: of all others at least one is expected.

/// Of those that are listed one by one. Some are refused by both.
pub(super) const LISTED: &[&str] = &[
    "MEMORY_bytes",
    "clamp(temperature_celsius, 10, -10)",
    "histogram_avg(request_seconds_bucket)",
    "histogram_count(request_seconds_bucket)",
    "histogram_quantile(0.5, memory_bytes)",
    "histogram_quantile(0.5, odd_bucket{kind=\"no_label\"})",
    "histogram_stddev(request_seconds_bucket)",
    "histogram_stdvar(request_seconds_bucket)",
    "histogram_sum(request_seconds_bucket)",
    "label_join(memory_bytes, \"\", \"-\", \"job\")",
    "label_join(memory_bytes, \"both\", \"-\", \"\")",
    "label_join(memory_bytes, \"job\", \"\", \"nope\")",
    "label_join(memory_bytes, \"job\", \"-\")",
    "label_replace(memory_bytes, \"\", \"x\", \"job\", \".*\")",
    "label_replace(memory_bytes, \"host\", \"x\", \"job\", \"(\")",
    "label_replace(memory_bytes, \"instance\", \"z\", \"instance\", \".*\")",
    "label_replace(memory_bytes, \"job\", \"\", \"instance\", \".*\")",
    "label_replace(memory_bytes, \"job\", \"\", \"instance\", \"a\")",
    "max_over_time(time()[10m:1m])",
    "memory_bytes != memory_bytes",
    "memory_bytes * on (instance) overlap_info",
    "memory_bytes * on (job) group_left http_requests_total",
    "memory_bytes * on (job) memory_limit_bytes",
    "memory_bytes > 1Ki",
    "memory_bytes and memory_limit_bytes",
    "memory_bytes and on () (vector(0) > 0)",
    "memory_bytes offset 1w",
    "memory_bytes unless temperature_celsius",
    "memory_bytes{job=\"\"}",
    "memory_bytes{job=~\"\"}",
    "memory_bytes{nope!=\"\"}",
    "memory_bytes{nope=~\".+\"}",
    "memory_limit_bytes * on (job) memory_bytes",
    "predict_linear(once[10m], 60)",
    "rate({__name__=~\"memory_bytes|temperature_celsius\"}[5m])",
    "temperature_celsius == 0",
    "temperature_celsius > NaN",
    "temperature_celsius > time()",
    "topk(-1, memory_bytes)",
    "topk(0, memory_bytes)",
];

/// Functions that need two samples, and ranges in which none of the series has more than one.
const OF_TWO: &[&str] = &["delta", "deriv", "idelta", "increase", "irate", "rate"];
const OF_ONE: &[&str] = &[
    "http_requests_total[14s]",
    "http_requests_total[15s]",
    "odd[15s]",
    "once[10m]",
    "rare[5m]",
];

/// Whether a form that is put together may have none.
pub(super) fn may_be(form: &str) -> bool {
    let of_nothing = ["nothing", "only_marks"]
        .iter()
        .any(|metric| form.contains(metric));
    let of_one = form
        .strip_suffix(')')
        .and_then(|form| form.split_once('('))
        .is_some_and(|(function, range)| OF_TWO.contains(&function) && OF_ONE.contains(&range));
    of_nothing || of_one || form.starts_with("absent_over_time(")
}
