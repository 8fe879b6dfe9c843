//! The message that a request is in Slack.

use claw_guardrails::approval::{Shown, State};

use crate::approval::words;
use crate::deliver::slack::mrkdwn::{escaped, plain};
use crate::deliver::slack::{Block, Button, ButtonStyle, Inline, MAX_HEADER, Message, RichElement, Text};
use crate::deliver::untrusted::line;

/// By which a click on yes is told.
pub(super) const APPROVE: &str = "claw_approve";
/// By which a click on no is told.
pub(super) const DENY: &str = "claw_deny";

/// Most text of one part as JSON, in bytes, and of a paragraph, in UTF-16 units: all of them together stay below what Slack takes.
const MOST_BYTES: usize = 1_200;
const MOST_TEXT: usize = 500;

/// A request as it stands.
pub(super) fn of(shown: &Shown, state: &State) -> Message {
    let title = format!("Approve? {}", line(&shown.title, MAX_HEADER));
    let stands = words::state(state);
    let mut blocks = vec![
        Block::Header {
            text: Text::plain(plain(&title, MAX_HEADER)),
        },
        section(&format!("Why: {}\nThen: {}", shown.reason, shown.expected)),
    ];
    for (head, lines) in [
        ("Changes", &shown.diff),
        ("Against", &shown.warnings),
        ("Reaches", &shown.reach),
        ("Rules", &shown.rules),
    ] {
        if !lines.is_empty() {
            blocks.push(preformatted(head, lines, &shown.id));
        }
    }
    if let Some(pull) = &shown.pull_request {
        blocks.push(section(&format!(
            "Merges {}#{} at {}",
            pull.repository, pull.number, pull.head
        )));
    }
    let stand = format!(
        "{stands}; needs {}; until {}",
        words::needed(shown),
        shown.expires
    );
    let names = format!(
        "request {}, digest {}, cluster {}",
        shown.id, shown.digest, shown.cluster
    );
    let elements = [stand, names].map(|text| Text::mrkdwn(escaped(&line(&text, MOST_TEXT), MOST_TEXT)));
    blocks.push(Block::Context {
        elements: elements.into(),
    });
    let elements = buttons(shown, state);
    if !elements.is_empty() {
        blocks.push(Block::Actions { elements });
    }
    Message {
        text: plain(&format!("{title}: {stands}"), MOST_TEXT),
        blocks,
    }
}

/// Those that still mean something.
fn buttons(shown: &Shown, state: &State) -> Vec<Button> {
    let button = |text: &str, id: &str, style| Button {
        text: Text::plain(text),
        action_id: id.to_owned(),
        value: Some(format!("{} {}", shown.id, shown.digest)),
        url: None,
        style: Some(style),
    };
    let (yes, no) = (
        button("Approve", APPROVE, ButtonStyle::Primary),
        button("Deny", DENY, ButtonStyle::Danger),
    );
    match state {
        State::Pending => vec![yes, no],
        State::Approved { .. } => vec![no],
        _ => Vec::new(),
    }
}

fn section(text: &str) -> Block {
    let lines: Vec<String> = text.lines().map(|text| line(text, MOST_TEXT)).collect();
    Block::Section {
        text: Text::mrkdwn(escaped(&lines.join("\n"), MOST_TEXT)),
    }
}

/// Lines whose form is structure, so that nothing in them is markup.
fn preformatted(head: &str, lines: &[String], id: &str) -> Block {
    let mut text = format!("{head}:");
    let mut left = MOST_BYTES;
    for (place, one) in lines.iter().enumerate() {
        let one = line(one, 300);
        let Some(rest) = left.checked_sub(bytes(&one)) else {
            let more = lines.len().saturating_sub(place);
            text.push_str(&format!(
                "\n  and {more} lines more: look at the request {id} before you decide"
            ));
            break;
        };
        left = rest;
        text.push_str("\n  ");
        text.push_str(&one);
    }
    Block::RichText {
        elements: vec![RichElement::RichTextPreformatted {
            elements: vec![Inline::Text { text }],
        }],
    }
}

/// Bytes of a line as JSON in ASCII, in which other characters take six or twelve.
fn bytes(text: &str) -> usize {
    let size = |c: char| {
        if c.is_ascii() {
            2
        } else {
            c.len_utf16().saturating_mul(6)
        }
    };
    text.chars().map(size).fold(4, usize::saturating_add)
}
