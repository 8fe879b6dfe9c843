//! What a container logged, condensed.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_metrics::logs::entries::{self, Entry, Level};
use claw_metrics::logs::indicators::{Indicator, indicators, targets};
use claw_metrics::logs::templates::{Miner, TemplateId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::clip;

/// Patterns that are kept of one log.
const MAX_PATTERNS: usize = 12;
/// Characters of an entry that are kept as sample.
const SAMPLE: usize = 400;

/// The noteworthy part of one container's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The pod.
    pub pod: EntityRef,
    /// The container.
    pub container: String,
    /// Whether it is the log of the container's previous run.
    pub previous: bool,
    /// Entries that were read.
    pub entries: u64,
    /// Whether there was more than was read.
    pub truncated: bool,
    /// Kinds of entries that say that something is wrong, the first one first.
    pub patterns: Vec<Pattern>,
}

/// Entries of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// The text with variable parts masked.
    pub template: String,
    /// How many.
    pub count: u64,
    /// When the first one was written.
    pub first: Option<Timestamp>,
    /// When the last one was written.
    pub last: Option<Timestamp>,
    /// One of them as it was written, cut at a few hundred characters.
    pub sample: String,
    /// The type of the exception, where there is a stack trace.
    pub exception: Option<String>,
    /// Where it was thrown: the first frame of the application.
    pub frame: Option<String>,
    /// Whether it is the entry with which the process ended.
    pub fatal: bool,
    /// What it indicates.
    pub indications: Vec<Indication>,
}

/// What an entry indicates, with whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Indication {
    /// What.
    pub kind: claw_metrics::logs::indicators::Indicator,
    /// The host, file, variable or key that it names.
    pub target: Option<String>,
}

impl Digest {
    /// The locator of the log as evidence source.
    pub fn locator(&self) -> String {
        let suffix = if self.previous { ".previous" } else { "" };
        format!("{}/{}{suffix}", self.pod.path(), self.container)
    }
}

impl Pattern {
    /// Adds an entry of the same kind.
    fn join(&mut self, other: Pattern) {
        self.count += other.count;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.fatal |= other.fatal;
        for indication in other.indications {
            if !self.indications.contains(&indication) && self.indications.len() < 16 {
                self.indications.push(indication);
            }
        }
    }

    /// Whether it indicates one of `kinds`.
    pub fn indicates(&self, kinds: &[Indicator]) -> bool {
        self.indications
            .iter()
            .any(|indication| kinds.contains(&indication.kind))
    }
}

/// The host of `host:port`.
pub fn host_of(target: &str) -> &str {
    match target.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => target,
    }
}

/// Condenses a container's log. Entries before `since` are left out where they carry a time, and so are kinds of entries
/// that were as usual before the trouble began, where that is known.
pub fn digest(
    pod: EntityRef,
    container: String,
    previous: bool,
    raw: &[u8],
    since: Timestamp,
    began: Option<Timestamp>,
    truncated: bool,
) -> Digest {
    let log = entries::parse(raw);
    let recent: Vec<&Entry> = log
        .entries
        .iter()
        .filter(|entry| entry.time.is_none_or(|time| previous || time >= since))
        .collect();
    let last = recent.len().saturating_sub(1);
    let mut miner = Miner::new();
    let mut mined: Vec<(TemplateId, Pattern)> = Vec::new();
    for (index, entry) in recent.iter().enumerate() {
        if let Some((text, pattern)) = pattern(entry, previous && index + 2 > last) {
            mined.push((miner.insert(&text), pattern));
        }
    }
    // Ids are resolved only now: templates that turn out to be one are joined while lines come in.
    let mut patterns: BTreeMap<TemplateId, Pattern> = BTreeMap::new();
    let mut times: BTreeMap<TemplateId, Vec<Timestamp>> = BTreeMap::new();
    for (id, pattern) in mined {
        let id = miner.resolve(id);
        times.entry(id).or_default().extend(pattern.first);
        match patterns.entry(id) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(pattern);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => slot.get_mut().join(pattern),
        }
    }
    if let Some(usual) = began.and_then(|began| Usual::of(&recent, began)) {
        patterns
            .retain(|id, pattern| pattern.fatal || !usual.covers(times.get(id).map_or(&[], Vec::as_slice)));
    }
    for (id, pattern) in &mut patterns {
        if let Some(template) = miner.template(*id) {
            pattern.template = template.text;
        }
    }
    let mut patterns: Vec<Pattern> = patterns.into_values().collect();
    patterns.sort_by(|a, b| {
        (b.fatal, b.exception.is_some(), !b.indications.is_empty(), b.count)
            .cmp(&(a.fatal, a.exception.is_some(), !a.indications.is_empty(), a.count))
            .then_with(|| a.template.cmp(&b.template))
    });
    patterns.truncate(MAX_PATTERNS);
    Digest {
        pod,
        container,
        previous,
        entries: recent.len() as u64,
        truncated: truncated || log.truncated,
        patterns,
    }
}

/// The time before the trouble that a log covers, to tell what it says on any day.
struct Usual {
    from: Timestamp,
    to: Timestamp,
    end: Timestamp,
}

impl Usual {
    /// An alert fires some time after the trouble begins: so much before it counts as part of the trouble.
    const LAG: SignedDuration = SignedDuration::from_mins(15);
    /// A shorter time says nothing about what is usual.
    const LEAST: SignedDuration = SignedDuration::from_mins(15);
    /// Fewer entries say nothing, either.
    const FEW: usize = 3;
    /// So many times as often as before is not as usual any more.
    const MORE: f64 = 2.0;

    fn of(entries: &[&Entry], began: Timestamp) -> Option<Self> {
        let to = began.checked_sub(Self::LAG).ok()?;
        let from = entries.iter().filter_map(|entry| entry.time).min()?;
        let end = entries.iter().filter_map(|entry| entry.time).max()?;
        (to.duration_since(from) >= Self::LEAST && end > to).then_some(Self { from, to, end })
    }

    /// Whether entries of these times came about as often before the trouble as since.
    fn covers(&self, times: &[Timestamp]) -> bool {
        let before = times.iter().filter(|time| **time < self.to).count();
        let rate = |count: usize, start: Timestamp, end: Timestamp| {
            count as f64 / end.duration_since(start).as_secs_f64().max(1.0)
        };
        let since = times.len().saturating_sub(before);
        before >= Self::FEW && rate(since, self.to, self.end) <= Self::MORE * rate(before, self.from, self.to)
    }
}

/// The pattern of an entry that says that something is wrong; `None` for others.
fn pattern(entry: &Entry, last_of_run: bool) -> Option<(String, Pattern)> {
    let text = match &entry.trace {
        Some(trace) => {
            let head = trace.exception.as_deref().unwrap_or_default();
            let said = trace.said.as_deref().unwrap_or_default();
            if entry.message.contains(said) && entry.message.contains(head) {
                entry.message.clone()
            } else {
                format!("{}: {head}: {said}", entry.message)
            }
        }
        None => entry.message.clone(),
    };
    let found = indicators(&text);
    // Told to stop from outside: the entry says nothing of what went wrong.
    let telling = found.iter().any(|indicator| *indicator != Indicator::Terminated);
    let bad = entry.level >= Level::Error || entry.trace.is_some();
    let worth = bad || (telling && entry.level >= Level::Warn) || (telling && entry.level == Level::Unknown);
    if !worth {
        return None;
    }
    let hosts = targets(&text);
    let indications = found
        .into_iter()
        .flat_map(|kind| {
            let about_others = !matches!(
                kind,
                Indicator::AddressInUse | Indicator::Terminated | Indicator::OutOfMemory
            );
            let named: Vec<Option<String>> = if about_others && !hosts.is_empty() {
                hosts.iter().take(2).cloned().map(Some).collect()
            } else {
                vec![None]
            };
            named.into_iter().map(move |target| Indication { kind, target })
        })
        .collect();
    let pattern = Pattern {
        template: String::new(),
        count: 1,
        first: entry.time,
        last: entry.time,
        sample: clip(&text, SAMPLE),
        exception: entry.trace.as_ref().and_then(|trace| trace.exception.clone()),
        frame: entry.trace.as_ref().and_then(|trace| trace.frame.clone()),
        fatal: entry.level == Level::Fatal || (last_of_run && bad),
        indications,
    };
    Some((text, pattern))
}

/// Pod and container that the labels of a log stream name.
pub fn source_of(labels: &BTreeMap<String, String>) -> Option<(EntityRef, String)> {
    let label = |names: &[&str]| names.iter().find_map(|name| labels.get(*name)).cloned();
    let namespace = label(&["namespace", "k8s_namespace_name", "kubernetes_namespace_name"]);
    let container = label(&[
        "container",
        "k8s_container_name",
        "container_name",
        "kubernetes_container_name",
    ])
    .unwrap_or_default();
    let (kind, name) = match label(&["pod", "k8s_pod_name", "pod_name", "kubernetes_pod_name"]) {
        Some(pod) => ("Pod", pod),
        None => (
            "Service",
            label(&["service_name", "service", "app", "job", "app_kubernetes_io_name"])?,
        ),
    };
    Some((
        EntityRef {
            kind: kind.to_owned(),
            namespace,
            name,
        },
        container,
    ))
}
