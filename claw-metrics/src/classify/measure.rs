//! The words that tell what a metric measures.
//!
//! Rules are tried in order and the first that fits wins: what is said most specifically (a limit, a restart, a lost packet)
//! stands before what is said broadly (memory, requests).

use super::Measure;
use super::outcome::{failed_by_label, label};
use super::words::Name;
use crate::series::Labels;

pub(super) const TIME_UNITS: &[&str] = &[
    "seconds", "second", "secs", "sec", "s", "ms", "msec", "millis", "milliseconds", "millisecond", "us", "usec",
    "micros", "microseconds", "ns", "nanos", "nanoseconds", "minutes",
];
pub(super) const SHARE: &[&str] = &["ratio", "rate", "percent", "percentage", "pct", "fraction", "share"];
const FAILED: &[&str] = &[
    "error", "errors", "err", "errs", "failed", "failure", "failures", "fail", "fails", "failing", "exception",
    "exceptions", "panic", "panics", "5xx", "4xx", "rejected", "rejections", "rejects", "reject", "abort", "aborted",
    "aborts", "dropped", "drops", "timeout", "timeouts", "timedout", "refused", "deadlock", "deadlocks", "rollback",
    "rollbacks", "conflicts", "retries", "retry", "retried", "denied", "unhealthy", "invalid", "lost", "nack",
    "nacked", "unroutable", "unroutables", "fault", "faults", "unsuccessful", "broken", "corrupted", "dead",
    "ejections", "incidents", "crashes", "crash", "undelivered", "throttled", "limited", "overflow",
    "underreplicated", "offline", "errored", "badrequest", "unavailable",
];
const NETWORK: &[&str] = &[
    "network", "net", "packet", "packets", "tcp", "udp", "ip", "rx", "tx", "receive", "transmit", "netstat",
    "conntrack", "tcpext", "sockstat", "nic", "ethernet", "bandwidth", "interface",
];
const WORK: &[&str] = &[
    "request", "requests", "req", "reqs", "rq", "query", "queries", "operation", "operations", "ops", "call", "calls",
    "message", "messages", "msg", "msgs", "event", "events", "command", "commands", "transaction", "transactions",
    "xact", "commit", "commits", "throughput", "visits", "span", "spans", "published", "consumed", "delivered",
    "produced", "received", "sent", "acked", "acknowledged", "workload", "job", "jobs", "task", "tasks",
    "invocations", "orders", "hits", "rps", "qps", "tps", "rpm", "iops", "fetches", "fetched", "tup", "records",
    "handled", "started", "logins", "lookups", "reads", "writes", "processed", "messagesin", "offset", "checkouts",
    "rpc", "transfers", "adds", "traffic", "samples", "views", "rpcs", "completed",
];

pub(super) fn measure(n: &Name, labels: &Labels) -> Measure {
    known_state(n, labels)
        .or_else(|| bounds_and_facts(n, labels))
        .or_else(|| trouble(n, labels))
        .or_else(|| durations(n))
        .or_else(|| waiting(n))
        .or_else(|| resources(n, labels))
        .or_else(|| work(n, labels))
        .unwrap_or(Measure::Other)
}

/// Facts, moments and states: series whose level is not a quantity of work or of a resource.
fn known_state(n: &Name, labels: &Labels) -> Option<Measure> {
    let measured_time = n.has(&[
        "response", "request", "requests", "rq", "processing", "execution", "query", "wait", "service", "connect",
        "io", "gc", "cpu", "handling", "upstream", "read", "write", "run", "exec", "busy", "weighted",
    ]);
    if matches!(n.last(), "info" | "labels" | "annotations" | "owner" | "metadata")
        || n.has_pair("build", "info")
    {
        return Some(Measure::Info);
    }
    if n.first() == "scrape" {
        return Some(Measure::Other);
    }
    let moment = n.has(&[
        "timestamp", "created", "uptime", "boot", "birth", "expiry", "expiration", "expires", "mtime",
    ]) || n.has_pair("not", "after")
        || n.has_pair("start", "time")
        || n.has_pair("completion", "time")
        || n.has_pair("deletion", "time")
        || (n.has(&["time"]) && n.has(&["last", "current"]))
        || (n.first() == "node" && n.words().get(1).is_some_and(|w| w == "time") && n.words().len() <= 3);
    if moment && !measured_time {
        return Some(Measure::Time);
    }
    if n.words().len() == 1 && matches!(n.first(), "up" | "alive" | "healthy") {
        return Some(Measure::Availability);
    }
    if n.last() == "up"
        || n.has_pair("probe", "success")
        || n.has(&["healthy", "health", "alive", "availability"])
    {
        return Some(Measure::Availability);
    }
    if n.first() == "kube" {
        return kubernetes_state(n, labels);
    }
    None
}

/// kube-state-metrics: one series a state, 0 or 1, the state in a label.
fn kubernetes_state(n: &Name, labels: &Labels) -> Option<Measure> {
    let condition = label(labels, "condition");
    if n.has(&["reason"]) {
        return Some(match label(labels, "reason") {
            "OOMKilled" => Measure::OutOfMemory,
            _ => Measure::State,
        });
    }
    if n.has(&["ready"]) && !n.has(&["replicas", "number"]) {
        return Some(Measure::Availability);
    }
    if n.has(&["condition"]) {
        return Some(match condition {
            "Ready" | "Available" => Measure::Availability,
            _ => Measure::State,
        });
    }
    if n.has(&[
        "phase", "waiting", "running", "terminated", "unschedulable", "generation", "paused", "suspend", "taint",
    ]) {
        return Some(Measure::State);
    }
    None
}

fn bounds_and_facts(n: &Name, labels: &Labels) -> Option<Measure> {
    let used = n.has(&[
        "utilization", "utilisation", "usage", "used", "exceeded", "hits", "hit", "ratio", "percent",
    ]);
    let limited = n.has(&["limit", "limits", "quota", "capacity", "allocatable", "allowed", "configured"]) || n.has_pair("resource", "requests")
        || n.has_pair("mem", "total")
        || n.has_pair("swap", "total")
        || n.has_pair("filesystem", "size")
        || n.has_pair("filesystem", "files") && n.last() == "files"
        || n.has_pair("cpu", "request")
        || n.has_pair("cpu", "requests")
        || n.has_pair("memory", "request")
        || n.has_pair("memory", "requests")
        || label(labels, "type") == "hard";
    let bound = n.has(&["max", "maximum"])
        && n.has(&[
            "connections", "connection", "clients", "maxclients", "memory", "fds", "threads", "pool", "replicas",
            "heap", "files", "entries", "size", "bytes",
        ])
        && !n.has(&["latency", "duration", "usage", "used", "time"]);
    let bound = bound || n.has(&["maxclients", "maxmemory"]) || n.has_pair("spec", "min");
    ((limited || bound) && !used && !n.has(&["rate", "reached", "rejected", "throttled"]))
        .then_some(Measure::Limit)
}

/// What is bad in itself.
fn trouble(n: &Name, labels: &Labels) -> Option<Measure> {
    if n.has_start(&["oom"]) || n.has(&["outofmemory"]) || label(labels, "reason") == "OOMKilled" {
        return Some(Measure::OutOfMemory);
    }
    if n.has(&["restart", "restarts", "restarted", "respawn", "respawns"]) {
        return Some(Measure::Restarts);
    }
    let requests = n.has(&["request", "requests", "messages", "queries", "calls", "api"]);
    let cpu = n.has(&["cpu", "cfs", "processor"]);
    let throttled = n.has(&["throttled", "throttling", "throttle", "throttles"]);
    let mode = label(labels, "mode");
    if (throttled && !requests && !n.has(NETWORK))
        || (cpu
            && (n.has(&["pressure", "steal", "stolen", "waiting", "wait"])
                || matches!(mode, "steal" | "iowait")))
        || n.has(&["load1", "load5", "load15"])
        || n.has_pair("load", "average")
        || n.has(&["loadavg", "runqueue"])
        || n.has_pair("run", "queue")
    {
        return Some(Measure::CpuThrottling);
    }
    if n.has(&["pressure"]) && n.has(&["memory", "io"]) {
        return Some(Measure::Saturation);
    }
    if n.has_start(&["retrans"])
        || n.has(&["rst", "outrsts", "estabresets", "listendrops", "listenoverflows"])
        || (n.has(NETWORK)
            && (n.has(FAILED) || n.has(&["drop", "loss", "overflows", "resets"]))
            && !n.has(&["receiver", "requests", "api", "alloc"]))
        || n.has_pair("packet", "loss")
    {
        return Some(Measure::NetworkErrors);
    }
    if n.has(&["evicted", "evictions", "eviction", "evict"]) {
        return Some(Measure::Evictions);
    }
    if n.has(&["hit", "hits", "miss", "misses", "hitrate", "blks"]) && !n.has(&["limit", "rate_limit"]) {
        let cache =
            n.has(SHARE) || n.has(&["cache", "keyspace", "blks", "miss", "misses", "hitrate", "buffer"]);
        if cache {
            return Some(Measure::CacheHits);
        }
    }
    if n.has(&["memory", "mem"]) && n.has(&["failures", "failcnt", "faults"])
        || n.has_start(&["pgfault", "pgmajfault"])
    {
        return Some(Measure::Saturation);
    }
    if n.has(&["replicas", "replica", "pods", "nodes", "brokers", "instances", "members", "partitions"]) && n.has(&["unavailable", "underreplicated", "missing", "misscheduled", "offline", "unready"]) {
        return Some(Measure::Replicas);
    }
    if n.has_pair("under", "replicated") || n.has(&["underreplicatedpartitions", "offlinepartitionscount"]) {
        return Some(Measure::Replicas);
    }
    if n.has(&["gc", "garbage", "pause", "pauses", "safepoint"])
        && !n.has(&["bytes", "memory", "memstats", "percent"])
    {
        return Some(Measure::Pauses);
    }
    if n.has(&["success", "successes", "successful", "succeeded", "available", "healthy", "ok"]) && n.has(SHARE)
        && !n.has(&["memory", "mem", "disk", "filesystem", "bytes"])
    {
        return Some(Measure::Availability);
    }
    if n.has(&["slo", "sli", "apdex"]) && !n.has(FAILED) {
        return Some(Measure::Availability);
    }
    if (n.has(FAILED) || n.has_pair("dead", "letter")) && !n.has(&["duration", "latency", "threshold"]) {
        return Some(Measure::Errors);
    }
    if n.has_start(&["5", "4"])
        && n.words()
            .iter()
            .any(|word| matches!(word.as_str(), "5xx" | "4xx" | "500" | "503"))
    {
        return Some(Measure::Errors);
    }
    None
}

fn durations(n: &Name) -> Option<Measure> {
    let named = n.has(&[
        "latency", "latencies", "duration", "durations", "delay", "delays", "elapsed", "rtt", "srtt", "ttfb",
        "roundtrip", "responsetime", "ttl_exceeded", "jitter", "slowlog", "staleness",
    ]) || n.has_pair("response", "time")
        || n.has_pair("round", "trip")
        || n.has_pair("wait", "time")
        || n.has_pair("rq", "time")
        || n.has_pair("request", "time")
        || n.has_pair("query", "time")
        || n.has_pair("processing", "time")
        || n.has_pair("service", "time")
        || n.has_pair("execution", "time")
        || n.has_pair("connect", "ms")
        || n.has_pair("time", "ms") && n.has(WORK);
    let timed_work = n.has(TIME_UNITS)
        && !n.has(&["per"])
        && n.has(&[
            "request", "requests", "response", "responses", "query", "call", "rq", "processing", "handler", "lookup",
            "connect", "upstream", "server", "client", "command", "commands", "wait", "handling", "acquire",
            "creation", "usage", "fsync", "commit", "transaction", "resolve", "dial", "handshake", "work",
            "scheduling",
        ])
        && !n.has(&["cpu", "lag", "io", "disk", "expiry"]);
    (named || timed_work).then_some(Measure::Latency)
}

fn waiting(n: &Name) -> Option<Measure> {
    let queue = n.has(&[
        "queue", "queued", "backlog", "pending", "lag", "inflight", "waiting", "unacked", "unacknowledged", "depth",
        "outstanding", "workqueue", "behind", "concurrency", "inprogress", "blocked",
    ]) || n.has_pair("in", "flight")
        || n.has_pair("in", "progress")
        || n.has_pair("messages", "ready")
        || n.has_pair("active", "requests")
        || n.has_pair("rq", "active")
        || n.has_start(&["backlog"]);
    let flow = n.has(&[
        "published", "delivered", "acked", "adds", "consumed", "redelivered", "enqueued", "dequeued",
    ]);
    (queue && !flow).then_some(Measure::Queue)
}

fn resources(n: &Name, labels: &Labels) -> Option<Measure> {
    if n.has(&["replicas", "replica", "brokers", "instances", "members"])
        || (n.first() == "kube" && n.has(&["number", "active", "succeeded", "failed", "desired"]))
    {
        return Some(Measure::Replicas);
    }
    if n.has(&[
        "thread", "threads", "goroutines", "fds", "fd", "descriptors", "handles", "filefd", "pids", "procs",
    ]) || n.has_pair("open", "files")
        || n.has_pair("daemon", "threads")
    {
        return Some(Measure::Handles);
    }
    if n.has(&["cpu", "cpus", "cores", "millicores", "processor"]) {
        return Some(Measure::Cpu);
    }
    let moved = n.has(&[
        "read", "reads", "write", "writes", "written", "io", "iops", "ios", "blkio", "sectors",
    ]);
    if n.has(&[
        "disk", "filesystem", "fs", "volume", "storage", "blkio", "inodes", "tablespace", "wal", "persistentvolume",
    ]) || n.has_pair("database", "size")
    {
        return Some(match moved && !n.has(&["readonly"]) {
            true => Measure::DiskIo,
            false => Measure::Disk,
        });
    }
    let memory = n.has(&[
        "memory", "mem", "heap", "nonheap", "rss", "memstats", "swap", "stack", "metaspace", "alloc", "buffers",
        "jvm_memory",
    ]) || n.has_pair("working", "set");
    if memory && !n.has(&["mallocs", "frees", "lookups"]) {
        return Some(Measure::Memory);
    }
    if n.has(&[
        "connection", "connections", "conn", "conns", "cx", "session", "sessions", "pool", "clients", "sockets",
        "numbackends", "backends", "hikaricp", "channels", "consumers",
    ]) || (n.has(&["activity"]) && n.last() == "count")
        || n.has_pair("curr", "estab")
    {
        return Some(Measure::Connections);
    }
    let bytes = n.has(&["bytes", "octets", "bytesin", "bytesout", "bits"]);
    let flows = n.has(&[
        "sent", "received", "send", "recv", "in", "out", "ingress", "egress", "input", "output",
    ]) || n.has_start(&["bytesin", "bytesout"]);
    if n.has(NETWORK) || (bytes && flows) {
        return Some(Measure::Network);
    }
    if n.has(&["log", "logs", "logback", "log4j", "loglines"])
        && n.has(&[
            "lines", "line", "messages", "entries", "events", "volume", "loglines",
        ])
    {
        return Some(match failed_by_label(labels) {
            true => Measure::Errors,
            false => Measure::LogVolume,
        });
    }
    None
}

fn work(n: &Name, labels: &Labels) -> Option<Measure> {
    if n.has(WORK) {
        return Some(match failed_by_label(labels) {
            true => Measure::Errors,
            false => Measure::Traffic,
        });
    }
    if n.has(&["utilization", "utilisation", "usage", "used", "saturation", "occupancy", "pressure", "busy"]) {
        return Some(Measure::Saturation);
    }
    if n.has(&["succeeded", "success", "successful"]) {
        return Some(Measure::Traffic);
    }
    if n.has(&["response", "responses", "grpc", "http"]) && !n.has(&["bytes", "size"]) {
        return Some(match failed_by_label(labels) {
            true => Measure::Errors,
            false => Measure::Traffic,
        });
    }
    None
}
