//! The parts that are tables.

use claw_core::report::Report;

use super::escape::{cell_code, inline};
use super::sections::{NAMES, ROWS, heading, line, more};
use crate::deliver::untrusted;
use crate::deliver::view::{Citation, Entity, Part, View};

pub(super) fn other_causes(out: &mut String, view: &View, report: &Report) {
    let others = view.others(report);
    if others.is_empty() {
        return;
    }
    heading(out, "Other possible causes");
    table(out, &["rank", "cause", "entity", "confidence", "for", "against"]);
    for hypothesis in others.iter().take(ROWS) {
        row(
            out,
            &[
                hypothesis.rank.to_string(),
                inline(&hypothesis.cause),
                cell_entity(&hypothesis.entity),
                hypothesis.confidence.phrase(),
                cell_ids(&hypothesis.evidence),
                cell_ids(&hypothesis.against),
            ],
        );
    }
    more(out, others.len());
}

pub(super) fn changes(out: &mut String, view: &View) {
    if view.changes.is_empty() {
        return;
    }
    heading(out, "Changes");
    table(
        out,
        &["time (UTC)", "change", "entity", "what", "to blame", "why"],
    );
    for change in view.changes.iter().take(ROWS) {
        let by = change
            .author
            .as_ref()
            .map(|author| format!(" by {}", inline(author)))
            .unwrap_or_default();
        let detail: String = change
            .detail
            .iter()
            .map(|line| format!("<br>{}", cell_code(line)))
            .collect();
        let answer = match change.part {
            Part::Blamed => format!("**{}**", change.answer.word),
            _ => change.answer.word.to_owned(),
        };
        let chance = change
            .confidence
            .as_ref()
            .map(|confidence| format!(" ({})", confidence.phrase()))
            .unwrap_or_default();
        row(
            out,
            &[
                change.time.short.clone(),
                cell_code(&change.reference),
                cell_entity(&change.entity),
                format!("{}{by}: {}{detail}", change.kind, inline(&change.summary)),
                format!("{answer}{chance}"),
                inline(&change.reason),
            ],
        );
    }
    more(out, view.changes.len());
}

pub(super) fn symptoms(out: &mut String, view: &View) {
    if view.symptoms.is_empty() {
        return;
    }
    heading(out, "Symptoms");
    table(out, &["severity", "since (UTC)", "entity", "symptom", "evidence"]);
    for symptom in view.symptoms.iter().take(ROWS) {
        row(
            out,
            &[
                symptom.severity.to_owned(),
                symptom
                    .since
                    .as_ref()
                    .map(|since| since.short.clone())
                    .unwrap_or_default(),
                cell_entity(&symptom.entity),
                inline(&symptom.statement),
                cell_ids(&symptom.evidence),
            ],
        );
    }
    more(out, view.symptoms.len());
}

pub(super) fn timeline(out: &mut String, view: &View) {
    if view.timeline.is_empty() {
        return;
    }
    heading(out, "Timeline");
    table(out, &["time (UTC)", "", "entity", "what"]);
    for entry in view.timeline.iter().take(ROWS) {
        row(
            out,
            &[
                entry.time.short.clone(),
                entry.lane.to_owned(),
                cell_entity(&entry.entity),
                inline(&entry.text),
            ],
        );
    }
    more(out, view.timeline.len());
}

pub(super) fn evidence(out: &mut String, view: &View) {
    if view.evidence.is_empty() {
        return;
    }
    heading(out, "Evidence");
    table(out, &["id", "time (UTC)", "entity", "statement", "source"]);
    for evidence in view.evidence.iter().take(ROWS) {
        row(
            out,
            &[
                cell_code(&evidence.id),
                evidence
                    .time
                    .as_ref()
                    .map(|time| time.short.clone())
                    .unwrap_or_default(),
                cell_entity(&evidence.entity),
                inline(&evidence.statement),
                cell_code(&untrusted::ellipsis(&evidence.source, 160)),
            ],
        );
    }
    more(out, view.evidence.len());
}

fn table(out: &mut String, columns: &[&str]) {
    line(out, &format!("| {} |", columns.join(" | ")));
    line(out, &format!("|{}", " --- |".repeat(columns.len())));
}

fn row(out: &mut String, cells: &[String]) {
    line(out, &format!("| {} |", cells.join(" | ")));
}

fn cell_entity(entity: &Entity) -> String {
    format!("{} {}", inline(&entity.kind), cell_code(&entity.path))
}

fn cell_ids(citations: &[Citation]) -> String {
    citations
        .iter()
        .flat_map(Citation::ids)
        .take(NAMES)
        .map(cell_code)
        .collect::<Vec<_>>()
        .join(" ")
}
