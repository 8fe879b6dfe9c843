//! The parts of the document, in the order in which a person needs them.

use claw_core::report::Report;

use super::escape::{code, fenced, inline};
use crate::deliver::view::{Citation, Entity, Hypothesis, View};

/// As many rows as are shown of each list or table.
pub(super) const ROWS: usize = 50;
/// As many entities as are named in one line.
pub(super) const NAMES: usize = 12;

pub(super) fn head(out: &mut String, view: &View) {
    line(out, &format!("# {}", inline(&view.title)));
    out.push('\n');
    let mut facts = vec![format!("**{}**", view.severity), view.verdict.word.to_owned()];
    if let Some(since) = &view.since {
        let lasting = view
            .lasting
            .as_ref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        facts.push(format!("since {}{lasting}", since.full));
    }
    facts.push(format!("cluster {}", code(&view.cluster)));
    facts.push(format!("run {}", code(&view.case)));
    line(out, &facts.join(" · "));
    for paragraph in &view.summary {
        out.push('\n');
        line(out, &inline(paragraph));
    }
}

pub(super) fn causes(out: &mut String, view: &View, report: &Report) {
    heading(out, view.cause_heading(report));
    if let Some(caveat) = view.caveat(report) {
        line(out, &caveat);
        out.push('\n');
    }
    for hypothesis in view.hypotheses.iter().take(view.leading(report)) {
        cause(out, hypothesis);
    }
}

fn cause(out: &mut String, hypothesis: &Hypothesis) {
    line(out, &format!("**{}**", inline(&hypothesis.cause)));
    out.push('\n');
    line(
        out,
        &format!(
            "{} · **{}** · mechanism {}",
            entity(&hypothesis.entity),
            hypothesis.confidence.phrase(),
            code(&hypothesis.mechanism)
        ),
    );
    out.push('\n');
    citations(out, "Evidence", &hypothesis.evidence);
    citations(out, "Against", &hypothesis.against);
    if !hypothesis.unseen.is_empty() {
        line(
            out,
            &format!("Not seen: {}", inline(&hypothesis.unseen.join("; "))),
        );
        out.push('\n');
    }
    if !hypothesis.explains.is_empty() {
        line(out, &format!("Explains: {}", listed(&hypothesis.explains)));
        out.push('\n');
    }
}

fn citations(out: &mut String, label: &str, citations: &[Citation]) {
    if citations.is_empty() {
        return;
    }
    line(out, &format!("{label}:"));
    out.push('\n');
    for citation in citations.iter().take(ROWS) {
        let time = citation
            .time
            .as_ref()
            .map(|time| format!("{time} "))
            .unwrap_or_default();
        let about = citation
            .entity
            .as_ref()
            .map(|about| format!("{}: ", entity(about)))
            .unwrap_or_default();
        let ids: Vec<String> = citation.ids().take(NAMES).map(code).collect();
        let rest = match citation.ids().count().saturating_sub(ids.len()) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        line(
            out,
            &format!(
                "- {time}{about}{} ({}{rest})",
                inline(&citation.statement),
                ids.join(", ")
            ),
        );
    }
    more(out, citations.len());
    out.push('\n');
}

pub(super) fn actions(out: &mut String, view: &View) {
    if view.recommendations.is_empty() {
        return;
    }
    heading(out, "What to do");
    for (position, recommendation) in view.recommendations.iter().take(ROWS).enumerate() {
        let undo = if recommendation.reversible {
            "easily undone"
        } else {
            "not easily undone"
        };
        line(
            out,
            &format!(
                "{}. **{}** (to help: {}; {undo})  ",
                position.saturating_add(1),
                inline(&recommendation.title),
                recommendation.confidence.phrase()
            ),
        );
        if !recommendation.reason.is_empty() {
            line(out, &format!("   {}", inline(&recommendation.reason)));
        }
        if let Some(command) = &recommendation.command {
            let language = if is_diff(command) { "diff" } else { "sh" };
            out.push('\n');
            out.push_str(&fenced("   ", language, command));
        }
        if let Some(note) = &recommendation.command_note {
            out.push('\n');
            line(out, &format!("   {note}"));
        }
        if let Some(action) = &recommendation.action {
            out.push('\n');
            line(
                out,
                &format!(
                    "   Proposed, not performed: {}. {}",
                    inline(&action.what),
                    inline(&action.expected)
                ),
            );
        }
        out.push('\n');
    }
    more(out, view.recommendations.len());
}

/// Whether the text is a difference and not a command.
fn is_diff(text: &str) -> bool {
    text.starts_with("--- ") || text.starts_with("diff ") || text.starts_with("@@ ")
}

pub(super) fn runbooks(out: &mut String, view: &View) {
    if view.runbooks.is_empty() {
        return;
    }
    heading(out, "Runbooks");
    for runbook in view.runbooks.iter().take(ROWS) {
        let place = match &runbook.link {
            Some(link) => format!("<{link}>"),
            None => code(&runbook.place),
        };
        let because = inline(&runbook.because);
        line(
            out,
            &format!("**{}** ({because}): {place}", inline(&runbook.title)),
        );
        out.push('\n');
        if !runbook.text.is_empty() {
            out.push_str(&fenced("   ", "text", &runbook.text));
            out.push('\n');
        }
        for call in &runbook.calls {
            line(
                out,
                &format!("- {} with {}:", code(&call.tool), code(&call.input)),
            );
            out.push('\n');
            out.push_str(&fenced("   ", "text", &call.answer));
            out.push('\n');
        }
    }
    more(out, view.runbooks.len());
}

pub(super) fn dashboards(out: &mut String, view: &View) {
    if view.dashboards.is_empty() {
        return;
    }
    heading(out, "Dashboards");
    for dashboard in view.dashboards.iter().take(ROWS) {
        let place = match &dashboard.link {
            Some(link) => format!("<{link}>"),
            None => code(&dashboard.place),
        };
        line(
            out,
            &format!(
                "- **{}** ({}): {place}",
                inline(&dashboard.title),
                inline(&dashboard.because)
            ),
        );
    }
    more(out, view.dashboards.len());
}

pub(super) fn gaps(out: &mut String, view: &View) {
    if view.gaps.is_empty() {
        return;
    }
    heading(out, "What could not be seen");
    for gap in view.gaps.iter().take(ROWS) {
        let remedy = if gap.remedy.is_empty() {
            String::new()
        } else {
            format!(" → {}", inline(&gap.remedy))
        };
        line(
            out,
            &format!("- {}: {}{remedy}", code(&gap.source), inline(&gap.reason)),
        );
    }
    more(out, view.gaps.len());
}

pub(super) fn ruled_out(out: &mut String, view: &View) {
    if view.ruled_out.is_empty() {
        return;
    }
    heading(out, "Ruled out");
    for ruled in view.ruled_out.iter().take(ROWS) {
        let ids: String = ruled
            .evidence
            .iter()
            .map(|citation| format!(" ({})", code(&citation.id)))
            .collect();
        line(
            out,
            &format!(
                "- **{}** at {}: {}{ids}",
                inline(&ruled.cause),
                entity(&ruled.entity),
                inline(&ruled.reason)
            ),
        );
    }
    more(out, view.ruled_out.len());
}

pub(super) fn tests(out: &mut String, view: &View) {
    if view.tests.is_empty() {
        return;
    }
    heading(out, "Tests made");
    for test in view.tests.iter().take(ROWS) {
        line(out, &format!("- {}  ", inline(&test.question)));
        line(out, &format!("  {}", inline(&test.answer)));
    }
    more(out, view.tests.len());
}

pub(super) fn groups(out: &mut String, view: &View) {
    if view.groups.is_empty() {
        return;
    }
    heading(out, "Extent");
    for group in view.groups.iter().take(ROWS) {
        line(
            out,
            &format!(
                "- **{}** ({}): {}",
                inline(&group.cause),
                entity(&group.entity),
                listed(&group.members)
            ),
        );
    }
    more(out, view.groups.len());
}

pub(super) fn heading(out: &mut String, text: &str) {
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    line(out, &format!("## {text}"));
    out.push('\n');
}

pub(super) fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

pub(super) fn more(out: &mut String, all: usize) {
    let rest = all.saturating_sub(ROWS);
    if rest > 0 {
        out.push('\n');
        line(out, &format!("… and {rest} more in the HTML and JSON forms"));
    }
}

fn entity(entity: &Entity) -> String {
    format!("{} {}", inline(&entity.kind), code(&entity.path))
}

fn listed(entities: &[Entity]) -> String {
    let mut text = entities
        .iter()
        .take(NAMES)
        .map(entity)
        .collect::<Vec<_>>()
        .join(", ");
    let more = entities.len().saturating_sub(NAMES);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
