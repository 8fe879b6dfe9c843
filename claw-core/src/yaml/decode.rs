//! Reads the keys of a mapping, and says of each one that is missing, unknown or of a wrong type where it stands.

use super::node::{Node, Value, quoted};
use super::problem::{Located, Place, ProblemKind, Problems, did_you_mean};

/// A reader of one mapping. Every key that is asked for is a known key; the others are refused at the end.
#[derive(Debug)]
pub struct Fields<'n, 'p> {
    entries: &'n [(Located<String>, Node)],
    known: Vec<&'static str>,
    place: Place,
    path: String,
    problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// A reader of `node`, which is called `path` in messages. `None` when it is no mapping.
    pub fn open(node: &'n Node, path: &str, problems: &'p mut Problems) -> Option<Self> {
        let entries = mapping(node, path, problems)?;
        Some(Self {
            entries,
            known: Vec::new(),
            place: node.place,
            path: path.to_owned(),
            problems,
        })
    }

    /// The value of `key` by `read`; `None` when the key is not there, or when its value is wrong.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'n Node, &str, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let (_, node) = self.entries.iter().find(|(name, _)| name.value == key)?;
        let path = join(&self.path, key);
        read(node, &path, self.problems)
    }

    /// As [`optional`](Self::optional); a key that is not there is a problem, for which `example` is the remedy.
    pub fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&'n Node, &str, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            self.problems.add(
                ProblemKind::MissingKey,
                self.place,
                self.path.clone(),
                format!("the key `{key}` is missing"),
                format!("add {example}"),
            );
            return None;
        }
        self.optional(key, read)
    }

    /// Whether the mapping has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name.value == key)
    }

    /// Whether the mapping has no key at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where problems go.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// Refuses keys that nobody asked for.
    pub fn finish(self) {
        for (name, _) in self.entries {
            if !self.known.contains(&name.value.as_str()) {
                self.problems.add(
                    ProblemKind::UnknownKey,
                    name.place,
                    self.path.clone(),
                    format!("unknown key {}", quoted(name)),
                    did_you_mean(name, self.known.iter().copied()),
                );
            }
        }
    }
}

/// `path.key`, or `key` at the top.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Records that `node` is not what it should be.
pub fn wrong_type(node: &Node, path: &str, expected: &str, example: &str, problems: &mut Problems) {
    let remedy = match node.value {
        Value::Null => format!("write {example}, or leave the key out"),
        _ => format!("write {example}"),
    };
    let message = format!("expected {expected}, found {}", node.kind());
    problems.add(ProblemKind::WrongType, node.place, path, message, remedy);
}

/// Records that the value of `node` makes no sense.
pub fn invalid(
    node: &Node,
    path: &str,
    message: impl Into<String>,
    remedy: impl Into<String>,
    problems: &mut Problems,
) {
    problems.add(ProblemKind::InvalidValue, node.place, path, message, remedy);
}

/// The entries of a mapping, in the order of the file.
pub fn mapping<'n>(
    node: &'n Node,
    path: &str,
    problems: &mut Problems,
) -> Option<&'n [(Located<String>, Node)]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        _ => {
            wrong_type(
                node,
                path,
                "a mapping",
                "`key: value` lines, indented below the key",
                problems,
            );
            None
        }
    }
}

/// A text that is not empty.
pub fn text(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<String>> {
    match &node.value {
        Value::Text(value) if value.trim().is_empty() => {
            invalid(
                node,
                path,
                "the text is empty",
                "write a text, or leave the key out",
                problems,
            );
            None
        }
        Value::Text(value) => Some(Located {
            value: value.clone(),
            place: node.place,
        }),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
            wrong_type(
                node,
                path,
                "a text",
                "it in quotes if it is meant as text",
                problems,
            );
            None
        }
        Value::Null | Value::List(_) | Value::Map(_) => {
            wrong_type(node, path, "a text", "one text", problems);
            None
        }
    }
}

/// A boolean.
pub fn boolean(node: &Node, path: &str, problems: &mut Problems) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => {
            wrong_type(node, path, "true or false", "`true` or `false`", problems);
            None
        }
    }
}

/// A list with at least one item, each read by `read`.
pub fn list<'n, T>(
    node: &'n Node,
    path: &str,
    problems: &mut Problems,
    mut read: impl FnMut(&'n Node, &str, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::List(items) = &node.value else {
        let example = match &node.value {
            Value::Text(value) => format!("a list: [{}]", quoted(value).trim_matches('`')),
            _ => "a list: [first, second], or one `- ` line for each item".to_owned(),
        };
        wrong_type(node, path, "a list", &example, problems);
        return None;
    };
    if items.is_empty() {
        invalid(
            node,
            path,
            "the list is empty",
            "name at least one item, or leave the key out",
            problems,
        );
        return None;
    }
    let read: Vec<Option<T>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item, &format!("{path}[{index}]"), problems))
        .collect();
    read.into_iter().collect()
}

/// A list of texts, in which nothing stands twice.
pub fn texts(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Located<String>>> {
    let items = list(node, path, problems, text)?;
    unique(&items, path, problems).then_some(items)
}

/// Whether no text stands twice; each that does is a problem.
pub fn unique<'a>(
    names: impl IntoIterator<Item = &'a Located<String>>,
    path: &str,
    problems: &mut Problems,
) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut all_once = true;
    for name in names {
        if seen.contains(&name.as_str()) {
            all_once = false;
            problems.add(
                ProblemKind::Duplicate,
                name.place,
                path,
                format!("{} is here twice", quoted(name)),
                "keep one of the two",
            );
        }
        seen.push(name);
    }
    all_once
}

/// One of a few words.
pub fn word<T: Copy>(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    words: &[(&str, T)],
) -> Option<Located<T>> {
    let names = || words.iter().map(|(name, _)| *name);
    let Value::Text(value) = &node.value else {
        let all: Vec<_> = names().map(|name| format!("`{name}`")).collect();
        wrong_type(node, path, "a word", &all.join(" or "), problems);
        return None;
    };
    let found = words.iter().find(|(name, _)| name == value);
    if found.is_none() {
        let message = format!("{} is not known here", quoted(value));
        invalid(node, path, message, did_you_mean(value, names()), problems);
    }
    found.map(|(_, meaning)| Located {
        value: *meaning,
        place: node.place,
    })
}

/// A list of names of namespaces, each written out.
pub fn namespaces(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Vec<String>>> {
    let names = texts(node, path, problems)?;
    // All of them, so that each problem is told.
    let good = names
        .iter()
        .filter(|name| is_good_namespace(name, path, problems))
        .count();
    (good == names.len()).then(|| Located {
        value: names.into_iter().map(|name| name.value).collect(),
        place: node.place,
    })
}

/// The name of a namespace.
pub fn namespace(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<String>> {
    let name = text(node, path, problems)?;
    is_good_namespace(&name, path, problems).then_some(name)
}

fn is_good_namespace(name: &Located<String>, path: &str, problems: &mut Problems) -> bool {
    let good = is_namespace(name);
    if !good {
        problems.add(
            ProblemKind::InvalidValue,
            name.place,
            path,
            format!("{} is no name of a namespace", quoted(name)),
            "write lower-case letters, digits and hyphens; each namespace by its whole name",
        );
    }
    good
}

/// A DNS label as in RFC 1123.
fn is_namespace(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
