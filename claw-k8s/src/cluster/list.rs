//! Lists, page by page, straight into slim structs.

use claw_core::report::Gap;
use claw_core::tool::ToolContext;
use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::MALFORMED;
use super::room::Share;
use super::{ClusterError, ClusterReader, ListRequest, Resource, Source};
use crate::model::Object;

/// Objects on one page. The API server's own tools use the same size.
pub(super) const PAGE_SIZE: u32 = 500;

/// Fewest objects that a page is made of when larger ones do not arrive.
pub(super) const SMALLEST_PAGE: u32 = 50;

/// Most objects of one list.
const MAX_ITEMS: usize = 50_000;

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The kind.
    pub resource: Resource,
    /// One namespace; all where `None`.
    pub namespace: Option<String>,
    /// Restricts the list by labels.
    pub label_selector: Option<String>,
    /// Restricts the list by fields.
    pub field_selector: Option<String>,
    /// Whether only metadata is wanted.
    pub metadata_only: bool,
}

impl Query {
    /// All objects of a kind, in one namespace or in all.
    pub fn new(resource: Resource, namespace: Option<&str>) -> Self {
        Self {
            resource,
            namespace: namespace.map(str::to_owned),
            label_selector: None,
            field_selector: None,
            metadata_only: false,
        }
    }

    /// Only objects with these labels. An empty selector restricts nothing.
    #[must_use]
    pub fn labels(mut self, selector: Option<&str>) -> Self {
        self.label_selector = selector
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(str::to_owned);
        self
    }

    /// Only objects with these fields.
    #[must_use]
    pub fn fields(mut self, selector: Option<String>) -> Self {
        self.field_selector = selector.filter(|s| !s.is_empty());
        self
    }

    /// Only metadata.
    #[must_use]
    pub fn metadata_only(mut self) -> Self {
        self.metadata_only = true;
        self
    }

    pub(super) fn page(&self, continue_token: Option<String>) -> ListRequest {
        ListRequest {
            resource: self.resource.clone(),
            namespace: self.namespace.clone(),
            label_selector: self.label_selector.clone(),
            field_selector: self.field_selector.clone(),
            limit: PAGE_SIZE,
            continue_token,
            metadata_only: self.metadata_only,
        }
    }
}

/// What a list gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The objects, in the order of the API server: by namespace and name.
    pub items: Vec<T>,
    /// Version of the whole list.
    pub resource_version: String,
    /// Why the list is not complete; empty where it is.
    pub incomplete: Vec<Incomplete>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            resource_version: String::new(),
            incomplete: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    /// Counts objects that could not be read.
    fn unreadable(&mut self, more: usize) {
        for known in &mut self.incomplete {
            if let Incomplete::Unreadable { objects } = known {
                *objects = objects.saturating_add(more);
                return;
            }
        }
        if more > 0 {
            self.incomplete.push(Incomplete::Unreadable { objects: more });
        }
    }
}

/// Why a list is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incomplete {
    /// Objects are not what the API promises, and were left out.
    Unreadable {
        /// How many.
        objects: usize,
    },
    /// There are more objects than are read.
    TooMany {
        /// How many were read.
        read: usize,
    },
    /// A later page failed.
    Failed {
        /// How many were read.
        read: usize,
        /// What happened.
        reason: String,
        /// What to do so that it succeeds.
        remedy: &'static str,
    },
}

impl Incomplete {
    /// The same as something that could not be seen.
    pub fn gap(&self, source: impl Into<String>) -> Gap {
        let (reason, remedy) = match self {
            Self::Unreadable { objects: 1 } => ("1 object could not be read".to_owned(), MALFORMED),
            Self::Unreadable { objects } => (format!("{objects} objects could not be read"), MALFORMED),
            Self::TooMany { read } => (
                format!("only the first {read} objects"),
                "ask for one namespace or use a selector",
            ),
            Self::Failed { read, reason, remedy } => {
                (format!("only the first {read} objects: {reason}"), *remedy)
            }
        };
        Gap {
            source: source.into(),
            reason,
            remedy: remedy.to_owned(),
        }
    }
}

/// Lists all objects that `query` asks for.
///
/// A list that expires while it is read is started again once. When a later page fails, what was read before is
/// returned, and [`Listed::incomplete`] says so; when the first page fails, or the run is cancelled, that is the error.
/// An object that cannot be read is left out, and said so; a list of which nothing can be read is an error.
pub async fn list_all<T>(
    reader: &dyn ClusterReader,
    cx: &ToolContext,
    query: &Query,
) -> Result<Listed<T>, ClusterError>
where
    T: Object + DeserializeOwned,
{
    walk(reader, cx, query, None, None).await
}

/// Which objects of a list are wanted, where that is not all: the others are dropped page by page, so that they never take
/// memory all at once.
pub(super) type Predicate<'a, T> = Option<&'a (dyn Fn(&T) -> bool + Sync)>;

/// Lists what is wanted, and keeps the pages if asked to, as long as they are small enough.
pub(super) async fn walk<T>(
    reader: &dyn ClusterReader,
    cx: &ToolContext,
    query: &Query,
    wanted: Predicate<'_, T>,
    mut kept: Option<&mut Pages>,
) -> Result<Listed<T>, ClusterError>
where
    T: Object + DeserializeOwned,
{
    let mut listed = Listed::default();
    let mut seen = 0_usize;
    let mut token: Option<String> = None;
    let mut restarted = false;
    let mut limit = PAGE_SIZE;
    loop {
        let mut request = query.page(token.take());
        request.limit = limit;
        let read = reader.list_page(cx, &request).await.and_then(|bytes| {
            let page = parse::<T>(&bytes).map_err(|error| malformed(query, error))?;
            Ok((bytes, page))
        });
        let (bytes, page) = match read {
            Ok(read) => read,
            Err(ClusterError::Gone { .. }) if !restarted && request.continue_token.is_some() => {
                restarted = true;
                (listed, seen) = (Listed::default(), 0);
                if let Some(kept) = kept.as_deref_mut() {
                    kept.clear();
                }
                continue;
            }
            Err(error) if seen > 0 && !matches!(error, ClusterError::Cancelled { .. }) => {
                listed.incomplete.push(Incomplete::Failed {
                    read: seen,
                    reason: error.fact(),
                    remedy: error.remedy(),
                });
                return Ok(listed);
            }
            Err(error) => return Err(error),
        };
        let objects = page.0.items.len().saturating_add(page.1);
        seen = seen.saturating_add(page.0.items.len());
        token = absorb(&mut listed, query, wanted, page);
        // A page that is shorter than asked for, with more to come, is as long as pages can be here.
        limit = match u32::try_from(objects) {
            Ok(objects) if objects >= SMALLEST_PAGE => limit.min(objects),
            _ => limit,
        };
        if let Some(kept) = kept.as_deref_mut() {
            kept.push(&bytes);
        }
        if token.is_none() {
            if seen == 0 && !listed.incomplete.is_empty() {
                return Err(malformed(query, "none of the objects could be read"));
            }
            listed.items.shrink_to_fit();
            return Ok(listed);
        }
        if seen >= MAX_ITEMS {
            listed.incomplete.push(Incomplete::TooMany { read: seen });
            return Ok(listed);
        }
    }
}

fn malformed(query: &Query, source: impl Into<Source>) -> ClusterError {
    ClusterError::Malformed {
        request: format!("list {}", query.resource),
        source: source.into(),
    }
}

/// Pages of a list, packed, as long as there is room for them. Objects of one kind are much alike: packed they take a tenth.
#[derive(Debug)]
pub(super) struct Pages {
    pages: Vec<Box<[u8]>>,
    share: Share,
    all: bool,
}

impl Pages {
    /// No pages yet, which will take their room out of `share`.
    pub(super) fn within(share: Share) -> Self {
        Self {
            pages: Vec::new(),
            share,
            all: true,
        }
    }

    fn push(&mut self, page: &[u8]) {
        if !self.all {
            return;
        }
        let packed = compress_prepend_size(page).into_boxed_slice();
        if self.share.take(packed.len()) {
            self.pages.push(packed);
        } else {
            self.clear();
            self.all = false;
        }
    }

    fn clear(&mut self) {
        self.pages = Vec::new();
        self.share.give_back();
    }

    /// Itself, if all pages were kept.
    pub(super) fn if_all(self) -> Option<Self> {
        self.all.then_some(self)
    }
}

/// What is wanted of the list that kept pages are of.
pub(super) fn reread<T>(
    query: &Query,
    wanted: Predicate<'_, T>,
    pages: &Pages,
) -> Result<Listed<T>, ClusterError>
where
    T: Object + DeserializeOwned,
{
    let mut listed = Listed::default();
    for packed in &pages.pages {
        let bytes = decompress_size_prepended(packed).map_err(|error| malformed(query, error))?;
        let page = parse::<T>(&bytes).map_err(|error| malformed(query, error))?;
        absorb(&mut listed, query, wanted, page);
    }
    Ok(listed)
}

/// Adds what is wanted of a page to the list. Returns where the next page begins.
fn absorb<T: Object>(
    listed: &mut Listed<T>,
    query: &Query,
    wanted: Predicate<'_, T>,
    (mut page, unreadable): Parsed<T>,
) -> Option<String> {
    for item in &mut page.items {
        item.set_kind(&query.resource.kind);
    }
    if let Some(wanted) = wanted {
        page.items.retain(wanted);
    }
    // What is still to come is known where no selector restricts the list: room for it all is made once, where all is wanted.
    let more = page.metadata.remaining_item_count.unwrap_or_default();
    let more = usize::try_from(more).unwrap_or_default().min(MAX_ITEMS);
    if more > 0 && wanted.is_none() {
        listed.items.reserve_exact(page.items.len().saturating_add(more));
    }
    listed.items.append(&mut page.items);
    listed.unreadable(unreadable);
    if !page.metadata.resource_version.is_empty() {
        listed.resource_version = page.metadata.resource_version;
    }
    page.metadata.continue_token.filter(|token| !token.is_empty())
}

/// A page, and how many of its objects could not be read.
type Parsed<T> = (Page<T>, usize);

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new", deserialize_with = "items")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_token: Option<String>,
    remaining_item_count: Option<i64>,
}

fn items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a page. If an object does not fit, all are read one by one, and those that do not fit are counted.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Parsed<T>, serde_json::Error> {
    let error = match serde_json::from_slice::<Page<T>>(bytes) {
        Ok(page) => return Ok((page, 0)),
        Err(error) if error.is_data() => error,
        Err(error) => return Err(error),
    };
    let Ok(page) = serde_json::from_slice::<Page<Value>>(bytes) else {
        return Err(error);
    };
    let all = page.items.len();
    let items: Vec<T> = page
        .items
        .into_iter()
        .filter_map(|item| serde_json::from_value(item).ok())
        .collect();
    let unreadable = all.saturating_sub(items.len());
    let metadata = page.metadata;
    Ok((Page { metadata, items }, unreadable))
}
