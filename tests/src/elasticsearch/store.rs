//! Documents in memory.

use serde_json::Value;

use super::analysis::wildcard;

/// How the texts in documents are indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The fields that are searched by words; none means all of them.
    text: Option<Vec<String>>,
    /// Whether a text field has a field `keyword` below it that holds its value as a whole.
    keyword_below: bool,
}

impl Mapping {
    /// What a cluster makes up for an index without a mapping: texts are searched by words, and as a whole under
    /// `<field>.keyword`.
    pub fn dynamic() -> Self {
        Self {
            text: None,
            keyword_below: true,
        }
    }

    /// The Elastic Common Schema: `message` is searched by words, all else as a whole.
    pub fn ecs() -> Self {
        Self {
            text: Some(vec!["message".to_owned()]),
            keyword_below: false,
        }
    }

    pub(super) fn is_text(&self, field: &str) -> bool {
        self.text
            .as_ref()
            .is_none_or(|fields| fields.iter().any(|text| text == field))
    }

    /// The field that `<field>.keyword` is below of.
    pub(super) fn keyword_of<'f>(&self, field: &'f str) -> Option<&'f str> {
        if self.keyword_below {
            field.strip_suffix(".keyword")
        } else {
            None
        }
    }
}

/// The documents that a [`Server`](super::Server) serves.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) mapping: Mapping,
    documents: Vec<Document>,
}

#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) index: String,
    pub(super) id: String,
    pub(super) source: Value,
}

impl Store {
    /// An empty store whose indices all have this mapping.
    pub fn new(mapping: Mapping) -> Self {
        Self {
            mapping,
            documents: Vec::new(),
        }
    }

    /// Adds a document to an index, which need not exist before.
    pub fn index(&mut self, index: impl Into<String>, source: Value) {
        let id = format!("{:08}", self.documents.len().saturating_add(1));
        self.documents.push(Document {
            index: index.into(),
            id,
            source,
        });
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are no documents.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The documents of the indices that an expression such as `logs-*,audit` names, in the order of their coming.
    ///
    /// # Errors
    /// The name of an index that does not exist, unless it is to be passed over.
    pub(super) fn documents(&self, expression: &str, ignore_missing: bool) -> Result<Vec<&Document>, String> {
        let parts: Vec<&str> = match expression {
            "" | "_all" => vec!["*"],
            names => names.split(',').collect(),
        };
        let missing = parts.iter().find(|part| {
            !part.contains('*') && !self.documents.iter().any(|document| document.index == **part)
        });
        if let Some(missing) = missing
            && !ignore_missing
        {
            return Err((*missing).to_owned());
        }
        let named = |document: &&Document| parts.iter().any(|part| wildcard(part, &document.index));
        Ok(self.documents.iter().filter(named).collect())
    }
}
