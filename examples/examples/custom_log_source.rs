//! How do I let an agent read logs from a store that Claw does not know?
//!
//! Implement [`LogSource`], one method, and hand it to the agent's [`Sources`]. The tool `search_logs` and everything that
//! finds patterns in logs work on top of it.
//!
//! ```text
//! cargo run --example custom_log_source
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::clock::{Clock, ManualClock};
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_metrics::logs::{LogAnswer, LogLine, LogQuery, LogSource};
use claw_metrics::source::SourceError;
use claw_workflows::assemble::{Assembly, Sources};
use claw_workflows::deliver::text;
use claw_workflows::trigger::{Incident, TimeHints};

/// Log lines in memory; yours would ask a server, within `cx.deadline`.
struct InMemory(Vec<LogLine>);

#[async_trait]
impl LogSource for InMemory {
    async fn search(&self, _cx: &ToolContext, query: &LogQuery) -> Result<LogAnswer, SourceError> {
        let wanted = |line: &&LogLine| {
            query
                .namespace
                .as_ref()
                .is_none_or(|namespace| line.labels.get("namespace") == Some(namespace))
                && query
                    .contains
                    .as_ref()
                    .is_none_or(|text| line.line.contains(text.as_str()))
                && (query.window.start..=query.window.end).contains(&line.time)
        };
        let mut lines: Vec<LogLine> = self.0.iter().filter(wanted).cloned().collect();
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        // The newest ones count, and a cut is said, never hidden.
        let truncated = lines.len() > limit;
        lines.drain(..lines.len().saturating_sub(limit));
        Ok(LogAnswer {
            lines,
            truncated,
            warnings: Vec::new(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = "2026-03-01T10:00:00Z".parse()?;
    let labels: BTreeMap<String, String> = [("namespace", "shop"), ("pod", "cart-1"), ("container", "cart")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let line = |time: &str, line: &str| -> Result<LogLine, jiff::Error> {
        Ok(LogLine {
            time: time.parse()?,
            labels: labels.clone(),
            line: line.to_owned(),
        })
    };
    let store = InMemory(vec![
        line("2026-03-01T09:40:00Z", "level=info msg=\"listening\"")?,
        line(
            "2026-03-01T09:52:10Z",
            "level=error msg=\"dial tcp: lookup db.shop.svc: no such host\"",
        )?,
        line(
            "2026-03-01T09:53:10Z",
            "level=error msg=\"dial tcp: lookup db.shop.svc: no such host\"",
        )?,
    ]);

    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
    let sources = Sources::new().logs(Arc::new(store));
    let agent = Assembly::new("shop", sources, Arc::new(MemoryAuditLog::default()), clock).build()?;
    let mut incident = Incident::of_question("what is wrong in shop?", TimeHints::default(), now);
    incident.namespaces.insert("shop".to_owned());
    if let Some(report) = agent.investigate(&incident).await?.report {
        print!("{}", text::render(&report, text::Options::default()));
    }
    Ok(())
}
