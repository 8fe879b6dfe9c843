//! The report as a Slack message: what a person needs to know and do, and no more.

use claw_core::report::{Report, Verdict};

use super::MessageOptions;
use super::block::{Block, Button, ButtonStyle, Inline, Message, RichElement, Text};
use super::compose::{Composer, MAX_HEADER, MAX_TEXT};
use super::mrkdwn::{code, escaped, plain};
use crate::deliver::view::{Citation, Entity, Hypothesis, Part, Recommendation, View};
use crate::deliver::words;

/// Longest statement of a list, in UTF-16 units.
const STATEMENT: usize = 280;
const CAUSE: usize = 500;
const SUMMARY: usize = 900;
const NAME: usize = 100;
/// Longest command; Slack folds longer ones.
const COMMAND: usize = 1_500;
/// Items of each list.
const ITEMS: usize = 5;

pub(super) fn message(report: &Report, options: &MessageOptions) -> Message {
    let view = View::new(report);
    let mut composer = Composer::default();
    composer.add(head(&view));
    let leading = view.leading(report);
    if let Some(caveat) = view.caveat(report) {
        composer.add([section(format!(
            "*{}*\n{}",
            view.cause_heading(report),
            escaped(&caveat, STATEMENT * 2)
        ))]);
    }
    for hypothesis in view.hypotheses.iter().take(leading) {
        composer.add(cause(hypothesis, &cause_label(hypothesis, &view, report)));
    }
    for recommendation in view.recommendations.iter().take(ITEMS) {
        composer.add(action(recommendation));
    }
    if let Some(url) = options.report_url.as_ref().filter(|url| can_be_opened(url)) {
        composer.add([Block::Actions {
            elements: vec![Button {
                text: Text::plain("Open the full report"),
                action_id: "open_report".to_owned(),
                value: None,
                url: Some(url.clone()),
                style: Some(ButtonStyle::Primary),
            }],
        }]);
    }
    composer.add(runbooks(&view));
    composer.add(dashboards(&view));
    composer.add(gaps(&view));
    composer.add(others(&view, report));
    composer.add(changes(&view));
    composer.add(ruled_out(&view));
    composer.add(footer(&view));
    Message {
        text: notification(&view, report),
        blocks: composer.finish(),
    }
}

/// Whether Slack takes the address for a button; it refuses the whole message otherwise.
fn can_be_opened(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://")) && url.len() <= MAX_TEXT
}

/// What a phone shows.
fn notification(view: &View, report: &Report) -> String {
    let what = format!("[{}] {}", view.severity.to_uppercase(), view.title);
    let why = match view.hypotheses.first() {
        Some(first) if view.leading(report) > 0 => {
            format!(
                " — {}: {} ({})",
                view.verdict.word,
                first.cause,
                first.confidence.phrase()
            )
        }
        _ => format!(" — {}", view.verdict.word),
    };
    escaped(&format!("{what}{why}"), 1_000)
}

fn head(view: &View) -> Vec<Block> {
    let sign = match view.severity {
        "critical" => "🔴",
        "warning" => "🟠",
        _ => "🟢",
    };
    let mut facts = vec![format!("*{}*", view.severity), view.verdict.word.to_owned()];
    if let Some(since) = &view.since {
        let lasting = view
            .lasting
            .as_ref()
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        facts.push(format!("since {}{lasting}", since.full));
    }
    if !view.cluster.is_empty() {
        facts.push(format!("cluster {}", code(&view.cluster, NAME)));
    }
    facts.push(format!("run {}", code(&view.case, NAME)));
    let mut blocks = vec![
        Block::Header {
            text: Text::plain(plain(&format!("{sign} {}", view.title), MAX_HEADER)),
        },
        context(facts.join(" · ")),
    ];
    if !view.summary.is_empty() {
        blocks.push(section(escaped(&view.summary.join("\n"), SUMMARY)));
    }
    blocks
}

fn cause_label(hypothesis: &Hypothesis, view: &View, report: &Report) -> String {
    match report.verdict {
        _ if view.leading(report) > 1 => format!("Possible cause {}", hypothesis.rank),
        Verdict::Cause => view.cause_heading(report).to_owned(),
        _ => "Best guess".to_owned(),
    }
}

fn cause(hypothesis: &Hypothesis, heading: &str) -> Vec<Block> {
    let mut blocks = vec![
        Block::Divider {},
        section(format!(
            "*{heading}* · *{}*\n{}\n{} · mechanism {}",
            hypothesis.confidence.phrase(),
            escaped(&hypothesis.cause, CAUSE),
            entity(&hypothesis.entity),
            code(&hypothesis.mechanism, NAME)
        )),
    ];
    blocks.extend(citations("Evidence", &hypothesis.evidence));
    blocks.extend(citations("Against", &hypothesis.against));
    blocks
}

fn citations(label: &str, citations: &[Citation]) -> Option<Block> {
    let lines = citations.iter().map(|citation| {
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
        format!("{time}{about}{}", escaped(&citation.statement, STATEMENT))
    });
    list(label, lines)
}

fn action(recommendation: &Recommendation) -> Vec<Block> {
    let undo = if recommendation.reversible {
        "easily undone"
    } else {
        "not easily undone"
    };
    let mut text = format!(
        "*{}. {}* (to help: {}; {undo})",
        recommendation.rank,
        escaped(&recommendation.title, STATEMENT),
        recommendation.confidence.phrase()
    );
    if !recommendation.reason.is_empty() {
        text.push('\n');
        text.push_str(&escaped(&recommendation.reason, STATEMENT));
    }
    let command = recommendation
        .command
        .as_ref()
        .filter(|command| !command.is_empty());
    let too_long = command.is_some_and(|command| command.encode_utf16().count() > COMMAND);
    if too_long {
        text.push_str("\n_The command is too long for a message; it is in the full report._");
    }
    if let Some(note) = &recommendation.command_note {
        text.push('\n');
        text.push_str(&escaped(note, STATEMENT));
    }
    let mut blocks = vec![section(text)];
    if let Some(command) = command.filter(|_| !too_long) {
        blocks.push(Block::RichText {
            elements: vec![RichElement::RichTextPreformatted {
                elements: vec![Inline::Text {
                    text: command.clone(),
                }],
            }],
        });
    }
    blocks
}

fn runbooks(view: &View) -> Option<Block> {
    let lines = view.runbooks.iter().map(|runbook| {
        let title = escaped(&runbook.title, STATEMENT);
        match &runbook.link {
            // An ampersand is all that Slack wants escaped in an address that has no other signs.
            Some(link) => format!("<{}|{title}>", link.replace('&', "&amp;")),
            None => format!("{title}: {}", code(&runbook.place, NAME)),
        }
    });
    list("Runbooks", lines)
}

fn dashboards(view: &View) -> Option<Block> {
    let lines = view.dashboards.iter().map(|dashboard| {
        let title = escaped(&dashboard.title, STATEMENT);
        match &dashboard.link {
            Some(link) => format!("<{}|{title}>", link.replace('&', "&amp;")),
            None => format!("{title}: {}", code(&dashboard.place, NAME)),
        }
    });
    list("Dashboards", lines)
}

fn gaps(view: &View) -> Option<Block> {
    let lines = view.gaps.iter().map(|gap| {
        let remedy = if gap.remedy.is_empty() {
            String::new()
        } else {
            format!(" → {}", escaped(&gap.remedy, STATEMENT))
        };
        format!(
            "*{}*: {}{remedy}",
            escaped(&gap.source, NAME),
            escaped(&gap.reason, STATEMENT)
        )
    });
    list("Could not be seen", lines)
}

fn others(view: &View, report: &Report) -> Option<Block> {
    let lines = view.others(report).into_iter().map(|hypothesis| {
        format!(
            "{} ({}) · {}",
            escaped(&hypothesis.cause, STATEMENT),
            hypothesis.confidence.phrase(),
            entity(&hypothesis.entity)
        )
    });
    list("Other possible causes", lines)
}

fn changes(view: &View) -> Option<Block> {
    let lines = view.changes.iter().map(|change| {
        format!(
            "{} {} {}: {}",
            change.time.short,
            code(&change.reference, NAME),
            match (change.part, change.part.phrase().to_lowercase()) {
                (Part::Blamed, phrase) => format!("*{phrase}*"),
                (_, phrase) => phrase,
            },
            escaped(&change.reason, STATEMENT)
        )
    });
    list("Changes", lines)
}

fn ruled_out(view: &View) -> Option<Block> {
    let lines = view.ruled_out.iter().map(|ruled| {
        format!(
            "{}: {}",
            escaped(&ruled.cause, STATEMENT),
            escaped(&ruled.reason, STATEMENT)
        )
    });
    list("Ruled out", lines)
}

fn footer(view: &View) -> [Block; 1] {
    [context(format!(
        "{} · {} of evidence · looked at {} to {} · the agent only reads, nothing in this report has been done",
        words::count(view.symptoms.len(), "symptom", "symptoms"),
        words::count(view.evidence.len(), "piece", "pieces"),
        view.window_start.full,
        view.window_end.short
    ))]
}

/// A heading and as many items as a section holds; nothing where there is no item.
fn list(label: &str, lines: impl Iterator<Item = String>) -> Option<Block> {
    let mut text = format!("*{label}*");
    let mut shown = 0_usize;
    let mut left_out = 0_usize;
    for line in lines {
        let units = |text: &str| text.encode_utf16().count();
        if shown < ITEMS && units(&text).saturating_add(units(&line)) < MAX_TEXT.saturating_sub(40) {
            text.push_str("\n• ");
            text.push_str(&line);
            shown = shown.saturating_add(1);
        } else {
            left_out = left_out.saturating_add(1);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\n… and {left_out} more"));
    }
    (shown.saturating_add(left_out) > 0).then(|| section(text))
}

fn entity(entity: &Entity) -> String {
    format!("{} {}", escaped(&entity.kind, NAME), code(&entity.path, NAME))
}

fn section(text: String) -> Block {
    Block::Section {
        text: Text::mrkdwn(text),
    }
}

fn context(text: String) -> Block {
    Block::Context {
        elements: vec![Text::mrkdwn(text)],
    }
}
