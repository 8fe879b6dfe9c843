//! The parts of the text, in the order in which a person needs them.

use claw_core::report::Report;

use super::page::{Page, Span, Style, plain, span};
use crate::deliver::view::{Citation, Hypothesis, Part, View};
use crate::deliver::{untrusted, words};

/// As many pieces of evidence as are shown for one cause.
const EVIDENCE: usize = 8;
/// As many rows as are shown of each list.
const ROWS: usize = 15;
/// As many characters as are shown of the answer to a call of a runbook; the other forms have more.
const SEEN: usize = 600;
/// As many moments as are shown of the story.
const MOMENTS: usize = 25;
/// As many entities as are named in one line.
const NAMES: usize = 8;

pub(super) fn head(page: &mut Page, view: &View) {
    let (label, style) = match view.severity {
        "critical" => ("CRITICAL", Style::Alarm),
        "info" => ("INFO", Style::Green),
        _ => ("WARNING", Style::Yellow),
    };
    page.item(
        "",
        &[
            span(style, label),
            plain("  "),
            span(Style::Bold, view.title.as_str()),
        ],
    );
    let mut facts = vec![view.verdict.word.to_owned()];
    if let Some(since) = &view.since {
        let lasting = view
            .lasting
            .as_ref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        facts.push(format!("since {}{lasting}", since.full));
    }
    if !view.cluster.is_empty() {
        facts.push(format!("cluster {}", view.cluster));
    }
    facts.push(format!("run {}", view.case));
    page.item("", &[span(Style::Dim, facts.join(" · "))]);
    for paragraph in &view.summary {
        page.blank();
        page.item("", &[plain(paragraph.as_str())]);
    }
}

pub(super) fn causes(page: &mut Page, view: &View, report: &Report) {
    page.heading(&view.cause_heading(report).to_uppercase());
    if let Some(caveat) = view.caveat(report) {
        page.item("  ", &[plain(caveat)]);
    }
    for hypothesis in view.hypotheses.iter().take(view.leading(report)) {
        cause(page, hypothesis);
    }
}

fn cause(page: &mut Page, hypothesis: &Hypothesis) {
    page.item("  ", &[span(Style::Bold, hypothesis.cause.as_str())]);
    page.item(
        "  ",
        &[
            span(Style::Red, hypothesis.entity.full()),
            plain(" · "),
            span(Style::Bold, hypothesis.confidence.phrase()),
            span(Style::Dim, format!(" · mechanism {}", hypothesis.mechanism)),
        ],
    );
    citations(page, "Evidence", &hypothesis.evidence);
    citations(page, "Against", &hypothesis.against);
    if !hypothesis.unseen.is_empty() {
        page.item(
            "  ",
            &[
                span(Style::Yellow, "Not seen: "),
                plain(hypothesis.unseen.join("; ")),
            ],
        );
    }
    if !hypothesis.explains.is_empty() {
        let names: Vec<_> = hypothesis.explains.iter().map(|entity| entity.full()).collect();
        page.item("  ", &[plain("Explains: "), plain(listed(&names))]);
    }
    page.blank();
}

fn citations(page: &mut Page, label: &str, citations: &[Citation]) {
    if citations.is_empty() {
        return;
    }
    page.item("  ", &[plain(format!("{label}:"))]);
    for citation in citations.iter().take(EVIDENCE) {
        let mut spans = Vec::new();
        if let Some(time) = &citation.time {
            spans.push(span(Style::Cyan, format!("{time} ")));
        }
        if let Some(entity) = &citation.entity {
            spans.push(plain(format!("{}: ", entity.full())));
        }
        spans.push(plain(citation.statement.as_str()));
        spans.extend(references(std::slice::from_ref(citation)));
        page.item("    • ", &spans);
    }
    more(page, "    ", citations.len(), EVIDENCE);
}

pub(super) fn actions(page: &mut Page, view: &View) {
    if view.recommendations.is_empty() {
        return;
    }
    page.heading("WHAT TO DO");
    for recommendation in view.recommendations.iter().take(ROWS) {
        let undo = if recommendation.reversible {
            "easily undone"
        } else {
            "not easily undone"
        };
        page.item(
            &format!("  {}. ", recommendation.rank),
            &[
                span(Style::Bold, recommendation.title.as_str()),
                span(
                    Style::Dim,
                    format!(" (to help: {}; {undo})", recommendation.confidence.phrase()),
                ),
            ],
        );
        if !recommendation.reason.is_empty() {
            page.item("     ", &[plain(recommendation.reason.as_str())]);
        }
        if let Some(command) = &recommendation.command {
            page.verbatim("       ", Style::Cyan, command);
        }
        if let Some(note) = &recommendation.command_note {
            page.item("     ", &[span(Style::Yellow, note.as_str())]);
        }
        if let Some(action) = &recommendation.action {
            page.item(
                "     ",
                &[span(
                    Style::Dim,
                    format!("Proposed, not performed: {}. {}", action.what, action.expected),
                )],
            );
        }
    }
    more(page, "  ", view.recommendations.len(), ROWS);
}

pub(super) fn runbooks(page: &mut Page, view: &View) {
    if view.runbooks.is_empty() {
        return;
    }
    page.heading("RUNBOOKS");
    for runbook in view.runbooks.iter().take(ROWS) {
        page.item(
            "  • ",
            &[
                span(Style::Bold, runbook.title.as_str()),
                span(Style::Dim, format!(" ({})", runbook.because)),
                plain(format!(": {}", runbook.place)),
            ],
        );
        for paragraph in runbook.text.lines() {
            page.item("    ", &[plain(paragraph)]);
        }
        for call in &runbook.calls {
            page.item(
                "    → ",
                &[
                    span(Style::Cyan, format!("{} {}", call.tool, call.input)),
                    plain(format!(": {}", untrusted::truncate(&call.answer, SEEN))),
                ],
            );
        }
    }
    more(page, "  ", view.runbooks.len(), ROWS);
}

pub(super) fn dashboards(page: &mut Page, view: &View) {
    if view.dashboards.is_empty() {
        return;
    }
    page.heading("DASHBOARDS");
    for dashboard in view.dashboards.iter().take(ROWS) {
        page.item(
            "  • ",
            &[
                span(Style::Bold, dashboard.title.as_str()),
                span(Style::Dim, format!(" ({})", dashboard.because)),
                plain(format!(": {}", dashboard.place)),
            ],
        );
    }
    more(page, "  ", view.dashboards.len(), ROWS);
}

pub(super) fn gaps(page: &mut Page, view: &View) {
    if view.gaps.is_empty() {
        return;
    }
    page.heading("WHAT COULD NOT BE SEEN");
    for gap in view.gaps.iter().take(ROWS) {
        let mut spans = vec![
            span(Style::Yellow, gap.source.as_str()),
            plain(": "),
            plain(gap.reason.as_str()),
        ];
        if !gap.remedy.is_empty() {
            spans.push(span(Style::Dim, format!(" → {}", gap.remedy)));
        }
        page.item("  • ", &spans);
    }
    more(page, "  ", view.gaps.len(), ROWS);
}

pub(super) fn other_causes(page: &mut Page, view: &View, report: &Report) {
    let others = view.others(report);
    if others.is_empty() {
        return;
    }
    page.heading("OTHER POSSIBLE CAUSES");
    for hypothesis in others.iter().take(ROWS) {
        page.item(
            &format!("  {}. ", hypothesis.rank),
            &[
                plain(hypothesis.cause.as_str()),
                span(
                    Style::Dim,
                    format!(
                        " ({}; {}; {} for, {} against)",
                        hypothesis.entity.full(),
                        hypothesis.confidence.phrase(),
                        hypothesis.evidence.iter().flat_map(Citation::ids).count(),
                        hypothesis.against.iter().flat_map(Citation::ids).count()
                    ),
                ),
            ],
        );
        if let Some(against) = hypothesis.against.first() {
            page.item(
                "     ",
                &[
                    plain("Against: "),
                    plain(against.statement.as_str()),
                    span(Style::Dim, format!(" [{}]", against.id)),
                ],
            );
        }
    }
    more(page, "  ", others.len(), ROWS);
}

pub(super) fn ruled_out(page: &mut Page, view: &View) {
    if view.ruled_out.is_empty() {
        return;
    }
    page.heading("RULED OUT");
    for ruled in view.ruled_out.iter().take(ROWS) {
        let mut spans = vec![
            plain(ruled.cause.as_str()),
            span(Style::Dim, format!(" ({})", ruled.entity.full())),
            plain(": "),
            plain(ruled.reason.as_str()),
        ];
        spans.extend(references(&ruled.evidence));
        page.item("  • ", &spans);
    }
    more(page, "  ", view.ruled_out.len(), ROWS);
}

pub(super) fn tests(page: &mut Page, view: &View) {
    if view.tests.is_empty() {
        return;
    }
    page.heading("TESTS MADE");
    for test in view.tests.iter().take(ROWS) {
        page.item("  • ", &[plain(test.question.as_str())]);
        page.item("    → ", &[plain(test.answer.as_str())]);
    }
    more(page, "  ", view.tests.len(), ROWS);
}

pub(super) fn changes(page: &mut Page, view: &View) {
    if view.changes.is_empty() {
        return;
    }
    page.heading("CHANGES");
    for change in view.changes.iter().take(ROWS) {
        let style = match change.part {
            Part::Blamed => Style::Red,
            Part::Possible | Part::Unlikely => Style::Yellow,
            Part::Cleared => Style::Green,
            Part::Unlinked => Style::Plain,
        };
        let chance = change
            .confidence
            .as_ref()
            .map(|confidence| format!(" ({})", confidence.phrase()))
            .unwrap_or_default();
        let by = change
            .author
            .as_ref()
            .map(|author| format!(" by {author}"))
            .unwrap_or_default();
        let when = change
            .time
            .relative
            .as_ref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        page.item(
            "  • ",
            &[
                span(Style::Cyan, change.time.short.as_str()),
                span(Style::Dim, when),
                plain(format!(
                    " {}, {} of {}{by}: {}. ",
                    change.reference,
                    change.kind,
                    change.entity.full(),
                    change.summary
                )),
                span(style, change.part.phrase()),
                plain(format!("{chance}: {}", change.reason)),
            ],
        );
        for line in change.detail.iter().filter(|_| change.blamed) {
            page.item("      ", &[span(Style::Dim, line.as_str())]);
        }
    }
    more(page, "  ", view.changes.len(), ROWS);
}

pub(super) fn symptoms(page: &mut Page, view: &View) {
    if view.symptoms.is_empty() {
        return;
    }
    page.heading("SYMPTOMS");
    for symptom in view.symptoms.iter().take(ROWS) {
        let mut spans = vec![severity(symptom.severity)];
        if let Some(since) = &symptom.since {
            spans.push(span(Style::Cyan, format!(" {}", since.short)));
        }
        spans.push(plain(format!(
            " {}: {}",
            symptom.entity.full(),
            symptom.statement
        )));
        spans.extend(references(&symptom.evidence));
        page.item("  • ", &spans);
    }
    more(page, "  ", view.symptoms.len(), ROWS);
}

pub(super) fn groups(page: &mut Page, view: &View) {
    if view.groups.is_empty() {
        return;
    }
    page.heading("EXTENT");
    for group in view.groups.iter().take(ROWS) {
        let names: Vec<_> = group.members.iter().map(|entity| entity.full()).collect();
        page.item(
            "  • ",
            &[
                plain(group.cause.as_str()),
                span(Style::Dim, format!(" ({})", group.entity.full())),
            ],
        );
        page.item("    ", &[plain(listed(&names))]);
    }
    more(page, "  ", view.groups.len(), ROWS);
}

pub(super) fn timeline(page: &mut Page, view: &View) {
    if view.timeline.is_empty() {
        return;
    }
    page.heading("TIMELINE (UTC)");
    // Not everything may fit: what is grave goes first, then what came first.
    let mut order: Vec<_> = view.timeline.iter().enumerate().collect();
    order.sort_by_key(|(index, entry)| (rank(entry.lane, entry.severity), *index));
    let mut shown: Vec<_> = order.into_iter().take(MOMENTS).collect();
    shown.sort_by_key(|(index, _)| *index);
    for (_, entry) in shown {
        page.item(
            &format!("  {}  {:<8} ", entry.time.short, entry.lane),
            &[
                span(colour_of(entry.severity), entry.text.as_str()),
                span(Style::Dim, format!(" ({})", entry.entity.full())),
            ],
        );
    }
    more(page, "  ", view.timeline.len(), MOMENTS);
}

fn rank(lane: &str, severity: &str) -> u8 {
    match (lane, severity) {
        ("change" | "alert", _) | (_, "critical") => 0,
        ("symptom", _) => 1,
        (_, "warning") => 2,
        _ => 3,
    }
}

fn references(citations: &[Citation]) -> Vec<Span> {
    citations
        .iter()
        .flat_map(Citation::ids)
        .take(EVIDENCE)
        .map(|id| span(Style::Dim, format!(" [{id}]")))
        .collect()
}

fn severity(severity: &str) -> Span {
    span(colour_of(severity), severity)
}

fn colour_of(severity: &str) -> Style {
    match severity {
        "critical" => Style::Red,
        "warning" => Style::Yellow,
        _ => Style::Plain,
    }
}

fn listed(names: &[String]) -> String {
    let mut text = names
        .iter()
        .take(NAMES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let more = names.len().saturating_sub(NAMES);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn more(page: &mut Page, indent: &str, all: usize, shown: usize) {
    let rest = all.saturating_sub(shown);
    if rest > 0 {
        let what = words::count(rest, "more is", "more are");
        page.item(
            indent,
            &[span(Style::Dim, format!("… {what} in the HTML and JSON forms"))],
        );
    }
}
