//! Takes the names out of a recording, and keeps what it shows.
//!
//! Names of namespaces, workloads, services, nodes, hosts, images and people are taken apart into words, and each word that says
//! something about whose they are becomes a made-up one of the same shape, everywhere: in objects, events, log lines, labels of
//! metrics, the alert, changes and call edges, in each way of writing (`cart-api`, `CART_API_URL`, `CartApi`). Addresses, uids and
//! digests become others of their kind; networks stay networks of the same size, with the same addresses in them. Words of the
//! field stay, for the sentences in which they stand have to mean the same: `cache`, `gateway`, `timeout`.
//!
//! The same seed gives the same words.

mod address;
mod dictionary;
mod gather;
mod interface;
mod json;
mod objects;
mod spelling;
mod text;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_core::report::Gap;
use claw_core::topology::CallEdge;
use claw_k8s::bundle::{Bundle, BundleWriter, Content, LogFile, LogLine, Manifest, MetricsFile, WriteError};

use dictionary::Dictionary;
use gather::Gathered;
use text::Replacer;

/// A recording without its names.
#[derive(Clone, Debug)]
pub struct Sanitised {
    /// The recording.
    pub bundle: Bundle,
    /// Names in which something was replaced.
    pub replaced: BTreeSet<String>,
    /// Names that are made of words of the field only, or of such as were to be kept, and stand there as they were.
    pub kept: BTreeSet<String>,
}

/// Takes the names out of `bundle`, but for the words in `keep`.
///
/// # Errors
/// If a log or a file with samples cannot be read. Reads files: call it where blocking is allowed.
pub fn sanitise(bundle: &Bundle, seed: u64, keep: &BTreeSet<String>) -> io::Result<Sanitised> {
    let read = in_memory(bundle)?;
    let gathered = Gathered::of(&read)?;
    let dictionary = Dictionary::new(&gathered, seed, keep);
    let replacer = Replacer::new(dictionary, seed);
    let (kept, replaced) = gathered
        .names
        .iter()
        .cloned()
        .partition(|name| replacer.text(name) == *name);
    Ok(Sanitised {
        bundle: replacer.bundle(&read)?,
        replaced,
        kept,
    })
}

/// Writes a recording as it is in memory to `folder`, which must not exist or be empty.
///
/// # Errors
/// See [`WriteError`]; also if a name in it cannot be a file's name.
pub fn write(bundle: &Bundle, folder: impl AsRef<Path>) -> Result<(), WriteError> {
    let folder = folder.as_ref();
    let unread = |source| WriteError::File {
        path: folder.to_owned(),
        source,
    };
    let mut writer = BundleWriter::new(bundle.manifest.clone());
    writer.objects(bundle.objects.iter().cloned());
    for log in &bundle.logs {
        let text = log.content.read().map_err(unread)?;
        writer.log(&log.namespace, &log.pod, &log.container, log.previous, &text)?;
    }
    for file in &bundle.metrics {
        let text = file.content.read().map_err(unread)?;
        writer.metrics(&file.name, file.format, &text)?;
    }
    writer.log_lines(bundle.log_lines.iter().cloned());
    writer.changes(bundle.changes.iter().cloned());
    writer.topology(bundle.topology.iter().cloned());
    if let Some(alert) = &bundle.alert {
        writer.alert(alert.clone());
    }
    writer.write(folder)
}

/// The recording with all files read.
fn in_memory(bundle: &Bundle) -> io::Result<Bundle> {
    let mut read = bundle.clone();
    for log in &mut read.logs {
        log.content = Content::text(log.content.read()?);
    }
    for file in &mut read.metrics {
        file.content = Content::text(file.content.read()?);
    }
    Ok(read)
}

impl Replacer {
    fn bundle(&self, bundle: &Bundle) -> io::Result<Bundle> {
        let log = |log: &LogFile| {
            Ok::<_, io::Error>(LogFile {
                namespace: self.text(&log.namespace),
                pod: self.text(&log.pod),
                container: self.text(&log.container),
                previous: log.previous,
                content: Content::text(self.text(&log.content.read()?)),
            })
        };
        let samples = |file: &MetricsFile| {
            let mut samples = file.clone();
            samples.name = self.text(&file.name);
            samples.content = Content::text(self.text(&file.content.read()?));
            Ok::<_, io::Error>(samples)
        };
        let line = |line: &LogLine| LogLine {
            time: line.time,
            labels: line
                .labels
                .iter()
                .map(|(name, value)| (self.text(name), self.text(value)))
                .collect(),
            line: self.text(&line.line),
        };
        let edge = |edge: &CallEdge| CallEdge {
            from: self.entity(&edge.from),
            to: self.entity(&edge.to),
            protocol: edge.protocol.clone(),
        };
        Ok(Bundle {
            manifest: self.manifest(&bundle.manifest),
            objects: bundle.objects.iter().map(|object| self.object(object)).collect(),
            logs: bundle.logs.iter().map(log).collect::<Result<_, _>>()?,
            log_lines: bundle.log_lines.iter().map(line).collect(),
            metrics: bundle.metrics.iter().map(samples).collect::<Result<_, _>>()?,
            changes: bundle.changes.iter().map(|change| self.change(change)).collect(),
            topology: bundle.topology.iter().map(edge).collect(),
            alert: bundle.alert.as_ref().map(|alert| self.object(alert)),
            // It speaks of the old names.
            expect: None,
            problems: Vec::new(),
        })
    }

    fn manifest(&self, manifest: &Manifest) -> Manifest {
        let gap = |gap: &Gap| Gap {
            source: self.text(&gap.source),
            reason: self.text(&gap.reason),
            remedy: self.text(&gap.remedy),
        };
        let gaps = manifest.gaps.as_ref();
        Manifest {
            case: self.text(&manifest.case),
            cluster: self.text(&manifest.cluster),
            question: manifest.question.as_ref().map(|question| self.text(question)),
            namespaces: manifest.namespaces.iter().map(|name| self.text(name)).collect(),
            gaps: gaps.map(|gaps| gaps.iter().map(gap).collect()),
            kinds: manifest.kinds.as_ref().map(|kinds| {
                let mut kinds = kinds.clone();
                for kind in &mut kinds {
                    self.kind(kind);
                }
                kinds
            }),
            ..manifest.clone()
        }
    }

    fn change(&self, change: &Change) -> Change {
        Change {
            reference: self.text(&change.reference),
            time: change.time,
            kind: change.kind,
            entity: self.entity(&change.entity),
            summary: self.text(&change.summary),
            detail: change.detail.iter().map(|line| self.text(line)).collect(),
            author: change.author.as_ref().map(|author| self.text(author)),
        }
    }

    fn entity(&self, entity: &EntityRef) -> EntityRef {
        EntityRef {
            kind: self.text(&entity.kind),
            namespace: entity.namespace.as_ref().map(|name| self.text(name)),
            name: self.text(&entity.name),
        }
    }
}
