//! The port to places from which an agent can be stopped.

use async_trait::async_trait;

use crate::tool::ToolContext;

/// A place outside the agent in which people ask it to stop: a file, an object in the cluster.
///
/// Implementers keep to this: a look changes nothing, and ends by the deadline of its context; where it cannot be said whether
/// somebody asks, that is an error, and never `None`.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait StopSource: Send + Sync {
    /// Name of the place for people, the same all the time; of the sources of one agent each has another.
    fn name(&self) -> &str;

    /// Why somebody asks there to stop; `None` where nobody does. The text is whatever they wrote.
    async fn look(&self, cx: &ToolContext) -> Result<Option<String>, StopSourceError>;
}

/// Whether somebody asks to stop is not known.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct StopSourceError {
    /// What went wrong, and what to do.
    pub reason: String,
    /// The underlying error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn a_source_can_be_handed_around() {
        let mut source = MockStopSource::new();
        source
            .expect_look()
            .times(1)
            .returning(|_| Ok(Some("now".to_owned())));
        let source: Arc<dyn StopSource> = Arc::new(source);
        let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(1));
        let seen = tokio::spawn(async move { source.look(&cx).await.unwrap() });
        assert_eq!(seen.await.unwrap().as_deref(), Some("now"));
    }
}
