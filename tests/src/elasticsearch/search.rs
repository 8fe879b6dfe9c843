//! A search request: which documents, in which order, how many, which part of them.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::analysis::{order, term, time};
use super::document::{filtered, values};
use super::query::{Malformed, Query, parsing, unsupported};
use super::store::{Document, Mapping};

/// From here on a search has to be paged by other means.
const MAX_WINDOW: usize = 10_000;

#[derive(Clone, Debug)]
pub(super) struct Search {
    query: Query,
    sort: Vec<SortKey>,
    from: usize,
    size: usize,
    /// Which part of the documents is given; none gives none of it.
    source: Option<SourceFilter>,
    total: bool,
}

/// Patterns of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SourceFilter {
    includes: Vec<String>,
    excludes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SortKey {
    field: String,
    falling: bool,
}

impl Search {
    pub(super) fn parse(body: &Value) -> Result<Self, Malformed> {
        let empty = serde_json::Map::new();
        let fields = match body {
            Value::Null => &empty,
            Value::Object(fields) => fields,
            _ => return Err(parsing("Expected [START_OBJECT]")),
        };
        let mut search = Self {
            query: Query::All,
            sort: Vec::new(),
            from: 0,
            size: 10,
            source: Some(SourceFilter::default()),
            total: true,
        };
        for (name, value) in fields {
            match name.as_str() {
                "query" => search.query = Query::parse(value)?,
                "sort" => search.sort = sort(value)?,
                "from" => search.from = count(name, value)?,
                "size" => search.size = count(name, value)?,
                "_source" => search.source = source(value)?,
                "track_total_hits" => search.total = value != &Value::Bool(false),
                "timeout" | "track_scores" | "version" => {}
                "aggs" | "aggregations" | "search_after" | "highlight" | "fields" | "collapse" => {
                    return Err(unsupported(&format!("[{name}]")));
                }
                unknown => return Err(parsing(format!("Unknown key for a value in [{unknown}]."))),
            }
        }
        let window = search.from.saturating_add(search.size);
        if window > MAX_WINDOW {
            return Err(Malformed {
                kind: "illegal_argument_exception",
                reason: format!(
                    "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{window}]"
                ),
            });
        }
        Ok(search)
    }

    pub(super) fn run(&self, documents: Vec<&Document>, mapping: &Mapping) -> Value {
        let mut found: Vec<&Document> = documents
            .into_iter()
            .filter(|document| self.query.accepts(&document.source, mapping))
            .collect();
        found.sort_by(|a, b| self.order(a, b));
        let total = found.len();
        let hits: Vec<Value> = found
            .into_iter()
            .skip(self.from)
            .take(self.size)
            .map(|document| self.hit(document))
            .collect();
        let mut body = json!({ "max_score": null, "hits": hits });
        if self.total
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("total".to_owned(), json!({ "value": total, "relation": "eq" }));
        }
        json!({
            "took": 1,
            "timed_out": false,
            "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
            "hits": body,
        })
    }

    pub(super) fn count(&self, documents: Vec<&Document>, mapping: &Mapping) -> usize {
        documents
            .into_iter()
            .filter(|document| self.query.accepts(&document.source, mapping))
            .count()
    }

    fn order(&self, a: &Document, b: &Document) -> Ordering {
        for key in &self.sort {
            let (a, b) = (first(a, &key.field), first(b, &key.field));
            let by = match (a, b) {
                (Some(a), Some(b)) => {
                    let rising = order(a, b).unwrap_or_else(|| term(a).cmp(&term(b)));
                    if key.falling { rising.reverse() } else { rising }
                }
                // What lacks the field comes last in either order.
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if by != Ordering::Equal {
                return by;
            }
        }
        Ordering::Equal
    }

    fn hit(&self, document: &Document) -> Value {
        let mut hit = json!({ "_index": document.index, "_id": document.id, "_score": null });
        let Some(fields) = hit.as_object_mut() else {
            return hit;
        };
        if let Some(SourceFilter { includes, excludes }) = &self.source {
            fields.insert(
                "_source".to_owned(),
                filtered(&document.source, includes, excludes),
            );
        }
        if !self.sort.is_empty() {
            let keys = self.sort.iter().map(|key| match first(document, &key.field) {
                None => Value::Null,
                // Dates are sorted by, and given as, milliseconds.
                Some(value) => time(value).map_or_else(|| value.clone(), Value::from),
            });
            fields.insert("sort".to_owned(), Value::Array(keys.collect()));
        }
        hit
    }
}

fn first<'d>(document: &'d Document, field: &str) -> Option<&'d Value> {
    values(&document.source, field).first().copied()
}

fn sort(value: &Value) -> Result<Vec<SortKey>, Malformed> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut keys = Vec::new();
    for item in list {
        match item {
            Value::String(field) => keys.push(SortKey {
                field: field.clone(),
                falling: field == "_score",
            }),
            Value::Object(fields) => {
                for (field, options) in fields {
                    let direction = options
                        .as_str()
                        .or_else(|| options.get("order").and_then(Value::as_str));
                    let falling = match direction {
                        Some("desc") => true,
                        Some("asc") | None => false,
                        Some(other) => return Err(parsing(format!("Unknown SortOrder [{other}]"))),
                    };
                    keys.push(SortKey {
                        field: field.clone(),
                        falling,
                    });
                }
            }
            _ => {
                return Err(parsing(
                    "malformed sort format, within the sort array, an object, or an actual string are allowed",
                ));
            }
        }
    }
    // These two are the order in which documents came, as there are no scores here.
    keys.retain(|key| key.field != "_doc" && key.field != "_score");
    Ok(keys)
}

fn source(value: &Value) -> Result<Option<SourceFilter>, Malformed> {
    let patterns = |value: Option<&Value>| -> Result<Vec<String>, Malformed> {
        match value {
            None => Ok(Vec::new()),
            Some(Value::String(pattern)) => Ok(vec![pattern.clone()]),
            Some(Value::Array(list)) => list
                .iter()
                .map(|pattern| {
                    pattern
                        .as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| parsing("Unknown key in [_source]."))
                })
                .collect(),
            Some(_) => Err(parsing("Unknown key in [_source].")),
        }
    };
    Ok(match value {
        Value::Bool(false) => None,
        Value::Bool(true) => Some(SourceFilter::default()),
        Value::Object(fields) => {
            let includes = fields.get("includes").or_else(|| fields.get("include"));
            let excludes = fields.get("excludes").or_else(|| fields.get("exclude"));
            Some(SourceFilter {
                includes: patterns(includes)?,
                excludes: patterns(excludes)?,
            })
        }
        list => Some(SourceFilter {
            includes: patterns(Some(list))?,
            excludes: Vec::new(),
        }),
    })
}

fn count(name: &str, value: &Value) -> Result<usize, Malformed> {
    value
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| Malformed {
            kind: "illegal_argument_exception",
            reason: format!("[{name}] parameter cannot be negative, found [{value}]"),
        })
}
