//! Checks of the parts of blocks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::blocks::{Faults, length};

/// Which kind of text is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Any,
}

/// A text object of one to `most` characters.
pub(super) fn text(faults: &mut Faults, place: &str, text: Option<&Value>, style: Style, most: usize) {
    let Some(text) = text else {
        faults.add(place, "missing required field");
        return;
    };
    match (text.get("type").and_then(Value::as_str), style) {
        (Some("plain_text"), _) | (Some("mrkdwn"), Style::Any) => {}
        (Some(other), _) => faults.add(place, format_args!("unsupported type: {other}")),
        (None, _) => faults.add(place, "must be a text object"),
    }
    match text.get("text").and_then(Value::as_str) {
        None => faults.add(&format!("{place}/text"), "missing required field: text"),
        Some("") => faults.add(&format!("{place}/text"), "must be more than 0 characters"),
        Some(text) if length(text) > most => {
            faults.add(
                &format!("{place}/text"),
                format_args!("must be less than {} characters", most.saturating_add(1)),
            );
        }
        Some(_) => {}
    }
}

/// The elements of a block, `least` to `most` of them, with action ids that differ.
pub(super) fn each(
    faults: &mut Faults,
    place: &str,
    block: &Value,
    least: usize,
    most: usize,
    check: impl Fn(&mut Faults, &str, &Value),
) {
    let Some(elements) = block.get("elements").and_then(Value::as_array) else {
        faults.add(place, "missing required field: elements");
        return;
    };
    count(faults, place, elements.len(), least, most);
    let mut ids = BTreeSet::new();
    for (at, element) in elements.iter().enumerate() {
        let place = format!("{place}/{at}");
        if let Some(id) = element.get("action_id").and_then(Value::as_str)
            && !ids.insert(id)
        {
            faults.add(&place, format_args!("action_id {id:?} already exists"));
        }
        check(faults, &place, element);
    }
}

pub(super) fn count(faults: &mut Faults, place: &str, count: usize, least: usize, most: usize) {
    if count < least {
        faults.add(place, format_args!("no less than {least} items allowed"));
    } else if count > most {
        faults.add(place, format_args!("no more than {most} items allowed"));
    }
}

/// A button or another element that can be acted on.
pub(super) fn interactive(faults: &mut Faults, place: &str, element: &Value) {
    limit(faults, place, element, "action_id", 255);
    match element.get("type").and_then(Value::as_str) {
        Some("button") => {
            text(
                faults,
                &format!("{place}/text"),
                element.get("text"),
                Style::Plain,
                75,
            );
            limit(faults, place, element, "value", 2_000);
            limit(faults, place, element, "url", 3_000);
            if let Some(style) = element.get("style")
                && !matches!(style.as_str(), Some("primary" | "danger"))
            {
                faults.add(&format!("{place}/style"), "must be primary or danger");
            }
        }
        Some("image") => image(faults, place, element),
        Some(
            "static_select"
            | "users_select"
            | "conversations_select"
            | "channels_select"
            | "overflow"
            | "datepicker"
            | "timepicker"
            | "checkboxes"
            | "radio_buttons",
        ) => {}
        Some(other) => faults.add(place, format_args!("unsupported type: {other}")),
        None => faults.add(place, "missing required field: type"),
    }
}

pub(super) fn image(faults: &mut Faults, place: &str, image: &Value) {
    if image.get("image_url").is_none() && image.get("slack_file").is_none() {
        faults.add(place, "missing required field: image_url");
    }
    limit(faults, place, image, "image_url", 3_000);
    limit(faults, place, image, "alt_text", 2_000);
    if image.get("alt_text").is_none() {
        faults.add(place, "missing required field: alt_text");
    }
}

/// A part of a rich text block.
pub(super) fn rich_text(faults: &mut Faults, place: &str, element: &Value) {
    let Some(elements) = element.get("elements").and_then(Value::as_array) else {
        faults.add(place, "missing required field: elements");
        return;
    };
    let kind = element.get("type").and_then(Value::as_str);
    for (at, part) in elements.iter().enumerate() {
        let place = format!("{place}/elements/{at}");
        match kind {
            Some("rich_text_section" | "rich_text_preformatted" | "rich_text_quote") => {
                inline(faults, &place, part)
            }
            Some("rich_text_list") => {
                if part.get("type").and_then(Value::as_str) == Some("rich_text_section") {
                    for (at, part) in part
                        .get("elements")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .enumerate()
                    {
                        inline(faults, &format!("{place}/elements/{at}"), part);
                    }
                } else {
                    faults.add(&place, "must be a rich_text_section");
                }
            }
            _ => {}
        }
    }
    match kind {
        Some("rich_text_section" | "rich_text_preformatted" | "rich_text_quote") => {}
        Some("rich_text_list") => {
            if !matches!(
                element.get("style").and_then(Value::as_str),
                Some("bullet" | "ordered")
            ) {
                faults.add(&format!("{place}/style"), "must be bullet or ordered");
            }
        }
        other => faults.add(
            place,
            format_args!("unsupported type: {}", other.unwrap_or("none")),
        ),
    }
}

fn inline(faults: &mut Faults, place: &str, part: &Value) {
    let required = |name: &str| {
        part.get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    let missing = match part.get("type").and_then(Value::as_str) {
        Some("text") => (!required("text")).then_some("text"),
        Some("link") => (!required("url")).then_some("url"),
        Some("emoji") => (!required("name")).then_some("name"),
        Some("user") => (!required("user_id")).then_some("user_id"),
        Some("channel") => (!required("channel_id")).then_some("channel_id"),
        Some("usergroup") => (!required("usergroup_id")).then_some("usergroup_id"),
        Some("broadcast") => (!required("range")).then_some("range"),
        Some("date" | "color") => None,
        other => {
            faults.add(
                place,
                format_args!("unsupported type: {}", other.unwrap_or("none")),
            );
            None
        }
    };
    if let Some(missing) = missing {
        faults.add(&format!("{place}/{missing}"), "must be more than 0 characters");
    }
}

fn limit(faults: &mut Faults, place: &str, element: &Value, name: &str, most: usize) {
    if element
        .get(name)
        .and_then(Value::as_str)
        .is_some_and(|text| length(text) > most)
    {
        let less_than = most.saturating_add(1);
        faults.add(
            &format!("{place}/{name}"),
            format_args!("must be less than {less_than} characters"),
        );
    }
}
