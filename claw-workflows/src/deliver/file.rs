//! Delivery into a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use claw_core::digest::{sha256, short};
use claw_core::report::Report;
use claw_core::tool::ToolContext;

use super::format::Format;
use super::sink::{DeliverError, Sink};
use super::text;

/// Longest part of a file name that comes from the case.
const MAX_STEM: usize = 100;

/// Writes each report as `<case>.html`, `<case>.md` and `<case>.json` into a folder.
///
/// A file appears whole or not at all. Delivering a report again replaces its files by the same ones. Characters of the
/// case that are no good in file names are replaced, and a digest is added so that different cases never share a file.
#[derive(Clone, Debug)]
pub struct FileSink {
    folder: PathBuf,
    formats: Vec<Format>,
}

impl FileSink {
    /// Writes HTML, Markdown and JSON into `folder`, which is made if it does not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            formats: vec![Format::Html, Format::Markdown, Format::Json],
        }
    }

    /// Writes these forms and no others.
    #[must_use]
    pub fn with_formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Where the report is written, a path for each form.
    pub fn paths(&self, report: &Report) -> Vec<PathBuf> {
        let stem = stem(&report.case);
        self.formats
            .iter()
            .map(|format| self.folder.join(format!("{stem}.{}", format.extension())))
            .collect()
    }
}

#[async_trait]
impl Sink for FileSink {
    fn name(&self) -> &str {
        "file"
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        let sink = || self.name().to_owned();
        let mut files = Vec::new();
        for (format, path) in self.formats.iter().zip(self.paths(report)) {
            let content =
                format
                    .render(report, text::Options::default())
                    .map_err(|error| DeliverError::Render {
                        sink: sink(),
                        source: Box::new(error),
                    })?;
            files.push((path, content));
        }
        // Two runs that write the same case at once must not write into each other's half-written file.
        let mark = short(&sha256(key), 12);
        let folder = self.folder.clone();
        let work = tokio::task::spawn_blocking(move || write_all(&folder, &files, &mark));
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => Err(DeliverError::Cancelled { sink: sink() }),
            done = tokio::time::timeout(cx.remaining(), work) => match done {
                Err(_) => Err(DeliverError::Timeout { sink: sink() }),
                Ok(Err(error)) => Err(DeliverError::Unavailable {
                    sink: sink(),
                    reason: "the write was interrupted".to_owned(),
                    source: Some(Box::new(error)),
                }),
                Ok(Ok(Err((path, source)))) => Err(DeliverError::Io {
                    sink: sink(),
                    path: path.display().to_string(),
                    source,
                }),
                Ok(Ok(Ok(()))) => Ok(()),
            },
        }
    }
}

fn write_all(folder: &Path, files: &[(PathBuf, String)], mark: &str) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    for (path, content) in files {
        write_whole(path, content, mark).map_err(|error| (path.clone(), error))?;
    }
    // The names are durable only when the folder is.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| (folder.to_owned(), error))
}

/// Writes next to the file and then puts it in place.
fn write_whole(path: &Path, content: &str, mark: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{mark}.tmp"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is left over is of no use; the error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The case as a file name without extension.
fn stem(case: &str) -> String {
    let clean: String = case
        .chars()
        .take(MAX_STEM)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let clean = clean.trim_start_matches(['.', '-']).trim_end_matches('.');
    if clean == case && !clean.is_empty() {
        return clean.to_owned();
    }
    let digest = short(&sha256(case), 8);
    if clean.is_empty() {
        format!("report-{digest}")
    } else {
        format!("{clean}-{digest}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use claw_core::clock::SystemClock;

    use super::*;
    use crate::deliver::{json, sample};

    fn context() -> ToolContext {
        ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn writes_all_forms_and_again_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::new(folder.path().join("reports"));
        let report = sample::incident();
        sink.deliver(&context(), &report, "alert-4711").await.unwrap();
        sink.deliver(&context(), &report, "alert-4711").await.unwrap();
        let folder = folder.path().join("reports");
        assert_eq!(
            names(&folder),
            ["alert-4711.html", "alert-4711.json", "alert-4711.md"]
        );
        assert_eq!(
            fs::read_to_string(folder.join("alert-4711.json")).unwrap(),
            json::render(&report)
        );
        assert_eq!(sink.paths(&report)[0], folder.join("alert-4711.html"));
    }

    #[tokio::test]
    async fn a_half_written_file_of_a_crash_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::new(folder.path()).with_formats([Format::Json]);
        let mark = short(&sha256("k"), 12);
        fs::write(
            folder.path().join(format!(".alert-4711.json.{mark}.tmp")),
            "{\"half",
        )
        .unwrap();
        sink.deliver(&context(), &sample::incident(), "k").await.unwrap();
        assert_eq!(names(folder.path()), ["alert-4711.json"]);
    }

    #[tokio::test]
    async fn a_case_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("in");
        let sink = FileSink::new(&inner).with_formats([Format::Json]);
        for case in [
            "../../etc/passwd",
            "/etc/passwd",
            "..",
            "",
            "a/b",
            "C:\\x",
            ".hidden",
            "a\0b",
        ] {
            let mut report = sample::healthy();
            report.case = case.into();
            sink.deliver(&context(), &report, "k").await.unwrap();
        }
        assert_eq!(names(folder.path()), ["in"]);
        assert_eq!(names(&inner).len(), 8);
        assert!(names(&inner).iter().all(|name| !name.starts_with('.')));
    }

    #[tokio::test]
    async fn says_which_path_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "").unwrap();
        let error = FileSink::new(&blocked)
            .deliver(&context(), &sample::healthy(), "k")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains(&blocked.display().to_string()),
            "{error}"
        );
    }

    #[test]
    fn different_cases_have_different_files() {
        assert_eq!(stem("alert-4711"), "alert-4711");
        assert_ne!(stem("a/b"), stem("a:b"));
        assert_ne!(stem(&"x".repeat(200)), stem(&"x".repeat(201)));
    }
}
