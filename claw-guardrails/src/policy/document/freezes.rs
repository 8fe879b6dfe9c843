//! `freezes:`, times in which changes are frozen.

use claw_core::yaml::{self, Fields, Located, Node, ProblemKind, Problems, invalid, join, text};
use jiff::Timestamp;

use crate::policy::facts::Freeze;

pub(super) fn freeze(node: &Node, path: &str, problems: &mut Problems) -> Option<Freeze> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "a `name:` for whoever wonders", text);
    let from = fields.required("from", "`from: \"2026-12-20T00:00:00Z\"`", time);
    let until = fields.required("until", "`until: \"2027-01-02T00:00:00Z\"`", time);
    fields.finish();
    let (name, from, until) = (name?, from?, until?);
    if until.value <= from.value {
        problems.add(
            ProblemKind::InvalidValue,
            until.place,
            join(path, "until"),
            "the freeze is over before it begins",
            "write a later time",
        );
        return None;
    }
    Some(Freeze::new(name.value, from.value, until.value))
}

fn time(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Timestamp>> {
    let text = text(node, path, problems)?;
    match text.parse() {
        Ok(value) => Some(Located {
            value,
            place: node.place,
        }),
        Err(_) => {
            let message = format!("{} is no time with a zone", yaml::quoted(&text));
            invalid(
                node,
                path,
                message,
                "write it as \"2026-12-20T00:00:00Z\"",
                problems,
            );
            None
        }
    }
}
