//! The query language.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::analysis::{order, term, wildcard, words};
use super::document::values;
use super::store::Mapping;

/// A request that cannot be answered: type and reason as Elasticsearch words them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) kind: &'static str,
    pub(super) reason: String,
}

pub(super) fn parsing(reason: impl Into<String>) -> Malformed {
    Malformed {
        kind: "parsing_exception",
        reason: reason.into(),
    }
}

/// Which documents are wanted.
#[derive(Clone, Debug)]
pub(super) enum Query {
    All,
    None,
    Bool {
        must: Vec<Query>,
        should: Vec<Query>,
        must_not: Vec<Query>,
        minimum: usize,
    },
    Terms {
        field: String,
        values: Vec<String>,
    },
    Match {
        field: String,
        text: String,
        all: bool,
    },
    Phrase {
        field: String,
        text: String,
    },
    Range {
        field: String,
        bounds: Vec<(Bound, Value)>,
    },
    Exists {
        field: String,
    },
    Prefix {
        field: String,
        prefix: String,
    },
    Wildcard {
        field: String,
        pattern: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Gt,
    Gte,
    Lt,
    Lte,
}

/// Deeper queries are refused.
const MAX_DEPTH: usize = 30;

impl Query {
    pub(super) fn parse(query: &Value) -> Result<Self, Malformed> {
        parse(query, 0)
    }

    pub(super) fn accepts(&self, document: &Value, mapping: &Mapping) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Bool {
                must,
                should,
                must_not,
                minimum,
            } => {
                must.iter().all(|query| query.accepts(document, mapping))
                    && !must_not.iter().any(|query| query.accepts(document, mapping))
                    && should
                        .iter()
                        .filter(|query| query.accepts(document, mapping))
                        .count()
                        >= *minimum
            }
            Self::Terms { field, values } => terms(document, mapping, field)
                .iter()
                .any(|term| values.contains(term)),
            Self::Match { field, text, all } if mapping.is_text(field) => {
                let wanted = words(text);
                let found = terms(document, mapping, field);
                let has = |word: &String| found.contains(word);
                !wanted.is_empty()
                    && if *all {
                        wanted.iter().all(has)
                    } else {
                        wanted.iter().any(has)
                    }
            }
            Self::Phrase { field, text } if mapping.is_text(field) => {
                let wanted = words(text);
                !wanted.is_empty()
                    && values(document, field).iter().any(|value| {
                        words(&term(value))
                            .windows(wanted.len())
                            .any(|found| found == wanted.as_slice())
                    })
            }
            Self::Match { field, text, .. } | Self::Phrase { field, text } => {
                terms(document, mapping, field).contains(text)
            }
            Self::Range { field, bounds } => values(document, field).iter().any(|value| {
                bounds.iter().all(|(bound, limit)| match order(value, limit) {
                    Some(Ordering::Less) => matches!(bound, Bound::Lt | Bound::Lte),
                    Some(Ordering::Equal) => matches!(bound, Bound::Gte | Bound::Lte),
                    Some(Ordering::Greater) => matches!(bound, Bound::Gt | Bound::Gte),
                    None => false,
                })
            }),
            Self::Exists { field } => !values(document, field).is_empty(),
            Self::Prefix { field, prefix } => terms(document, mapping, field)
                .iter()
                .any(|term| term.starts_with(prefix.as_str())),
            Self::Wildcard { field, pattern } => terms(document, mapping, field)
                .iter()
                .any(|term| wildcard(pattern, term)),
        }
    }
}

/// What a field is found by: its words, or its value as a whole.
fn terms(document: &Value, mapping: &Mapping, field: &str) -> Vec<String> {
    if let Some(parent) = mapping.keyword_of(field) {
        // Longer texts are not indexed as a whole.
        return values(document, parent)
            .into_iter()
            .map(term)
            .filter(|term| term.chars().count() <= 256)
            .collect();
    }
    let by_words = mapping.is_text(field);
    values(document, field)
        .into_iter()
        .flat_map(|value| match value {
            Value::String(text) if by_words => words(text),
            other => vec![term(other)],
        })
        .collect()
}

fn parse(query: &Value, depth: usize) -> Result<Query, Malformed> {
    if depth > MAX_DEPTH {
        return Err(parsing("The query contains too many nested clauses"));
    }
    let (name, body) = only_entry(query).ok_or_else(|| parsing("query malformed, expected one clause"))?;
    let field =
        || only_entry(body).ok_or_else(|| parsing(format!("[{name}] query malformed, expected one field")));
    Ok(match name.as_str() {
        "match_all" => Query::All,
        "match_none" => Query::None,
        "bool" => boolean(body, depth)?,
        "constant_score" => match body.get("filter") {
            Some(filter) => parse(filter, depth.saturating_add(1))?,
            None => return Err(parsing("[constant_score] requires a 'filter' element")),
        },
        "term" => {
            let (field, value) = field()?;
            Query::Terms {
                field: field.clone(),
                values: vec![scalar(name, option(value, "value"))?],
            }
        }
        "terms" => {
            let (field, list) = field()?;
            let list = list
                .as_array()
                .ok_or_else(|| parsing("[terms] query requires a list of values"))?;
            let values = list
                .iter()
                .map(|value| scalar(name, value))
                .collect::<Result<_, _>>()?;
            Query::Terms {
                field: field.clone(),
                values,
            }
        }
        "match" => {
            let (field, value) = field()?;
            let all = value
                .get("operator")
                .and_then(Value::as_str)
                .is_some_and(|op| op.eq_ignore_ascii_case("and"));
            Query::Match {
                field: field.clone(),
                text: scalar(name, option(value, "query"))?,
                all,
            }
        }
        "match_phrase" => {
            let (field, value) = field()?;
            if value.get("slop").is_some_and(|slop| slop != 0) {
                return Err(unsupported("slop of [match_phrase]"));
            }
            Query::Phrase {
                field: field.clone(),
                text: scalar(name, option(value, "query"))?,
            }
        }
        "range" => range(field()?)?,
        "exists" => match body.get("field").and_then(Value::as_str) {
            Some(field) => Query::Exists {
                field: field.to_owned(),
            },
            None => return Err(parsing("[exists] must be provided with a [field]")),
        },
        "prefix" => {
            let (field, value) = field()?;
            Query::Prefix {
                field: field.clone(),
                prefix: scalar(name, option(value, "value"))?,
            }
        }
        "wildcard" => {
            let (field, value) = field()?;
            Query::Wildcard {
                field: field.clone(),
                pattern: scalar(name, option(value, "value"))?,
            }
        }
        "query_string" | "simple_query_string" | "regexp" | "fuzzy" | "multi_match" | "nested" | "ids" => {
            return Err(unsupported(&format!("the query [{name}]")));
        }
        unknown => return Err(parsing(format!("unknown query [{unknown}]"))),
    })
}

fn boolean(body: &Value, depth: usize) -> Result<Query, Malformed> {
    let clauses = body
        .as_object()
        .ok_or_else(|| parsing("[bool] query malformed"))?;
    let list = |name: &str| -> Result<Vec<Query>, Malformed> {
        let depth = depth.saturating_add(1);
        match clauses.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(queries)) => queries.iter().map(|query| parse(query, depth)).collect(),
            Some(query) => Ok(vec![parse(query, depth)?]),
        }
    };
    for name in clauses.keys() {
        if ![
            "must",
            "filter",
            "should",
            "must_not",
            "minimum_should_match",
            "boost",
        ]
        .contains(&name.as_str())
        {
            return Err(parsing(format!("[bool] query does not support [{name}]")));
        }
    }
    let (mut must, should) = (list("must")?, list("should")?);
    must.extend(list("filter")?);
    let minimum = match clauses.get("minimum_should_match") {
        // Without other clauses at least one has to hold, else they only matter for the score.
        None => usize::from(!should.is_empty() && must.is_empty()),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            number
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(|| unsupported("this form of [minimum_should_match]"))?
        }
    };
    Ok(Query::Bool {
        must,
        should,
        must_not: list("must_not")?,
        minimum,
    })
}

fn range((field, body): (&String, &Value)) -> Result<Query, Malformed> {
    let mut bounds = Vec::new();
    for (name, limit) in body.as_object().into_iter().flatten() {
        let bound = match name.as_str() {
            "gt" => Bound::Gt,
            "gte" => Bound::Gte,
            "lt" => Bound::Lt,
            "lte" => Bound::Lte,
            "format" | "boost" => continue,
            other => return Err(parsing(format!("[range] query does not support [{other}]"))),
        };
        if limit
            .as_str()
            .is_some_and(|text| text.starts_with("now") || text.contains("||"))
        {
            return Err(unsupported("date math"));
        }
        if !limit.is_null() {
            bounds.push((bound, limit.clone()));
        }
    }
    Ok(Query::Range {
        field: field.clone(),
        bounds,
    })
}

fn only_entry(value: &Value) -> Option<(&String, &Value)> {
    value
        .as_object()
        .filter(|fields: &&Map<String, Value>| fields.len() == 1)?
        .iter()
        .next()
}

/// A value that may be written by itself or as one of several options.
fn option<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(value)
}

fn scalar(query: &str, value: &Value) -> Result<String, Malformed> {
    match value {
        Value::Array(_) | Value::Object(_) | Value::Null => {
            Err(parsing(format!("[{query}] query does not support this value")))
        }
        value => Ok(term(value)),
    }
}

pub(super) fn unsupported(what: &str) -> Malformed {
    parsing(format!("not supported by the simulated Elasticsearch: {what}"))
}
