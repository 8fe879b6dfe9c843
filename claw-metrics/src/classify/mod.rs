//! What a metric measures, told from its name and labels.
//!
//! No exact name is known here. A name is cut into words (`_`, `-`, `.`, `:`, `/` and changes of case separate them); words
//! and unit suffixes decide. A metric that fits nothing is [`Measure::Other`] and still counts as a series of its entity.
//!
//! ```
//! use claw_metrics::classify::{Measure, Stat, classify};
//! use claw_metrics::series::Labels;
//! let found = classify("checkout_latency_p99_ms", &Labels::new());
//! assert_eq!((found.measure, found.stat), (Measure::Latency, Stat::Quantile(0.99)));
//! ```

mod entity;
#[rustfmt::skip] // one word a line would bury the rules
mod labels;
#[rustfmt::skip]
mod measure;
#[rustfmt::skip]
mod named;
#[rustfmt::skip]
mod outcome;
mod rules;
mod spans;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use entity::{Subject, UNKNOWN_WORKLOAD, entity_of, subject_of};
pub(crate) use labels::names_entity;
pub use named::entity_from_name;
pub(crate) use outcome::{has_outcome, is_server_failure, outcome};
pub use spans::Servers;
pub(crate) use spans::{Role, tells_of_span};

use crate::series::Labels;
use words::Name;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Time that work takes.
    Latency,
    /// Failed work: a count, a rate or a share of all work.
    Errors,
    /// Successful work as a share of all work, or whether something answers at all.
    Availability,
    /// Work done or asked for: requests, messages, operations, queries.
    Traffic,
    /// Processor time used.
    Cpu,
    /// Processor time that was wanted and not given: throttling, pressure, steal, load.
    CpuThrottling,
    /// Memory used.
    Memory,
    /// Bytes or packets over the network.
    Network,
    /// Lost, refused or repeated packets and connections.
    NetworkErrors,
    /// Space used in a file system or volume.
    Disk,
    /// Reads and writes of a disk.
    DiskIo,
    /// Work that waits: queues, backlogs, consumer lag, pending tasks.
    Queue,
    /// Connections, sessions, pool members in use.
    Connections,
    /// How full something is that is none of the above.
    Saturation,
    /// Containers or processes started again.
    Restarts,
    /// Killed for lack of memory.
    OutOfMemory,
    /// Instances: replicas, members, targets, wanted or there.
    Replicas,
    /// Threads, goroutines, file descriptors and other handles held.
    Handles,
    /// Garbage collection and other pauses of a run time.
    Pauses,
    /// Hits of a cache as a share of look-ups.
    CacheHits,
    /// Entries dropped from a cache.
    Evictions,
    /// Lines logged.
    LogVolume,
    /// A configured bound or request: limits, quotas, capacities.
    Limit,
    /// A state as 0 or 1, or a phase.
    State,
    /// Facts in labels; the value means nothing.
    Info,
    /// A moment, an age or an uptime.
    Time,
    /// None of these.
    Other,
}

/// Which statistic of the measure a series is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stat {
    /// The measure itself, or not known.
    Value,
    /// Mean.
    Mean,
    /// Quantile, 0 to 1.
    Quantile(f64),
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Standard deviation or variance.
    Spread,
    /// Sum of a histogram or summary.
    Sum,
    /// Count of a histogram or summary.
    Count,
    /// One cumulative bucket of a histogram.
    Bucket,
}

/// How the values of a series develop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows, but for resets: look at its rate.
    Counter,
    /// A part of a histogram (bucket, sum or count): a counter that means something only with its siblings.
    Histogram,
}

/// In which direction a change is bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BadDirection {
    /// Growth is bad.
    Up,
    /// Decline is bad.
    Down,
    /// Either may be bad.
    Both,
    /// Neither means anything.
    Neither,
}

/// Unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
    /// Billionths of a second.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Share of a whole, 0 to 1.
    Ratio,
    /// Share of a whole, 0 to 100.
    Percent,
    /// Processor cores.
    Cores,
    /// Thousandths of a core.
    Millicores,
    /// Events per second.
    PerSecond,
    /// Events per minute.
    PerMinute,
    /// Bytes per second.
    BytesPerSecond,
    /// A number of things.
    Count,
    /// Not told by the name.
    Unknown,
}

/// What a name and its labels tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// What is measured.
    pub measure: Measure,
    /// Which statistic of it.
    pub stat: Stat,
    /// How values develop; a guess where the metadata of the source is not at hand.
    pub kind: Kind,
    /// Which way is bad.
    pub bad_direction: BadDirection,
    /// Unit of the values, before any rate is taken.
    pub unit: Unit,
}

/// Classifies a metric by its name and labels. Never fails.
pub fn classify(name: &str, labels: &Labels) -> Classification {
    rules::classify(&Name::new(name), labels)
}

#[cfg(test)]
mod tests;
