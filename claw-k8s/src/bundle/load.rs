//! Reads a folder into a bundle.

use std::path::Path;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use serde_json::Value;

use super::content::{Content, decode};
use super::entity::Names;
use super::layout::{Layout, Role, namespace_of};
use super::limits::Limits;
use super::logs::{self, LogFile};
use super::manifest::Manifest;
use super::metrics::MetricsFile;
use super::objects::Objects;
use super::problem::{BundleError, Problems};
use super::tree::Tree;
use super::{Bundle, changes, kinds, text, topology, window};

pub(super) fn load(root: &Path, limits: &Limits) -> Result<Bundle, BundleError> {
    let folder = |source| BundleError::Folder {
        path: root.to_owned(),
        source,
    };
    let root = &root.canonicalize().map_err(folder)?;
    let mut problems = Problems::new(limits.problems);
    let tree = Tree::list(root, limits, &mut problems).map_err(folder)?;
    let layout = Layout::of(tree.names());
    let mut loader = Loader {
        root,
        limits,
        tree,
        layout,
        problems,
        objects: Objects::new(limits.objects),
        bundle: Bundle::empty(),
    };
    let manifest = loader.manifest()?;
    loader.files();
    loader.finish(manifest)
}

struct Loader<'a> {
    root: &'a Path,
    limits: &'a Limits,
    tree: Tree,
    layout: Layout,
    problems: Problems,
    objects: Objects,
    bundle: Bundle,
}

impl Loader<'_> {
    fn manifest(&mut self) -> Result<Option<Manifest>, BundleError> {
        let Some(path) = self.tree.path("bundle.json").map(Path::to_owned) else {
            return Ok(None);
        };
        match self.tree.read("bundle.json", &mut self.problems) {
            Some(bytes) => Manifest::parse(&path, &decode(&bytes)).map(Some),
            None => Err(BundleError::Manifest {
                path,
                line: 0,
                column: 0,
                reason: "cannot be read, or is too large".to_owned(),
            }),
        }
    }

    /// Everything that needs neither the objects' names nor the time of collection.
    fn files(&mut self) {
        let names: Vec<String> = self.tree.names().map(str::to_owned).collect();
        for name in &names {
            match self.layout.role(name) {
                Role::Objects => {
                    if let Some(bytes) = self.tree.read(name, &mut self.problems) {
                        let namespace = namespace_of(self.layout, name);
                        self.objects.add_file(name, namespace, &bytes, &mut self.problems);
                    }
                }
                Role::Log {
                    namespace,
                    pod,
                    container,
                    previous,
                } => {
                    if let Some(path) = self.tree.path(name) {
                        self.bundle.logs.push(LogFile {
                            namespace: namespace.to_owned(),
                            pod: pod.to_owned(),
                            container: container.to_owned(),
                            previous,
                            content: Content::file(path, self.limits.log_bytes),
                        });
                    }
                }
                Role::DumpedLogs { namespace, pod } => self.dumped_logs(name, namespace, pod),
                Role::Metrics { name: short, format } => {
                    let Some(path) = self.tree.path(name).map(Path::to_owned) else {
                        continue;
                    };
                    let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
                    if self.tree.afford(name, size, &mut self.problems) {
                        self.bundle.metrics.push(MetricsFile {
                            name: short.to_owned(),
                            format,
                            content: Content::file(path, self.limits.file_bytes),
                        });
                    }
                }
                Role::LogLines => {
                    if let Some(text) = self.text(name) {
                        self.bundle.log_lines =
                            logs::read_lines(name, &text, self.limits.lines, &mut self.problems);
                    }
                }
                Role::Alert => self.bundle.alert = self.json(name),
                Role::Expect => self.bundle.expect = self.json(name),
                Role::Unknown => {
                    self.problems
                        .add(name, None, "is not of a kind that belongs here; left out")
                }
                Role::Manifest | Role::Changes | Role::Topology | Role::Text | Role::Other => {}
            }
        }
    }

    fn finish(mut self, manifest: Option<Manifest>) -> Result<Bundle, BundleError> {
        let names: Vec<String> = self.tree.names().map(str::to_owned).collect();
        let declared = manifest.as_ref().map(|manifest| manifest.collected_at);
        let present = declared.unwrap_or_else(|| self.present());
        // Descriptions first: they know more than tables, and what is known is not replaced.
        let (described, listed): (Vec<_>, Vec<_>) = names
            .iter()
            .filter(|name| self.layout.role(name) == Role::Text)
            .partition(|name| name.contains("describe"));
        for name in described.into_iter().chain(listed) {
            if let Some(text) = self.text(name) {
                for object in text::objects(name, &text, present, &mut self.problems) {
                    self.objects.add_missing(name, object, &mut self.problems);
                }
            }
        }
        let resolver = Names::of(self.objects.iter().map(|(identity, _)| identity));
        for name in &names {
            let lines = self.limits.lines;
            match self.layout.role(name) {
                Role::Changes => {
                    if let Some(text) = self.text(name) {
                        self.bundle.changes =
                            changes::read(name, &text, lines, &resolver, &mut self.problems);
                    }
                }
                Role::Topology => {
                    if let Some(text) = self.text(name) {
                        self.bundle.topology =
                            topology::read(name, &text, lines, &resolver, &mut self.problems);
                    }
                }
                _ => {}
            }
        }
        let seen = kinds::of_folder(self.layout, &names, self.objects.lists());
        let left_out = self.objects.left_out().clone();
        let mut bundle = self.bundle;
        bundle.objects = self.objects.finish();
        bundle.logs.sort_by_key(LogFile::locator);
        match manifest {
            Some(manifest) => bundle.manifest = manifest,
            None if bundle.is_empty() => {
                return Err(BundleError::Empty {
                    path: self.root.to_owned(),
                });
            }
            None => {
                let case = self
                    .root
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or("bundle");
                bundle.manifest = window::derive(case, &bundle.objects, present);
                if let Some(seen) = seen {
                    bundle.manifest.namespaces = seen.namespaces;
                    bundle.manifest.kinds = Some(seen.kinds);
                }
                // Folders that other programs write never hold one.
                if !matches!(self.layout, Layout::Dump | Layout::MustGather) {
                    let reason =
                        "there is no bundle.json; case, cluster and window are derived from the data";
                    self.problems.add("bundle.json", None, reason);
                }
            }
        }
        kinds::forget(&mut bundle, &left_out);
        bundle.problems = self.problems.finish();
        Ok(bundle)
    }

    /// The present of a folder that does not tell it: the newest time in its objects and records, else its newest
    /// file's.
    fn present(&mut self) -> Timestamp {
        let objects = self
            .objects
            .iter()
            .filter_map(|(_, object)| window::latest(object))
            .max();
        let lines = self.bundle.log_lines.last().map(|line| line.time);
        if let Some(time) = objects.max(lines) {
            return time;
        }
        let newest = self
            .tree
            .names()
            .filter_map(|name| self.tree.path(name))
            .filter_map(|path| std::fs::metadata(path).ok()?.modified().ok())
            .filter_map(|time| time.duration_since(UNIX_EPOCH).ok())
            .filter_map(|age| Timestamp::from_second(i64::try_from(age.as_secs()).ok()?).ok())
            .max();
        self.problems.add(
            ".",
            None,
            "holds no time of collection; the time of its newest file is taken for it",
        );
        newest.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn dumped_logs(&mut self, name: &str, namespace: &str, pod: &str) {
        let Some(path) = self.tree.path(name) else {
            return;
        };
        let content = Content::file(path, self.limits.log_bytes);
        let size = content.bytes().unwrap_or(0).min(self.limits.log_bytes);
        if !self.tree.afford(name, size, &mut self.problems) {
            return;
        }
        match content.read() {
            Ok(text) => {
                for logs::Dumped { container, log } in logs::split_dump(&text) {
                    match log {
                        Ok(log) => self.bundle.logs.push(LogFile {
                            namespace: namespace.to_owned(),
                            pod: pod.to_owned(),
                            container,
                            previous: false,
                            content: Content::text(log),
                        }),
                        Err(error) if logs::has_not_started(&error) => {}
                        Err(error) => {
                            let reason = format!("kubectl could not read the log of {container}: {error}");
                            self.problems.add(name, None, reason);
                        }
                    }
                }
            }
            Err(error) => self
                .problems
                .add(name, None, format!("cannot be read: {}", error.kind())),
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.tree
            .read(name, &mut self.problems)
            .map(|bytes| decode(&bytes))
    }

    fn json(&mut self, name: &str) -> Option<Value> {
        let text = self.text(name)?;
        match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let line = u64::try_from(error.line()).ok();
                self.problems.add(name, line, "is not JSON; left out");
                None
            }
        }
    }
}
