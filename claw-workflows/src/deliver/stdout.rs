//! Delivery to a terminal or a pipe.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use claw_core::report::Report;
use claw_core::tool::ToolContext;

use super::format::Format;
use super::sink::{DeliverError, Sink};
use super::text;

/// Writes reports to standard output, or to another writer.
pub struct Terminal {
    format: Format,
    options: text::Options,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Terminal {
    /// Writes to standard output.
    pub fn stdout(format: Format, options: text::Options) -> Self {
        Self::writer(format, options, io::stdout())
    }

    /// Writes to `out`.
    pub fn writer(format: Format, options: text::Options, out: impl Write + Send + 'static) -> Self {
        Self {
            format,
            options,
            out: Mutex::new(Box::new(out)),
        }
    }
}

#[async_trait]
impl Sink for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, _key: &str) -> Result<(), DeliverError> {
        if cx.cancel.is_cancelled() {
            return Err(DeliverError::Cancelled {
                sink: self.name().to_owned(),
            });
        }
        let text = self
            .format
            .render(report, self.options)
            .map_err(|error| DeliverError::Render {
                sink: self.name().to_owned(),
                source: Box::new(error),
            })?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // The reader has seen enough: `| head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(source) => Err(DeliverError::Io {
                sink: self.name().to_owned(),
                path: "standard output".to_owned(),
                source,
            }),
            Ok(()) => Ok(()),
        }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("format", &self.format)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use claw_core::clock::ManualClock;

    use super::*;
    use crate::deliver::sample;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn deliver(out: impl Write + Send + 'static) -> Result<(), DeliverError> {
        let cx = ToolContext::new(
            Arc::new(ManualClock::at(sample::at("02:30:00"))),
            Duration::from_secs(1),
        );
        let terminal = Terminal::writer(Format::Text, text::Options::default(), out);
        terminal.deliver(&cx, &sample::incident(), "alert-4711").await
    }

    #[tokio::test]
    async fn writes_the_text() {
        let out = Shared::default();
        deliver(out.clone()).await.unwrap();
        let written = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            written,
            text::render(&sample::incident(), text::Options::default())
        );
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_no_failure() {
        deliver(Fails(io::ErrorKind::BrokenPipe)).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is() {
        assert!(matches!(
            deliver(Fails(io::ErrorKind::StorageFull)).await,
            Err(DeliverError::Io { .. })
        ));
    }
}
