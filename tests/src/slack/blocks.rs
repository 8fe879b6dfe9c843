//! Block Kit's limits.

use std::collections::BTreeSet;

use serde_json::Value;

use super::elements;

/// Most blocks of a message.
const MAX_BLOCKS: usize = 50;
/// Most characters of `text` without blocks.
const MAX_TEXT: usize = 40_000;
/// Most characters of all blocks as JSON. Slack does not document this limit; it has been seen at about this size.
const MAX_BLOCKS_JSON: usize = 13_200;

/// Why a message is refused: Slack's code, and a remark for each fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) messages: Vec<String>,
}

impl Refusal {
    pub(super) fn of(code: &'static str) -> Self {
        Self {
            code,
            messages: Vec::new(),
        }
    }
}

/// Checks a message as Slack does.
pub(super) fn check(message: &Value) -> Result<(), Refusal> {
    let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
    if length(text) > MAX_TEXT {
        return Err(Refusal::of("msg_too_long"));
    }
    let blocks = match message.get("blocks") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(_) => return Err(Refusal::of("invalid_blocks_format")),
    };
    let attachments = message
        .get("attachments")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if text.is_empty() && blocks.is_empty() && attachments == 0 {
        return Err(Refusal::of("no_text"));
    }
    let mut faults = Faults::default();
    if blocks.len() > MAX_BLOCKS {
        faults.add("/blocks", format_args!("no more than {MAX_BLOCKS} items allowed"));
    }
    let mut ids = BTreeSet::new();
    for (at, block) in blocks.iter().enumerate() {
        let place = format!("/blocks/{at}");
        if let Some(id) = block.get("block_id").and_then(Value::as_str) {
            if length(id) > 255 {
                faults.add(&place, "block_id must be less than 256 characters");
            }
            if !ids.insert(id) {
                faults.add(&place, "block_id must be unique");
            }
        }
        check_block(&mut faults, &place, block);
    }
    if !faults.0.is_empty() {
        return Err(Refusal {
            code: "invalid_blocks",
            messages: faults.0,
        });
    }
    let size = blocks
        .iter()
        .map(|block| length(&block.to_string()))
        .sum::<usize>();
    if size > MAX_BLOCKS_JSON {
        Err(Refusal::of("msg_blocks_too_long"))
    } else {
        Ok(())
    }
}

/// What is wrong with a message, each with its place.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<String>);

impl Faults {
    pub(super) fn add(&mut self, place: &str, what: impl std::fmt::Display) {
        self.0.push(format!("[ERROR] {what} [json-pointer:{place}]"));
    }
}

fn check_block(faults: &mut Faults, place: &str, block: &Value) {
    let field = |name: &str| format!("{place}/{name}");
    match block.get("type").and_then(Value::as_str) {
        Some("header") => {
            elements::text(
                faults,
                &field("text"),
                block.get("text"),
                elements::Style::Plain,
                150,
            );
        }
        Some("section") => {
            let fields = block.get("fields").and_then(Value::as_array);
            match (block.get("text"), fields) {
                (None, None) => faults.add(place, "missing required field: text or fields"),
                (text @ Some(_), _) => {
                    elements::text(faults, &field("text"), text, elements::Style::Any, 3_000)
                }
                _ => {}
            }
            if let Some(fields) = fields {
                elements::count(faults, &field("fields"), fields.len(), 1, 10);
                for (at, text) in fields.iter().enumerate() {
                    elements::text(
                        faults,
                        &field(&format!("fields/{at}")),
                        Some(text),
                        elements::Style::Any,
                        2_000,
                    );
                }
            }
            if let Some(accessory) = block.get("accessory") {
                elements::interactive(faults, &field("accessory"), accessory);
            }
        }
        Some("context") => elements::each(
            faults,
            &field("elements"),
            block,
            1,
            10,
            |faults, place, element| match element.get("type").and_then(Value::as_str) {
                Some("image") => elements::image(faults, place, element),
                _ => elements::text(faults, place, Some(element), elements::Style::Any, 3_000),
            },
        ),
        Some("actions") => elements::each(faults, &field("elements"), block, 1, 25, elements::interactive),
        Some("rich_text") => elements::each(
            faults,
            &field("elements"),
            block,
            0,
            usize::MAX,
            elements::rich_text,
        ),
        Some("image") => elements::image(faults, place, block),
        Some("divider") => {}
        Some("markdown") => match block.get("text").and_then(Value::as_str) {
            Some(text) if (1..=12_000).contains(&length(text)) => {}
            _ => faults.add(&field("text"), "must be between 1 and 12000 characters"),
        },
        Some(other) => faults.add(place, format_args!("unsupported type: {other}")),
        None => faults.add(&field("type"), "missing required field: type"),
    }
}

/// Length as Slack counts it: a character outside of the basic plane counts twice.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}
