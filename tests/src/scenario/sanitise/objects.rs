//! Which names JSON has: objects, events, the alert.

use serde_json::{Map, Value};

use super::gather::Gathered;
use super::interface::{group_of, is_known_group};
use super::json::{is_foreign, is_free, is_known_version, is_of_interface, is_of_schema, is_open};

/// Where objects tell of people and machines in other fields than those that end in `name`.
const NAMES: [&str; 9] = [
    "namespace",
    "host",
    "author",
    "user",
    "username",
    "manager",
    "reportingInstance",
    "reportingController",
    "cluster",
];

/// What is known of a place within an object.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Whether it is inside of a variable of a program.
    variable: bool,
    /// Whether the keys there are somebody's own, and not those of a known schema.
    own: bool,
}

impl Gathered {
    /// Gathers the names of an object, or of an alert.
    pub(super) fn object(&mut self, object: &Value) {
        let foreign = is_foreign(object);
        let Some(fields) = object.as_object().filter(|_| foreign) else {
            return self.json("", object, Place::default());
        };
        self.references(fields);
        let names = object.pointer("/spec/names").and_then(Value::as_object);
        for name in names.into_iter().flat_map(Map::values) {
            name.as_str().into_iter().for_each(|name| self.name(name));
        }
        for (name, value) in fields {
            let place = Place {
                own: name != "metadata",
                ..Place::default()
            };
            self.json(name, value, place);
        }
    }

    fn json(&mut self, key: &str, value: &Value, place: Place) {
        match value {
            Value::String(text) => self.string(key, text, place),
            Value::Array(items) => {
                let place = Place {
                    variable: place.variable || key == "env",
                    ..place
                };
                items.iter().for_each(|item| self.json(key, item, place));
            }
            Value::Object(fields) if is_free(key) => self.free(key, fields, place),
            Value::Object(fields) => {
                let own = place.own || is_open(key);
                self.references(fields);
                for (name, value) in fields {
                    if own || !is_of_schema(name) {
                        self.domain_of(name);
                    } else {
                        self.interface(name);
                    }
                    // Variables bear names of a program's own; of a reference, the object does.
                    let named = place.variable && name == "name" && key == "env";
                    let inside = named || (place.variable && !name.ends_with("Ref"));
                    let place = Place {
                        variable: inside && !key.ends_with("Ref"),
                        own,
                    };
                    self.json(name, value, place);
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, key: &str, text: &str, place: Place) {
        if is_known_version(key, text) {
            return;
        }
        self.free_text(text);
        if is_of_interface(key) && !place.own {
            return;
        }
        let is_name = NAMES.contains(&key) || key.ends_with("name") || key.ends_with("Name");
        if key == "image" {
            self.image(text);
        } else if is_name && !place.variable {
            self.name(text);
        }
        if is_endpoint(text) {
            self.name(text);
        }
    }

    /// A mapping whose keys people chose.
    fn free(&mut self, key: &str, fields: &Map<String, Value>, place: Place) {
        let own = Place { own: true, ..place };
        for (label, value) in fields {
            self.domain_of(label);
            match value {
                Value::String(text) if key.ends_with("abels") || key == "selector" || key == "metric" => {
                    self.label(label, text);
                }
                Value::Object(_) if key == "selector" => self.json(label, value, own),
                Value::String(text) => self.free_text(text),
                _ => self.json("", value, own),
            }
        }
    }

    /// The domain before the name of a label or a resource, or the whole key where it is one.
    fn domain_of(&mut self, key: &str) {
        let key = key.strip_prefix("f:").unwrap_or(key);
        match key.split_once('/') {
            Some((domain, _)) => self.free_text(&format!("://{domain}")),
            None => self.free_text(key),
        }
    }

    /// The kind that a mapping bears or refers to, and its group: of known groups words of an interface, of others names.
    fn references(&mut self, fields: &Map<String, Value>) {
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let group = text("apiVersion")
            .map(group_of)
            .or_else(|| text("apiGroup"))
            .or_else(|| text("group"));
        if let Some(group) = group {
            self.kind(group, text("kind").unwrap_or_default());
        }
    }

    /// A kind of a group.
    pub(super) fn kind(&mut self, group: &str, kind: &str) {
        if is_known_group(group) {
            self.interface(kind);
        } else {
            self.name(group);
            self.name(kind);
        }
    }
}

/// Whether the whole of a text is `host:port` with a name for a host.
fn is_endpoint(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, port)| {
        let port = port.len() >= 2 && port.len() <= 5 && port.bytes().all(|c| c.is_ascii_digit());
        let host = host.starts_with(|c: char| c.is_ascii_lowercase())
            && host
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b".-".contains(&c));
        port && host
    })
}
