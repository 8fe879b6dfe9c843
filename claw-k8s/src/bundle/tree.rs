//! The files of a folder, read within bounds and never outside of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::limits::Limits;
use super::problem::Problems;

/// The regular files below a folder, by their relative path with `/` between its parts.
#[derive(Debug)]
pub(super) struct Tree {
    files: BTreeMap<String, PathBuf>,
    budget: u64,
    file_bytes: u64,
}

impl Tree {
    /// Lists `root`. Symbolic links are not followed: a bundle from elsewhere must not reach other files.
    pub(super) fn list(root: &Path, limits: &Limits, problems: &mut Problems) -> std::io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![(root.to_path_buf(), String::new(), 0_usize)];
        let mut full = false;
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if prefix.is_empty() => return Err(error),
                Err(error) => {
                    problems.add(&prefix, None, format!("cannot be listed: {}", error.kind()));
                    continue;
                }
            };
            // Sorted, so that it does not depend on the file system what lies beyond a limit.
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            for name in names {
                let Some(text) = name.to_str() else {
                    problems.add(&prefix, None, "holds a file whose name is not UTF-8; left out");
                    continue;
                };
                let relative = if prefix.is_empty() {
                    text.to_owned()
                } else {
                    format!("{prefix}/{text}")
                };
                let path = folder.join(&name);
                let Ok(kind) = fs::symlink_metadata(&path).map(|meta| meta.file_type()) else {
                    problems.add(&relative, None, "cannot be looked at");
                    continue;
                };
                if kind.is_dir() {
                    if depth >= limits.depth {
                        problems.add(&relative, None, "lies too deep; left out");
                    } else {
                        folders.push((path, relative, depth.saturating_add(1)));
                    }
                } else if kind.is_symlink() {
                    problems.add(&relative, None, "is a symbolic link; not followed");
                } else if kind.is_file() {
                    if files.len() < limits.files {
                        files.insert(relative, path);
                    } else {
                        full = true;
                    }
                }
            }
        }
        if full {
            let reason = format!("more than {} files; the rest is left out", limits.files);
            problems.add(".", None, reason);
        }
        Ok(Self {
            files,
            budget: limits.total_bytes,
            file_bytes: limits.file_bytes,
        })
    }

    /// All files in the order of their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.files.keys().map(String::as_str)
    }

    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        self.files.get(name).map(PathBuf::as_path)
    }

    /// Takes the file's bytes from the budget. `false`, with a problem, when it is too large.
    pub(super) fn afford(&mut self, name: &str, bytes: u64, problems: &mut Problems) -> bool {
        if bytes > self.file_bytes {
            let limit = self.file_bytes;
            problems.add(
                name,
                None,
                format!("is larger than the limit of {limit} bytes; left out"),
            );
            return false;
        }
        match self.budget.checked_sub(bytes) {
            Some(rest) => {
                self.budget = rest;
                true
            }
            None => {
                problems.add(name, None, "the folder is larger than the limit; left out");
                false
            }
        }
    }

    /// The bytes of a file; `None`, with a problem, when it cannot be read.
    pub(super) fn read(&mut self, name: &str, problems: &mut Problems) -> Option<Vec<u8>> {
        let path = self.files.get(name)?.clone();
        let read = File::open(&path).and_then(|file| {
            let mut bytes = Vec::new();
            // One more than allowed, so that a file that grows meanwhile is noticed.
            file.take(self.file_bytes.saturating_add(1))
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        match read {
            Ok(bytes) => {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.afford(name, size, problems).then_some(bytes)
            }
            Err(error) => {
                problems.add(name, None, format!("cannot be read: {}", error.kind()));
                None
            }
        }
    }
}
