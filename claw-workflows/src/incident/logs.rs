//! What a container logged, condensed.

mod before;
mod named;

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_metrics::logs::entries::{self, Entry, Level};
use claw_metrics::logs::indicators::{
    Indicator, collects_in_vain, flag, indicators, refused_by_peer, targets, waits_for_lock,
};
use claw_metrics::logs::templates::{Miner, TemplateId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::clip;
use super::words::words;
use before::{Recurrence, Usual, goes_on};
use named::addresses;

/// Patterns that are kept of one log.
const MAX_PATTERNS: usize = 12;
/// Characters of an entry that are kept as sample.
const SAMPLE: usize = 400;
/// Characters behind the sample that are kept to look for words in.
const REST: usize = 600;

/// What is said of somebody who is called: where the innermost exception names nobody, one around it does.
const OF_OTHERS: [Indicator; 5] = [
    Indicator::CertificateExpired,
    Indicator::ConnectionRefused,
    Indicator::ConnectionReset,
    Indicator::Timeout,
    Indicator::Unreachable,
];

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
    /// Words of these that entries of other kinds hold as well, and since when, where that is known.
    #[serde(default)]
    pub usual: BTreeMap<String, Option<Timestamp>>,
    /// Feature flags that it says were set while it was written.
    #[serde(default)]
    pub flags: Vec<FlagSet>,
    /// Addresses with ports that its entries name, whatever they say of them: `orders-db:5432`.
    #[serde(default)]
    pub addresses: BTreeSet<String>,
}

/// A feature flag that was set, as a log tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlagSet {
    /// When it was first told.
    pub time: Timestamp,
    /// Name of the flag.
    pub flag: String,
    /// The entry.
    pub text: String,
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
    /// What follows the sample, cut as well.
    #[serde(default)]
    pub rest: String,
    /// What the program said, where the sample repeats it with the exception behind.
    #[serde(default)]
    pub message: Option<String>,
    /// Whether it is an error that was written again and again, and never before the trouble began.
    #[serde(default)]
    pub emerged: bool,
    /// Whether it is an error that was written again and again, in a log that does not go back far enough to tell whether it
    /// was written before.
    #[serde(default)]
    pub repeated: bool,
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
        self.emerged |= other.emerged;
        self.repeated |= other.repeated;
        for indication in other.indications {
            if !self.indications.contains(&indication) && self.indications.len() < 16 {
                self.indications.push(indication);
            }
        }
    }

    /// What the program said: without the exception that is repeated behind it.
    pub fn said(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.sample)
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
    // `[fd00::1]:5432`; of an address of version 6 without brackets the last part is no port.
    if let Some((host, _)) = target.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    match target.split_once(':') {
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
    let mut kinds: Vec<(&Entry, Option<TemplateId>)> = Vec::new();
    for (index, entry) in recent.iter().enumerate() {
        let found = pattern(entry, previous && index + 2 > last);
        let found = found.map(|(text, pattern)| (miner.insert(&text), pattern));
        kinds.push((*entry, found.as_ref().map(|(id, _)| *id)));
        mined.extend(found);
    }
    // An error of a time that is left out was there before, however long ago.
    let older = log.entries.iter().filter(|entry| {
        !previous && entry.level >= Level::Error && entry.time.is_some_and(|time| time < since)
    });
    let stood: Vec<TemplateId> = older
        .filter_map(|entry| pattern(entry, false))
        .map(|(text, _)| miner.insert(&text))
        .collect();
    let stood: BTreeSet<TemplateId> = stood.into_iter().map(|id| miner.resolve(id)).collect();
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
    let truncated = truncated || log.truncated;
    let cut = recent
        .iter()
        .filter_map(|entry| entry.time)
        .min()
        .filter(|_| truncated);
    let start = log.entries.iter().filter_map(|entry| entry.time).min();
    for (id, pattern) in &mut patterns {
        let recurs = Recurrence::of(start, began, pattern);
        let stood = stood.contains(id);
        pattern.repeated &= recurs == Some(Recurrence::Unknown) && !stood;
        pattern.emerged &= recurs == Some(Recurrence::New) && !stood;
        if cut.is_some_and(|cut| goes_on(cut, times.get(id).map_or(&[], Vec::as_slice))) {
            pattern.first = None;
            pattern.emerged = false;
        }
        if let Some(template) = miner.template(*id) {
            pattern.template = template.text;
        }
    }
    let others = kinds
        .into_iter()
        .filter(|(_, id)| id.is_none_or(|id| !patterns.contains_key(&miner.resolve(id))))
        .map(|(entry, _)| entry);
    let usual = usual(others, patterns.values());
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
        truncated,
        flags: flags(&log.entries, since),
        addresses: addresses(&log.entries),
        patterns,
        usual,
    }
}

/// Words of `patterns` that `others` hold as well, with the time of the first one.
fn usual<'e>(
    others: impl Iterator<Item = &'e Entry>,
    patterns: impl Iterator<Item = &'e Pattern>,
) -> BTreeMap<String, Option<Timestamp>> {
    let wanted: BTreeSet<String> = patterns
        .flat_map(|pattern| [&pattern.sample, &pattern.rest])
        .flat_map(|text| words(text))
        .collect();
    let mut usual: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
    if wanted.is_empty() {
        return usual;
    }
    for entry in others {
        for word in words(&entry.message).filter(|word| wanted.contains(word)) {
            let first = usual.entry(word).or_insert(entry.time);
            *first = (*first).zip(entry.time).map(|(a, b)| a.min(b));
        }
    }
    usual
}

/// Flags of which a log first tells a state after `since`, and after it had gone on for a while without: what a program says
/// of its flags when it starts was not set just then.
fn flags(entries: &[Entry], since: Timestamp) -> Vec<FlagSet> {
    /// So long a log has to go on before.
    const WHILE: SignedDuration = SignedDuration::from_mins(5);
    const MAX_FLAGS: usize = 8;
    let Some(start) = entries.iter().filter_map(|entry| entry.time).min() else {
        return Vec::new();
    };
    let mut told = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for entry in entries {
        let (Some(time), Some(state)) = (entry.time, flag(&entry.message)) else {
            continue;
        };
        let new = told.insert(state.clone());
        if new && time >= since && time.duration_since(start) >= WHILE && found.len() < MAX_FLAGS {
            found.push(FlagSet {
                time,
                flag: state.0,
                text: clip(&entry.message, SAMPLE),
            });
        }
    }
    found
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
    let quiet = entry.level == Level::Info && (waits_for_lock(&text) || collects_in_vain(&text));
    let worth =
        bad || quiet || (telling && entry.level >= Level::Warn) || (telling && entry.level == Level::Unknown);
    if !worth {
        return None;
    }
    let refused = refused_by_peer(&text);
    let mut hosts = targets(&text);
    if hosts.is_empty() && !refused && found.iter().any(|kind| OF_OTHERS.contains(kind)) {
        hosts = entry.trace.as_ref().map_or_else(Vec::new, around);
    }
    let indications = found
        .into_iter()
        .flat_map(|kind| {
            let about_itself = match kind {
                Indicator::AddressInUse | Indicator::Terminated | Indicator::OutOfMemory => true,
                Indicator::CertificateExpired => refused,
                _ => false,
            };
            let named: Vec<Option<String>> = if !about_itself && !hosts.is_empty() {
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
        rest: clip(&text.chars().skip(SAMPLE).collect::<String>(), REST),
        message: (text != entry.message).then(|| clip(&entry.message, SAMPLE)),
        emerged: entry.level >= Level::Error,
        repeated: entry.level >= Level::Error,
        exception: entry.trace.as_ref().and_then(|trace| trace.exception.clone()),
        frame: entry.trace.as_ref().and_then(|trace| trace.frame.clone()),
        fatal: entry.level == Level::Fatal || (last_of_run && bad),
        indications,
    };
    Some((text, pattern))
}

/// The hosts that the exceptions around the innermost one name: which request failed is said by the outer ones.
fn around(trace: &entries::Trace) -> Vec<String> {
    let frame = |line: &str| {
        ["at ", "File ", "... ", "from "]
            .iter()
            .any(|lead| line.starts_with(lead))
    };
    let lines = trace.text.lines().map(str::trim_start);
    lines
        .filter(|line| !frame(line))
        .map(targets)
        .find(|hosts| !hosts.is_empty())
        .unwrap_or_default()
}

/// Kind of a log of which it is known neither which pod wrote it nor which service.
const LOG: &str = "Log";

/// Pod and container that the labels of a log stream name; else the service, the container or the file. Lines without any
/// of that have one unknown source.
pub fn source_of(labels: &BTreeMap<String, String>) -> (EntityRef, String) {
    let label = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| labels.get(*name))
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let namespace = label(&["namespace", "k8s_namespace_name", "kubernetes_namespace_name"]);
    let container = label(&[
        "container",
        "k8s_container_name",
        "container_name",
        "kubernetes_container_name",
    ]);
    let pod = label(&["pod", "k8s_pod_name", "pod_name", "kubernetes_pod_name"]);
    let service = label(&["service_name", "service", "app", "job", "app_kubernetes_io_name"]);
    let file = label(&["filename", "file", "log_file_path", "path"]);
    let (kind, name) = match (pod, service.or_else(|| container.clone()), file) {
        (Some(pod), _, _) => ("Pod", pod),
        (None, Some(service), _) => ("Service", service),
        (None, None, Some(file)) => (LOG, file),
        (None, None, None) => (LOG, "of unknown source".to_owned()),
    };
    let source = EntityRef {
        kind: kind.to_owned(),
        namespace,
        name,
    };
    (source, container.unwrap_or_default())
}

#[cfg(test)]
mod tests;
