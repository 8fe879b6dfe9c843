//! Reads JSON schemas of tools: which types a parameter takes, and whether a value fits.
//!
//! Knows the keywords that schemars writes. One that it does not know allows everything, as the standard has it.

#[cfg(test)]
mod tests;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::tool::ParameterType;

/// References and alternatives are followed this deep; a schema that goes deeper is taken to allow everything.
const MAX_DEPTH: u8 = 16;

/// A set of JSON types, one bit each.
type Types = u8;

const NULL: Types = 1;
const BOOLEAN: Types = 1 << 1;
const STRING: Types = 1 << 2;
const INTEGER: Types = 1 << 3;
const FRACTION: Types = 1 << 4;
const ARRAY: Types = 1 << 5;
const OBJECT: Types = 1 << 6;
const ANY: Types = NULL | BOOLEAN | STRING | INTEGER | FRACTION | ARRAY | OBJECT;

/// The schema of a tool's arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'s>(pub(super) &'s Json);

impl<'s> Arguments<'s> {
    /// The names of all parameters.
    pub(super) fn names(self) -> impl Iterator<Item = &'s str> {
        self.properties()
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str))
    }

    /// The parameter of that name.
    pub(super) fn get(self, name: &str) -> Option<ParameterSchema<'s>> {
        let here = self.properties()?.get(name)?;
        Some(ParameterSchema { root: self.0, here })
    }

    /// The names of the parameters that every call has to give.
    pub(super) fn required(self) -> impl Iterator<Item = &'s str> {
        let required = self.0.get("required").and_then(Json::as_array);
        required.into_iter().flatten().filter_map(Json::as_str)
    }

    fn properties(self) -> Option<&'s Map<String, Json>> {
        self.0.get("properties")?.as_object()
    }
}

/// The schema of one parameter, within the schema that its references point into.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParameterSchema<'s> {
    root: &'s Json,
    here: &'s Json,
}

impl<'s> ParameterSchema<'s> {
    /// Whether every value of type `kind` may be given, as far as types go.
    pub(super) fn takes(self, kind: ParameterType) -> bool {
        let wanted = match kind {
            ParameterType::String => STRING,
            ParameterType::Integer => INTEGER,
            ParameterType::Number => INTEGER | FRACTION,
            ParameterType::Boolean => BOOLEAN,
            ParameterType::Array => ARRAY,
            ParameterType::Object => OBJECT,
        };
        self.types(self.here, 0) & wanted == wanted
    }

    /// The types that may be given, in the words of a definition.
    pub(super) fn type_names(self) -> String {
        const NAMES: [(Types, &str); 6] = [
            (STRING, "string"),
            (INTEGER | FRACTION, "number"),
            (INTEGER, "integer"),
            (BOOLEAN, "boolean"),
            (ARRAY, "array"),
            (OBJECT, "object"),
        ];
        let types = self.types(self.here, 0);
        let mut named: Types = 0;
        let mut names = Vec::new();
        for (bits, name) in NAMES {
            if types & bits == bits && named & bits != bits {
                named |= bits;
                names.push(name);
            }
        }
        if names.is_empty() {
            "nothing that a definition can say".to_owned()
        } else {
            names.join(" or ")
        }
    }

    /// The value of calls that do not give one, where the schema says it.
    pub(super) fn default(self) -> Option<&'s Json> {
        self.here.get("default")
    }

    /// Why `value` does not fit.
    pub(super) fn check(self, value: &Json) -> Result<(), String> {
        self.fits(self.here, value, 0)
    }

    fn refer(self, schema: &Map<String, Json>) -> Option<&'s Json> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    fn types(self, schema: &Json, depth: u8) -> Types {
        let Json::Object(schema) = schema else {
            return if *schema == Json::Bool(false) { 0 } else { ANY };
        };
        if depth > MAX_DEPTH {
            return ANY;
        }
        let deeper = depth.saturating_add(1);
        let union = |list: &Vec<Json>| list.iter().fold(0, |types, one| types | self.types(one, deeper));
        let mut types = match schema.get("type") {
            Some(Json::String(name)) => type_bits(name),
            Some(Json::Array(names)) => names
                .iter()
                .filter_map(Json::as_str)
                .fold(0, |types, name| types | type_bits(name)),
            _ => ANY,
        };
        if let Some(target) = self.refer(schema) {
            types &= self.types(target, deeper);
        }
        for alternatives in ["anyOf", "oneOf"] {
            if let Some(list) = schema.get(alternatives).and_then(Json::as_array) {
                types &= union(list);
            }
        }
        for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            types &= self.types(part, deeper);
        }
        if let Some(values) = schema.get("enum").and_then(Json::as_array) {
            types &= values.iter().fold(0, |types, value| types | type_of(value));
        }
        if let Some(value) = schema.get("const") {
            types &= type_of(value);
        }
        types
    }

    fn fits(self, schema: &Json, value: &Json, depth: u8) -> Result<(), String> {
        let Json::Object(schema) = schema else {
            return if *schema == Json::Bool(false) {
                Err("no value is allowed".to_owned())
            } else {
                Ok(())
            };
        };
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let deeper = depth.saturating_add(1);
        if let Some(target) = self.refer(schema) {
            self.fits(target, value, deeper)?;
        }
        for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            self.fits(part, value, deeper)?;
        }
        for alternatives in ["anyOf", "oneOf"] {
            let Some(list) = schema.get(alternatives).and_then(Json::as_array) else {
                continue;
            };
            let refusals: Vec<String> = list
                .iter()
                .filter_map(|one| self.fits(one, value, deeper).err())
                .collect();
            if refusals.len() == list.len() {
                // `null` is the alternative of every optional parameter and explains nothing.
                let reason = refusals.into_iter().find(|reason| !reason.ends_with("null"));
                return Err(reason.unwrap_or_else(|| "it is none of the alternatives".to_owned()));
            }
        }
        if let Some(values) = schema.get("enum").and_then(Json::as_array)
            && !values.contains(value)
        {
            let known: Vec<String> = values.iter().map(Json::to_string).collect();
            return Err(format!("it is none of {}", known.join(", ")));
        }
        if let Some(only) = schema.get("const")
            && only != value
        {
            return Err(format!("it is not {only}"));
        }
        if let Some(declared) = schema.get("type") {
            let allowed = self.types(&serde_json::json!({ "type": declared }), deeper);
            if type_of(value) & allowed == 0 {
                let names = declared
                    .to_string()
                    .replace(['"', '[', ']'], "")
                    .replace(',', " or ");
                return Err(format!("it is not of type {names}"));
            }
        }
        match value {
            Json::Number(_) => number(schema, value),
            Json::String(text) => string(schema, text),
            Json::Array(items) => {
                within(schema, "minItems", "maxItems", items.len(), "items")?;
                match schema.get("items") {
                    Some(each) => items.iter().try_for_each(|item| self.fits(each, item, deeper)),
                    None => Ok(()),
                }
            }
            Json::Object(entries) => self.object(schema, entries, deeper),
            Json::Null | Json::Bool(_) => Ok(()),
        }
    }

    fn object(
        self,
        schema: &Map<String, Json>,
        entries: &Map<String, Json>,
        depth: u8,
    ) -> Result<(), String> {
        let properties = schema.get("properties").and_then(Json::as_object);
        for name in schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            if name.as_str().is_some_and(|name| !entries.contains_key(name)) {
                return Err(format!("it lacks {name}"));
            }
        }
        for (name, value) in entries {
            match (
                properties.and_then(|known| known.get(name)),
                schema.get("additionalProperties"),
            ) {
                (Some(property), _) => self.fits(property, value, depth)?,
                (None, Some(Json::Bool(false))) => return Err(format!("it has no place for `{name}`")),
                (None, Some(others)) => self.fits(others, value, depth)?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

fn type_bits(name: &str) -> Types {
    match name {
        "null" => NULL,
        "boolean" => BOOLEAN,
        "string" => STRING,
        "integer" => INTEGER,
        "number" => INTEGER | FRACTION,
        "array" => ARRAY,
        "object" => OBJECT,
        _ => 0,
    }
}

fn type_of(value: &Json) -> Types {
    match value {
        Json::Null => NULL,
        Json::Bool(_) => BOOLEAN,
        Json::String(_) => STRING,
        Json::Number(number) if number.is_f64() => FRACTION,
        Json::Number(_) => INTEGER,
        Json::Array(_) => ARRAY,
        Json::Object(_) => OBJECT,
    }
}

fn number(schema: &Map<String, Json>, value: &Json) -> Result<(), String> {
    let Some(number) = value.as_f64() else {
        return Ok(());
    };
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
    // schemars gives the sizes of integers as formats, without bounds.
    let (least, most) = match schema.get("format").and_then(Json::as_str) {
        Some("int8") => (Some(f64::from(i8::MIN)), Some(f64::from(i8::MAX))),
        Some("int16") => (Some(f64::from(i16::MIN)), Some(f64::from(i16::MAX))),
        Some("int32") => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
        Some("uint8") => (Some(0.0), Some(f64::from(u8::MAX))),
        Some("uint16") => (Some(0.0), Some(f64::from(u16::MAX))),
        Some("uint32") => (Some(0.0), Some(f64::from(u32::MAX))),
        Some("uint64" | "uint") => (Some(0.0), None),
        _ => (None, None),
    };
    for least in [bound("minimum"), least].into_iter().flatten() {
        if number < least {
            return Err(format!("it is less than {least}"));
        }
    }
    for most in [bound("maximum"), most].into_iter().flatten() {
        if number > most {
            return Err(format!("it is more than {most}"));
        }
    }
    if let Some(least) = bound("exclusiveMinimum")
        && number <= least
    {
        return Err(format!("it is not more than {least}"));
    }
    if let Some(most) = bound("exclusiveMaximum")
        && number >= most
    {
        return Err(format!("it is not less than {most}"));
    }
    Ok(())
}

fn string(schema: &Map<String, Json>, text: &str) -> Result<(), String> {
    within(
        schema,
        "minLength",
        "maxLength",
        text.chars().count(),
        "characters",
    )?;
    let pattern = schema.get("pattern").and_then(Json::as_str);
    match pattern.and_then(|pattern| Regex::new(pattern).ok()) {
        Some(regex) if !regex.is_match(text) => Err(format!("it does not match `{regex}`")),
        _ => Ok(()),
    }
}

fn within(
    schema: &Map<String, Json>,
    least: &str,
    most: &str,
    length: usize,
    what: &str,
) -> Result<(), String> {
    let bound = |key: &str| schema.get(key).and_then(Json::as_u64);
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if let Some(least) = bound(least)
        && length < least
    {
        return Err(format!("it has fewer than {least} {what}"));
    }
    if let Some(most) = bound(most)
        && length > most
    {
        return Err(format!("it has more than {most} {what}"));
    }
    Ok(())
}
