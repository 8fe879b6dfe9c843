//! Reads a runbook: strict YAML between two lines of three hyphens, and text after it.

use std::collections::BTreeMap;

use claw_core::yaml::{
    self, DefinitionError, Fields, Located, Node, Place, ProblemKind, Problems, did_you_mean, invalid, list,
    mapping, quoted, text, texts,
};
use serde_json::{Map, Value};

use super::pattern::Pattern;
use super::{Call, Fits, Runbook, template};
use crate::incident::mechanism;

/// Line before and after the YAML.
const FENCE: &str = "---";
const WANTED: &str = "`title:` and `match:` between two lines of `---`, and the text after them";

/// Reads a runbook. What is wrong with it is among the problems; then there may be none.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<(Option<Runbook>, Problems), DefinitionError> {
    let mut problems = Problems::of(file);
    let content = String::from_utf8_lossy(bytes);
    let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
    let Some((front, body)) = split(content) else {
        problems.add(
            ProblemKind::Syntax,
            Place { line: 1, column: 1 },
            "",
            "a runbook begins with YAML between two lines of `---`",
            format!("write {WANTED}; files that are no runbooks do not belong into this folder"),
        );
        return Ok((None, problems));
    };
    // With its first line, so that places are those in the file.
    let (documents, mut problems) = yaml::parse(file, front.as_bytes(), WANTED)?;
    let runbook = documents
        .first()
        .and_then(|node| runbook(file, node, body, &mut problems));
    Ok((runbook, problems))
}

/// What stands before the second fence, and after it.
fn split(content: &str) -> Option<(&str, &str)> {
    let mut offset = 0_usize;
    for (number, line) in content.split_inclusive('\n').enumerate() {
        let is_fence = line.trim_end() == FENCE;
        if number == 0 && !is_fence {
            return None;
        }
        let after = offset.saturating_add(line.len());
        if number > 0 && is_fence {
            return Some((content.get(..offset)?, content.get(after..)?));
        }
        offset = after;
    }
    None
}

fn runbook(file: &str, node: &Node, body: &str, problems: &mut Problems) -> Option<Runbook> {
    let mut fields = Fields::open(node, "", problems)?;
    let title = fields.required("title", "`title:` with a title", text);
    let fits = fields.required(
        "match",
        "`match:` with `alert`, `labels` or `mechanism`",
        read_match,
    );
    let calls = fields.optional("tools", |node, path, problems| {
        list(node, path, problems, read_call)
    });
    fields.finish();
    Some(Runbook {
        title: title?.value,
        place: file.to_owned(),
        fits: fits?,
        calls: calls.unwrap_or_default(),
        text: body.trim().to_owned(),
    })
}

fn read_match(node: &Node, path: &str, problems: &mut Problems) -> Option<Fits> {
    let mut fields = Fields::open(node, path, problems)?;
    let alerts = fields.optional("alert", one_or_more);
    let labels = fields.optional("labels", read_labels);
    let mechanisms = fields.optional("mechanism", read_mechanisms);
    if fields.is_empty() {
        fields.problems().add(
            ProblemKind::MissingKey,
            node.place,
            path,
            "nothing is said of what the runbook is about",
            "write `alert`, `labels` or `mechanism`",
        );
    }
    fields.finish();
    let patterns = |names: Option<Vec<Located<String>>>| {
        let names = names.unwrap_or_default().into_iter();
        names.map(|name| Pattern::new(name.value)).collect()
    };
    Some(Fits {
        alerts: patterns(alerts),
        labels: labels.unwrap_or_default(),
        mechanisms: patterns(mechanisms),
    })
}

/// A list of texts, or one text alone.
fn one_or_more(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Located<String>>> {
    match node.value {
        yaml::Value::Text(_) => text(node, path, problems).map(|one| vec![one]),
        _ => texts(node, path, problems),
    }
}

fn read_labels(node: &Node, path: &str, problems: &mut Problems) -> Option<BTreeMap<String, Pattern>> {
    let mut labels = BTreeMap::new();
    for (name, node) in mapping(node, path, problems)? {
        if let Some(value) = text(node, &yaml::join(path, name), problems) {
            labels.insert(name.value.clone(), Pattern::new(value.value));
        }
    }
    Some(labels)
}

fn read_mechanisms(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Located<String>>> {
    let names = one_or_more(node, path, problems)?;
    let known = mechanism::ids();
    for name in &names {
        let pattern = Pattern::new(name.as_str());
        if !known.iter().any(|id| pattern.fits(id)) {
            problems.add(
                ProblemKind::UnknownName,
                name.place,
                path,
                format!("no cause has the mechanism {}", quoted(name)),
                did_you_mean(name, known.iter().copied()),
            );
        }
    }
    Some(names)
}

fn read_call(node: &Node, path: &str, problems: &mut Problems) -> Option<Call> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "`name:` with the name of a tool", text);
    let input = fields.optional("input", read_input);
    fields.finish();
    let name = name?;
    Some(Call {
        place: name.place,
        tool: name.value,
        path: path.to_owned(),
        input: input.unwrap_or_default(),
    })
}

fn read_input(node: &Node, path: &str, problems: &mut Problems) -> Option<Map<String, Value>> {
    let mut input = Map::new();
    for (name, node) in mapping(node, path, problems)? {
        let value = node.value.json();
        if let Some(unknown) = template::unknown(&value) {
            let path = yaml::join(path, name);
            let message = format!("{} is no placeholder", quoted(&unknown));
            invalid(node, &path, message, template::KNOWN, problems);
        }
        input.insert(name.value.clone(), value);
    }
    Some(input)
}
