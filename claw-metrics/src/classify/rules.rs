//! From words to a classification.

use super::measure::{SHARE, TIME_UNITS, measure};
use super::outcome::{failed_by_label, label};
use super::words::{Name, quantile};
use super::{BadDirection, Classification, Kind, Measure, Stat, Unit};
use crate::series::Labels;

pub(super) fn classify(full: &Name, labels: &Labels) -> Classification {
    let (name, mut kind, mut part) = peel(full, labels);
    let mut measure = measure(&name, labels);
    if labels.contains_key("stat") || labels.contains_key("quantile") {
        // Computed from the raw series, whose name it keeps.
        (kind, part) = (Kind::Gauge, None);
        let computed = Name::new(label(labels, "stat"));
        if computed.has_pair("error", "ratio") {
            return Classification {
                measure: Measure::Errors,
                stat: Stat::Value,
                kind,
                bad_direction: BadDirection::Up,
                unit: Unit::Ratio,
            };
        }
        if computed.has_pair("request", "rate") {
            return Classification {
                measure: Measure::Traffic,
                stat: Stat::Value,
                kind,
                bad_direction: bad_direction(&name, labels, Measure::Traffic),
                unit: Unit::PerSecond,
            };
        }
    }
    let stat = match part {
        Some(part) => part,
        None => stat(full, labels, measure),
    };
    if stat == Stat::Count {
        // The count of a histogram of durations or sizes is the number of things that were observed.
        kind = Kind::Counter;
        if !matches!(
            measure,
            Measure::Errors | Measure::Pauses | Measure::NetworkErrors
        ) {
            measure = match failed_by_label(labels) {
                true => Measure::Errors,
                false => Measure::Traffic,
            };
        }
    }
    let unit = match stat {
        Stat::Count => Unit::Count,
        _ => unit(&name, labels, measure),
    };
    if part.is_none() && (per_time(unit) || matches!(unit, Unit::Ratio | Unit::Percent)) {
        kind = Kind::Gauge; // `throttled_ratio_total` does not exist; a rate is a gauge whatever its last word is
    }
    Classification {
        measure,
        stat,
        kind,
        bad_direction: bad_direction(&name, labels, measure),
        unit,
    }
}

fn per_time(unit: Unit) -> bool {
    matches!(unit, Unit::PerSecond | Unit::PerMinute | Unit::BytesPerSecond)
}

/// Takes the suffixes off that say how a series is stored rather than what it measures.
fn peel(full: &Name, labels: &Labels) -> (Name, Kind, Option<Stat>) {
    let inner = full.without_last();
    match full.last() {
        // `MemTotal` and `SwapTotal` are sizes; counters have a unit or a plural before `total`.
        "total" if inner.last() != "mem" && inner.last() != "swap" => (inner, Kind::Counter, None),
        "bucket"
            if ["le", "vmrange", "quantile"]
                .iter()
                .any(|name| labels.contains_key(*name)) =>
        {
            (inner, Kind::Histogram, Some(Stat::Bucket))
        }
        "sum" if observed(&inner) => (inner, Kind::Histogram, Some(Stat::Sum)),
        "count" if observed(&inner) => (inner, Kind::Histogram, Some(Stat::Count)),
        _ => (Name::new(&full.words().join("_")), Kind::Gauge, None),
    }
}

/// Whether a name is that of a histogram or summary: it ends in a unit or in what is usually observed.
fn observed(name: &Name) -> bool {
    const OBSERVED: &[&str] = &[
        "bytes",
        "duration",
        "latency",
        "size",
        "time",
        "delay",
        "sizes",
        "durations",
        "age",
        // Of shares, which are between 0 and 1 one by one and not as a sum.
        "ratio",
        "utilization",
    ];
    let last = name.last();
    (TIME_UNITS.contains(&last) && last != "s") || OBSERVED.contains(&last)
}

fn stat(n: &Name, labels: &Labels, measure: Measure) -> Stat {
    if labels.contains_key("le") {
        return Stat::Bucket;
    }
    if let Some(quantile) = labels.get("quantile").or_else(|| labels.get("percentile"))
        && let Ok(value) = quantile.trim_start_matches(['p', 'P']).parse::<f64>()
    {
        let value = if value > 1.0 { value / 100.0 } else { value };
        if (0.0..=1.0).contains(&value) {
            return Stat::Quantile(value);
        }
    }
    let named = ["stat", "statistic", "aggregation"]
        .iter()
        .find_map(|name| labels.get(*name));
    let hint = named.map(|value| Name::new(value));
    for words in hint.iter().chain([n]) {
        if let Some(value) = quantile(words) {
            return Stat::Quantile(value);
        }
        if words.has(&["mean", "avg", "average"]) && !words.has_pair("load", "average") {
            return Stat::Mean;
        }
        if words.has(&["stddev", "stdev", "stdvar", "variance"]) {
            return Stat::Spread;
        }
        if measure != Measure::Limit && words.has(&["max", "maximum", "peak"]) {
            return Stat::Max;
        }
        if measure != Measure::Limit && words.has(&["min", "minimum"]) && words.last() != "min" {
            return Stat::Min;
        }
    }
    Stat::Value
}

fn unit(n: &Name, labels: &Labels, measure: Measure) -> Unit {
    let per_second = n.has_pair("per", "second")
        || n.has_pair("per", "sec")
        || n.has(&["rps", "qps", "tps", "iops", "bps"]);
    let per_minute = n.has_pair("per", "minute") || n.has(&["rpm"]);
    let bytes = n.has(&["bytes", "byte", "octets", "bps"]);
    if per_second {
        return if bytes {
            Unit::BytesPerSecond
        } else {
            Unit::PerSecond
        };
    }
    if per_minute {
        return Unit::PerMinute;
    }
    if n.has(&["ratio", "fraction", "share"]) {
        return Unit::Ratio;
    }
    if n.has(&["percent", "percentage", "pct"]) || label(labels, "unit") == "percent" {
        return Unit::Percent;
    }
    if n.has(&["millicores", "mcores"]) {
        return Unit::Millicores;
    }
    if n.has(&["cores", "core"]) || label(labels, "unit") == "core" {
        return Unit::Cores;
    }
    if bytes || label(labels, "unit") == "byte" {
        return Unit::Bytes;
    }
    for word in n.words().iter().rev() {
        match word.as_str() {
            "seconds" | "second" | "secs" | "sec" | "s" => return Unit::Seconds,
            "ms" | "msec" | "millis" | "milliseconds" | "millisecond" => return Unit::Milliseconds,
            "us" | "usec" | "micros" | "microseconds" => return Unit::Microseconds,
            "ns" | "nanos" | "nanoseconds" => return Unit::Nanoseconds,
            _ => {}
        }
    }
    match measure {
        Measure::Availability | Measure::State | Measure::Info => Unit::Count,
        _ if n.has(&["utilization", "utilisation"]) => Unit::Ratio,
        Measure::Restarts
        | Measure::OutOfMemory
        | Measure::Replicas
        | Measure::Handles
        | Measure::Connections
        | Measure::LogVolume
        | Measure::Evictions
        | Measure::Traffic
        | Measure::Errors
            if !n.has(SHARE) =>
        {
            Unit::Count
        }
        _ => Unit::Unknown,
    }
}

fn bad_direction(n: &Name, labels: &Labels, measure: Measure) -> BadDirection {
    let spare = n.has(&[
        "free",
        "available",
        "avail",
        "idle",
        "remaining",
        "unused",
        "headroom",
        "left",
    ]) || matches!(label(labels, "mode"), "idle")
        || matches!(label(labels, "state"), "free" | "idle");
    match measure {
        Measure::Latency
        | Measure::Errors
        | Measure::CpuThrottling
        | Measure::NetworkErrors
        | Measure::Restarts
        | Measure::OutOfMemory
        | Measure::Pauses
        | Measure::Evictions
        | Measure::LogVolume => BadDirection::Up,
        Measure::Cpu
        | Measure::Memory
        | Measure::Disk
        | Measure::Queue
        | Measure::Connections
        | Measure::Saturation
        | Measure::Handles => match spare {
            true => BadDirection::Down,
            false => BadDirection::Up,
        },
        Measure::CacheHits => match n.has(&["miss", "misses", "read"]) {
            true => BadDirection::Up,
            false => BadDirection::Down,
        },
        Measure::Replicas => {
            if n.has(&[
                "unavailable",
                "under",
                "missing",
                "misscheduled",
                "offline",
                "failed",
                "unready",
            ]) || n.has_start(&["underreplicated", "offline"])
            {
                BadDirection::Up
            } else if n.has(&["spec", "desired"]) {
                BadDirection::Both
            } else {
                BadDirection::Down
            }
        }
        // A condition is kept as three series, one a status: only the one that says "true" goes down when it is lost.
        Measure::Availability => match label(labels, "status").to_ascii_lowercase().as_str() {
            "false" | "unknown" => BadDirection::Up,
            _ => match label(labels, "condition") {
                "false" | "unknown" => BadDirection::Up,
                _ => BadDirection::Down,
            },
        },
        Measure::Info | Measure::Time => BadDirection::Neither,
        Measure::Traffic
        | Measure::Network
        | Measure::DiskIo
        | Measure::Limit
        | Measure::State
        | Measure::Other => BadDirection::Both,
    }
}
