//! Which names a recording has.

use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;

use claw_k8s::bundle::Bundle;
use regex::Regex;
use serde_json::Value;

use super::dictionary::{SHORTEST, is_random};
use super::text::pieces;

/// Parts of names of labels whose values are names.
const NAMING: [&str; 33] = [
    "app",
    "autoscaler",
    "callee",
    "caller",
    "claim",
    "client",
    "cluster",
    "component",
    "configmap",
    "container",
    "customer",
    "daemonset",
    "deployment",
    "destination",
    "group",
    "host",
    "ingress",
    "instance",
    "job",
    "namespace",
    "node",
    "owner",
    "peer",
    "pod",
    "replicaset",
    "server",
    "service",
    "source",
    "statefulset",
    "team",
    "tenant",
    "user",
    "workload",
];
/// Endings of files, which are no hosts however much they look like it.
const FILES: [&str; 20] = [
    "java", "go", "py", "js", "ts", "rb", "php", "rs", "cs", "cpp", "c", "h", "kt", "scala", "ex", "exs",
    "mjs", "cjs", "jsx", "tsx",
];

static LABELS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([A-Za-z_][A-Za-z0-9_./-]*)"?\s*[=:]\s*"((?:[^"\\]|\\.)*)""#).ok());
/// Hosts in addresses and in what resolvers say, and people in mail addresses.
static HOSTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        ://(?:[^/@\s]*@)?([A-Za-z][A-Za-z0-9._-]*)
        |([A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
        |(?:lookup|ENOTFOUND|EAI_AGAIN|UnknownHostException:?|resolve|hostname|host\sname)\s[`'\x22]?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)
        |\b([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|org|io|dev|eu|de|fr|uk|us|cloud|internal|local|svc|example|test|corp|lan))\b
        |\b([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+:[0-9]{2,5})\b
        ",
    )
    .ok()
});

/// Everything that a recording calls by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    /// All names, as they are written.
    pub(super) names: BTreeSet<String>,
    /// Those of them that are names of objects which are there.
    pub(super) objects: BTreeSet<String>,
    /// Words of the schemas that the recording is written in: keys of known ones, and kinds.
    pub(super) structure: BTreeSet<String>,
    /// Every word that stands anywhere.
    pub(super) corpus: BTreeSet<String>,
}

impl Gathered {
    pub(super) fn of(bundle: &Bundle) -> io::Result<Self> {
        let mut all = Self::default();
        let manifest = &bundle.manifest;
        all.name(&manifest.cluster);
        manifest.namespaces.iter().for_each(|name| all.name(name));
        if let Some(question) = &manifest.question {
            all.free_text(question);
        }
        for kind in manifest.kinds.iter().flatten() {
            all.kind(kind.group(), &kind.kind);
        }
        for object in &bundle.objects {
            for field in ["name", "namespace"] {
                let name = object
                    .pointer(&format!("/metadata/{field}"))
                    .and_then(Value::as_str);
                let event = object.get("kind").and_then(Value::as_str) == Some("Event");
                all.objects.extend(name.filter(|_| !event).map(str::to_owned));
            }
            all.object(object);
        }
        if let Some(alert) = &bundle.alert {
            all.object(alert);
        }
        for log in &bundle.logs {
            [&log.namespace, &log.pod, &log.container]
                .into_iter()
                .for_each(|name| all.name(name));
            all.free_text(&log.content.read()?);
        }
        for line in &bundle.log_lines {
            line.labels
                .iter()
                .for_each(|(label, value)| all.label(label, value));
            all.free_text(&line.line);
        }
        for file in &bundle.metrics {
            all.samples(&file.content.read()?);
        }
        for change in &bundle.changes {
            all.name(&change.entity.name);
            change.entity.namespace.iter().for_each(|name| all.name(name));
            change.author.iter().for_each(|name| all.name(name));
            all.free_text(&change.summary);
            change.detail.iter().for_each(|line| all.free_text(line));
        }
        for edge in &bundle.topology {
            for end in [&edge.from, &edge.to] {
                all.name(&end.name);
                all.objects.insert(end.name.clone());
                end.namespace.iter().for_each(|name| all.name(name));
            }
        }
        Ok(all)
    }

    /// The words of which names are made that say something, in lower case.
    pub(super) fn words(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let runs = names
            .iter()
            .flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
        runs.flat_map(words_of).collect()
    }

    pub(super) fn name(&mut self, name: &str) {
        if name.chars().any(char::is_alphabetic) {
            self.names.insert(name.to_owned());
            self.corpus_of(name);
        }
    }

    /// The path of an image, without what is chosen by its version.
    pub(super) fn image(&mut self, image: &str) {
        let path = image.split('@').next().unwrap_or(image);
        let path = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => path,
            _ => path,
        };
        self.name(path);
    }

    pub(super) fn label(&mut self, label: &str, value: &str) {
        let label = label.to_lowercase();
        if NAMING.iter().any(|part| label.contains(part)) && !value.contains(char::is_whitespace) {
            self.name(value);
        }
        self.free_text(value);
    }

    fn samples(&mut self, text: &str) {
        let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
        for found in LABELS.iter().flat_map(|labels| labels.captures_iter(text)) {
            let part = |index: usize| found.get(index).map_or("", |part| part.as_str());
            pairs.insert((part(1), part(2)));
        }
        pairs
            .into_iter()
            .for_each(|(label, value)| self.label(label, value));
        // Names of families, each once.
        let families: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.split(['{', ' ']).next())
            .collect();
        families.into_iter().for_each(|family| self.corpus_of(family));
    }

    pub(super) fn free_text(&mut self, text: &str) {
        self.corpus_of(text);
        for found in HOSTS.iter().flat_map(|hosts| hosts.captures_iter(text)) {
            let Some(host) = found.iter().skip(1).flatten().next() else {
                continue;
            };
            let host = host.as_str().trim_end_matches('.');
            let bare = host.split(':').next().unwrap_or(host);
            let ending = bare.rsplit('.').next().unwrap_or_default();
            if !FILES.contains(&ending) {
                self.name(host);
            }
        }
    }

    fn corpus_of(&mut self, text: &str) {
        for run in text.split(|c: char| !c.is_alphanumeric()) {
            if run.len() >= SHORTEST {
                self.corpus.insert(run.to_lowercase());
            }
        }
    }

    pub(super) fn interface(&mut self, word: &str) {
        for run in word.split(|c: char| !c.is_alphanumeric()) {
            self.structure
                .extend(pieces(run).into_iter().map(str::to_lowercase));
        }
    }
}

/// The words of a run of letters and digits: the whole where it is a random part of a name, else those of which it is made.
fn words_of(run: &str) -> Vec<String> {
    let lower = run.to_lowercase();
    let has = |is: fn(&char) -> bool| run.chars().any(|c| is(&c));
    let mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    let counted = run.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_word = |word: &str| word.len() >= SHORTEST && word.chars().all(char::is_alphabetic);
    if mixed && run.len() >= 4 && !is_word(counted) && is_random(&lower) {
        return vec![lower];
    }
    pieces(run)
        .into_iter()
        .map(str::to_lowercase)
        .filter(|piece| is_word(piece))
        .collect()
}
