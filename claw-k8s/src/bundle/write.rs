//! Writes a bundle: all of it, or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use claw_core::change::Change;
use claw_core::redact::Redactor;
use claw_core::topology::CallEdge;
use serde::Serialize;
use serde_json::{Value, json};

use super::identity::Identity;
use super::logs::{LogFile, LogLine};
use super::manifest::Manifest;
use super::metrics::MetricsFormat;
use super::partial::Partial;
use super::{Bundle, label, scrub};

/// Collects what belongs into a bundle and writes it in one go.
///
/// The same content gives the same bytes, whatever the order in which it was added. Secrets lose their data, everything
/// else is redacted, and `managedFields` are cut to what tells who edited what when.
///
/// ```
/// use claw_k8s::bundle::{Bundle, BundleWriter, Incident, Manifest, VERSION};
/// use claw_core::report::Window;
///
/// let time = |text: &str| text.parse::<jiff::Timestamp>();
/// let manifest = Manifest {
///     version: VERSION,
///     case: "cart-oom".to_owned(),
///     cluster: "shop".to_owned(),
///     collected_at: time("2026-03-01T10:00:00Z")?,
///     window: Window { start: time("2026-03-01T08:00:00Z")?, end: time("2026-03-01T10:00:00Z")? },
///     incident: Some(Incident { start: time("2026-03-01T09:30:00Z")?, end: None }),
///     baseline: None,
///     question: None,
///     namespaces: Default::default(),
///     kinds: None,
///     gaps: None,
/// };
/// let mut writer = BundleWriter::new(manifest);
/// writer.object(serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}));
/// writer.log("shop", "cart-1", "cart", false, "ready\n")?;
///
/// let folder = tempfile::tempdir()?;
/// writer.write(folder.path().join("cart-oom"))?;
/// assert_eq!(Bundle::load(folder.path().join("cart-oom"))?.objects.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BundleWriter {
    manifest: Manifest,
    redactor: Redactor,
    objects: BTreeMap<Identity, Value>,
    files: BTreeMap<String, String>,
    log_lines: Vec<LogLine>,
    changes: Vec<Change>,
    topology: Vec<CallEdge>,
    alert: Option<Value>,
    expect: Option<Value>,
}

/// A bundle was not written. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The folder is there already.
    #[error("{path} exists already and is not empty; choose another folder")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A name cannot be a file's name.
    #[error("`{name}` cannot be part of a file's name; expected a Kubernetes name")]
    Name {
        /// The name.
        name: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}; check that there is space and that you may write there")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something cannot be written as JSON.
    #[error("{what} cannot be written as JSON")]
    Json {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl BundleWriter {
    /// A bundle with nothing but its manifest.
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            redactor: Redactor::new(),
            objects: BTreeMap::new(),
            files: BTreeMap::new(),
            log_lines: Vec::new(),
            changes: Vec::new(),
            topology: Vec::new(),
            alert: None,
            expect: None,
        }
    }

    /// The manifest, to complete what is known only when all has been read: kinds and gaps.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Redacts with `redactor` what is added from now on, and all lines of log stores.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Adds an object. One without kind or name is left out; a second state of an object replaces the first.
    pub fn object(&mut self, mut object: Value) -> &mut Self {
        if let Some(identity) = Identity::of(&object) {
            scrub::drop_secret_data(&mut object);
            scrub::reduce_metadata(&mut object);
            self.objects.insert(identity, self.redactor.redact_json(object));
        }
        self
    }

    /// Adds objects.
    pub fn objects(&mut self, objects: impl IntoIterator<Item = Value>) -> &mut Self {
        for object in objects {
            self.object(object);
        }
        self
    }

    /// Adds the log of a container.
    ///
    /// # Errors
    /// If a name cannot be a file's name.
    pub fn log(
        &mut self,
        namespace: &str,
        pod: &str,
        container: &str,
        previous: bool,
        text: &str,
    ) -> Result<&mut Self, WriteError> {
        for name in [namespace, pod, container] {
            check(name)?;
        }
        let suffix = if previous { ".previous" } else { "" };
        let path = format!("logs/{namespace}/{pod}/{container}{suffix}.log");
        self.files.insert(path, self.redacted(text));
        Ok(self)
    }

    /// Adds samples. `name` is the file's name below `metrics/`, with or without its ending.
    ///
    /// # Errors
    /// If the name cannot be a file's name.
    pub fn metrics(
        &mut self,
        name: &str,
        format: MetricsFormat,
        text: &str,
    ) -> Result<&mut Self, WriteError> {
        let (stem, ending) = match format {
            MetricsFormat::OpenMetrics => (name.strip_suffix(".om").unwrap_or(name), "om"),
            MetricsFormat::QueryResult => (name.strip_suffix(".json").unwrap_or(name), "json"),
        };
        for part in stem.split('/') {
            check(part)?;
        }
        let text = label::without_secrets(&self.redactor, format, text);
        self.files.insert(format!("metrics/{stem}.{ending}"), text);
        Ok(self)
    }

    /// Adds log lines of a log store.
    pub fn log_lines(&mut self, lines: impl IntoIterator<Item = LogLine>) -> &mut Self {
        for mut line in lines {
            for (name, value) in &mut line.labels {
                *value = self.redactor.redact_named(name, value).into_owned();
            }
            self.log_lines.push(line);
        }
        self
    }

    /// Adds changes.
    pub fn changes(&mut self, changes: impl IntoIterator<Item = Change>) -> &mut Self {
        for mut change in changes {
            change.summary = self.redactor.redact(&change.summary).into_owned();
            self.redactor.redact_lines(&mut change.detail);
            self.changes.push(change);
        }
        self
    }

    /// Adds call edges.
    pub fn topology(&mut self, edges: impl IntoIterator<Item = CallEdge>) -> &mut Self {
        self.topology.extend(edges);
        self
    }

    /// Sets the alert: the body of an Alertmanager webhook.
    pub fn alert(&mut self, alert: Value) -> &mut Self {
        self.alert = Some(self.redactor.redact_json(alert));
        self
    }

    /// Sets the right answer, for scenarios.
    pub fn expect(&mut self, expect: Value) -> &mut Self {
        self.expect = Some(expect);
        self
    }

    /// Writes the folder `root`, which must not exist or be empty. Until all is written it lies beside it under another
    /// name, so that nobody ever sees half a bundle.
    ///
    /// # Errors
    /// If the folder is there already, or a file cannot be written.
    pub fn write(self, root: impl AsRef<Path>) -> Result<(), WriteError> {
        let root = root.as_ref();
        let occupied = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some()) || root.is_file();
        if occupied {
            return Err(WriteError::Exists {
                path: root.to_owned(),
            });
        }
        let files = self.into_files()?;
        let partial = Partial::beside(root)?;
        for (name, text) in &files {
            partial.add(name, text)?;
        }
        partial.become_folder(root)
    }

    fn into_files(self) -> Result<BTreeMap<String, String>, WriteError> {
        let mut files = self.files;
        let manifest = pretty("the manifest", &self.manifest)?;
        files.insert("bundle.json".to_owned(), manifest);
        let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (identity, object) in self.objects {
            let Identity { kind, group, .. } = identity;
            let dot = if group.is_empty() { "" } else { "." };
            let name = format!("{}{dot}{group}", kind.to_lowercase());
            check(&name)?;
            kinds.entry(name).or_default().push(object);
        }
        for (name, items) in kinds {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            files.insert(
                format!("objects/{name}.json"),
                pretty("a list of objects", &list)?,
            );
        }
        let mut log_lines = self.log_lines;
        log_lines.sort_by(|a, b| (a.time, &a.labels).cmp(&(b.time, &b.labels)));
        // Not before all are there: a secret may lie over several lines of a stream.
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for LogLine { labels, line, .. } in &mut log_lines {
            streams.entry(&*labels).or_default().push(line);
        }
        for stream in streams.into_values() {
            self.redactor.redact_lines(stream);
        }
        let mut changes = self.changes;
        changes.sort_by(|a, b| (a.time, &a.reference).cmp(&(b.time, &b.reference)));
        let mut topology = self.topology;
        topology.sort();
        topology.dedup();
        for (name, text) in [
            ("logs.jsonl", lines("a log line", &log_lines)?),
            ("changes.jsonl", lines("a change", &changes)?),
            ("topology.jsonl", lines("a call edge", &topology)?),
        ] {
            if !text.is_empty() {
                files.insert(name.to_owned(), text);
            }
        }
        for (name, value) in [("alert.json", self.alert), ("expect.json", self.expect)] {
            if let Some(value) = value {
                files.insert(name.to_owned(), pretty("a file", &value)?);
            }
        }
        Ok(files)
    }

    fn redacted(&self, text: &str) -> String {
        let mut lines: Vec<_> = text.split('\n').map(str::to_owned).collect();
        self.redactor.redact_lines(&mut lines);
        lines.join("\n")
    }
}

impl Bundle {
    /// Writes the bundle to the folder `root`, which must not exist or be empty.
    ///
    /// # Errors
    /// As [`BundleWriter::write`]; also if a log or metrics file that was not read yet is gone.
    pub fn write(&self, root: impl AsRef<Path>) -> Result<(), WriteError> {
        let gone = |name: &str, source| WriteError::File {
            path: name.into(),
            source,
        };
        let mut writer = BundleWriter::new(self.manifest.clone());
        writer.objects(self.objects.iter().cloned());
        for log in &self.logs {
            let text = log.content.read().map_err(|error| gone(&log.locator(), error))?;
            let LogFile {
                namespace,
                pod,
                container,
                previous,
                ..
            } = log;
            writer.log(namespace, pod, container, *previous, &text)?;
        }
        for file in &self.metrics {
            let text = file.content.read().map_err(|error| gone(&file.name, error))?;
            writer.metrics(&file.name, file.format, &text)?;
        }
        writer
            .log_lines(self.log_lines.iter().cloned())
            .changes(self.changes.iter().cloned())
            .topology(self.topology.iter().cloned());
        if let Some(alert) = &self.alert {
            writer.alert(alert.clone());
        }
        writer.expect.clone_from(&self.expect);
        writer.write(root)
    }
}

fn check(name: &str) -> Result<(), WriteError> {
    let fits = !name.is_empty()
        && name.len() <= 253
        && !name.starts_with('.')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.:@+".contains(letter));
    if fits {
        Ok(())
    } else {
        Err(WriteError::Name {
            name: name.to_owned(),
        })
    }
}

fn pretty<T: Serialize>(what: &'static str, value: &T) -> Result<String, WriteError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| WriteError::Json { what, source })?;
    text.push('\n');
    Ok(text)
}

fn lines<T: Serialize>(what: &'static str, values: &[T]) -> Result<String, WriteError> {
    let mut text = String::new();
    for value in values {
        text += &serde_json::to_string(value).map_err(|source| WriteError::Json { what, source })?;
        text.push('\n');
    }
    Ok(text)
}
