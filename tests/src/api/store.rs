//! The objects of the simulated cluster, their versions, and what happened to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::convert;
use super::kinds::{Kind, KindId, Kinds};
use super::rbac::User;
use super::recorded::Recorded;

/// Changes that a watch can still be resumed from.
const HISTORY: usize = 10_000;
/// Lists that can still be continued.
const SNAPSHOTS: usize = 64;
/// The version of the first object that has none.
const FIRST_VERSION: u64 = 1_000;

/// Place of an object: its resource, and `namespace/name` or `name`. Orders as the real server lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: KindId,
    pub(super) path: String,
}

impl Key {
    pub(super) fn new(kind: &Kind, namespace: Option<&str>, name: &str) -> Self {
        let path = match namespace {
            Some(namespace) if kind.namespaced => format!("{namespace}/{name}"),
            _ => name.to_owned(),
        };
        Self {
            kind: storage(kind),
            path,
        }
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.path.split_once('/').map(|(namespace, _)| namespace)
    }
}

/// The resource under which objects are kept: events are one resource in two groups.
pub(super) fn storage(kind: &Kind) -> KindId {
    let mut id = kind.id();
    if id.group == "events.k8s.io" {
        id.group = String::new();
    }
    id
}

/// One change of an object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

pub(super) type Objects = BTreeMap<Key, Arc<Value>>;

/// A list that is handed out in pages.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) id: u64,
    pub(super) version: u64,
    pub(super) items: Arc<Vec<Arc<Value>>>,
}

/// A recorded log: of which container, and whether it is that of the container before.
pub(super) type LogKey = (String, String, String, bool);

/// Everything that changes while the server runs.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) kinds: Kinds,
    pub(super) objects: Objects,
    /// The objects as they were at the start, for stale answers.
    pub(super) initial: Objects,
    pub(super) initial_version: u64,
    pub(super) version: u64,
    history: VecDeque<Change>,
    /// Changes up to this version are forgotten.
    pub(super) compacted: u64,
    snapshots: VecDeque<Snapshot>,
    next_snapshot: u64,
    pub(super) logs: BTreeMap<LogKey, claw_k8s::bundle::Content>,
    pub(super) tokens: BTreeMap<String, User>,
    /// Who a request without a token comes from; without one it may do everything.
    pub(super) default_user: Option<User>,
    /// Which kinds are known in full.
    pub(super) recorded: Recorded,
}

impl Store {
    pub(super) fn new(objects: Vec<Value>) -> Self {
        let kinds = Kinds::of(&objects);
        let version = objects
            .iter()
            .filter_map(version_of)
            .max()
            .unwrap_or(0)
            .max(FIRST_VERSION);
        let mut store = Self {
            kinds,
            objects: Objects::new(),
            initial: Objects::new(),
            initial_version: version,
            version,
            history: VecDeque::new(),
            compacted: version,
            snapshots: VecDeque::new(),
            next_snapshot: 1,
            logs: BTreeMap::new(),
            tokens: BTreeMap::new(),
            default_user: None,
            recorded: Recorded::default(),
        };
        for object in objects {
            store.seed(object);
        }
        store.seed_namespaces();
        store.initial = store.objects.clone();
        store.initial_version = store.version;
        store.compacted = store.version;
        store
    }

    /// Adds an object of the beginning; what it lacks to be a stored object is added.
    fn seed(&mut self, object: Value) {
        let mut object = convert::to_stored(object);
        let Some(key) = self.key_of(&mut object) else {
            return;
        };
        if version_of(&object).is_none() {
            self.version = self.version.saturating_add(1);
            set_metadata(&mut object, "resourceVersion", self.version.to_string().into());
        }
        complete(&mut object, &key);
        self.objects.insert(key, Arc::new(object));
    }

    /// A namespace that holds objects exists, whether it was recorded or not.
    fn seed_namespaces(&mut self) {
        let names: std::collections::BTreeSet<String> = self
            .objects
            .keys()
            .filter_map(Key::namespace)
            .map(str::to_owned)
            .collect();
        for name in names
            .into_iter()
            .chain(["default".to_owned(), "kube-system".to_owned()])
        {
            let namespace = serde_json::json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            });
            let known = Key {
                kind: KindId {
                    group: String::new(),
                    plural: "namespaces".to_owned(),
                },
                path: name,
            };
            if !self.objects.contains_key(&known) {
                self.seed(namespace);
            }
        }
    }

    /// The place of an object; its resource is learned when it is new. Objects of namespaced resources get a namespace.
    pub(super) fn key_of(&mut self, object: &mut Value) -> Option<Key> {
        if !self.kinds.learn(object) {
            return None;
        }
        let kind = self.kinds.of_object(object)?.clone();
        let text = |object: &Value, pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let name = text(object, "/metadata/name")?;
        let namespace = match text(object, "/metadata/namespace") {
            Some(namespace) => namespace,
            None if kind.namespaced => {
                set_metadata(object, "namespace", "default".into());
                "default".to_owned()
            }
            None => String::new(),
        };
        Some(Key::new(&kind, Some(&namespace), &name))
    }

    /// Stores an object under a new version and returns it.
    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.version = self.version.saturating_add(1);
        set_metadata(&mut object, "resourceVersion", self.version.to_string().into());
        complete(&mut object, &key);
        let after = Arc::new(object);
        let before = self.objects.insert(key.clone(), Arc::clone(&after));
        self.record(Change {
            version: self.version,
            key,
            before,
            after: Some(Arc::clone(&after)),
        });
        after
    }

    /// Removes an object and returns its last state.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.version = self.version.saturating_add(1);
        // The last event of an object carries the version of its deletion.
        let mut last = (*before).clone();
        set_metadata(&mut last, "resourceVersion", self.version.to_string().into());
        let last = Arc::new(last);
        let change = Change {
            version: self.version,
            key: key.clone(),
            before: Some(Arc::clone(&last)),
            after: None,
        };
        self.record(change);
        Some(last)
    }

    fn record(&mut self, change: Change) {
        self.history.push_back(change);
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.version;
        }
    }

    /// Forgets all changes and snapshots so far, as compaction does.
    pub(super) fn compact(&mut self) {
        self.history.clear();
        self.snapshots.clear();
        self.compacted = self.version;
    }

    /// Changes after `version`.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = &Change> {
        let start = self.history.partition_point(|change| change.version <= version);
        self.history.range(start..)
    }

    /// Keeps a list, so that its further pages show the same moment.
    pub(super) fn keep(&mut self, version: u64, items: Vec<Arc<Value>>) -> Snapshot {
        let snapshot = Snapshot {
            id: self.next_snapshot,
            version,
            items: Arc::new(items),
        };
        self.next_snapshot = self.next_snapshot.saturating_add(1);
        self.snapshots.push_back(snapshot.clone());
        if self.snapshots.len() > SNAPSHOTS {
            self.snapshots.pop_front();
        }
        snapshot
    }

    pub(super) fn snapshot(&self, id: u64) -> Option<Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.id == id).cloned()
    }

    /// The objects of a resource, in all namespaces or in one.
    pub(super) fn list<'a>(
        objects: &'a Objects,
        kind: &Kind,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        let id = storage(kind);
        let prefix = namespace
            .map(|namespace| format!("{namespace}/"))
            .unwrap_or_default();
        let start = Key {
            kind: id.clone(),
            path: prefix.clone(),
        };
        objects
            .range(start..)
            .take_while(move |(key, _)| key.kind == id && key.path.starts_with(&prefix))
    }
}

/// The numeric resource version of an object.
pub(super) fn version_of(object: &Value) -> Option<u64> {
    object
        .pointer("/metadata/resourceVersion")?
        .as_str()?
        .parse()
        .ok()
}

pub(super) fn set_metadata(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(map) = object {
        let metadata = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            metadata.insert(field.to_owned(), value);
        }
    }
}

/// Gives an object a uid, the same one in each run.
fn complete(object: &mut Value, key: &Key) {
    if object.pointer("/metadata/uid").and_then(Value::as_str).is_none() {
        let created = object
            .pointer("/metadata/creationTimestamp")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = format!("{}|{}|{}|{created}", key.kind.group, key.kind.plural, key.path);
        set_metadata(object, "uid", uid(&text).into());
    }
}

/// A uid derived from text (FNV-1a, two rounds).
pub(super) fn uid(text: &str) -> String {
    let round = |seed: u64| {
        text.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let (high, low) = (round(0xcbf2_9ce4_8422_2325), round(0x8422_2325_cbf2_9ce4));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// A time as objects have it: whole seconds.
pub(super) fn seconds(time: Timestamp) -> Value {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}
