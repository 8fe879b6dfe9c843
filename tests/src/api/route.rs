//! What a request is about, from its method, path and query.

use axum::http::{Method, Uri};

use super::kinds::{Kind, Kinds};
use super::rbac::Attempt;

/// The parts of a request's path.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A resource, or one of its objects.
    Resource(Box<Resource>),
    /// A path that is no resource: discovery, version, health.
    Other(Vec<String>),
}

/// A resource, or one of its objects.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) version: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Resource {
    pub(super) fn attempt<'a>(&'a self, verb: &'a str) -> Attempt<'a> {
        Attempt {
            verb,
            group: &self.kind.group,
            resource: &self.kind.plural,
            subresource: self.subresource.as_deref().unwrap_or_default(),
            namespace: self.namespace.as_deref(),
            name: self.name.as_deref().unwrap_or_default(),
            path: None,
        }
    }
}

/// The query's parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(uri: &Uri) -> Self {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self(pairs.map(|query| query.0).unwrap_or_default())
    }

    /// The parameter's value; empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1" | "True"))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// The verb, as roles name it.
pub(super) fn verb(method: &Method, named: bool, watch: bool) -> Option<&'static str> {
    Some(match (method.as_str(), named) {
        ("GET" | "HEAD", _) if watch => "watch",
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => return None,
    })
}

/// The path of a resource that need not be served, or of one of its objects.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    group: String,
    version: String,
    namespace: Option<String>,
    plural: String,
    pub(super) name: Option<String>,
    subresource: Option<String>,
}

impl Parts {
    pub(super) fn attempt<'a>(&'a self, verb: &'a str) -> Attempt<'a> {
        Attempt {
            verb,
            group: &self.group,
            resource: &self.plural,
            subresource: self.subresource.as_deref().unwrap_or_default(),
            namespace: self.namespace.as_deref(),
            name: self.name.as_deref().unwrap_or_default(),
            path: None,
        }
    }
}

fn words(path: &str) -> Vec<String> {
    let words = path.split('/').filter(|word| !word.is_empty());
    words.map(decode).collect()
}

/// Reads a path. `None` when it is not that of a resource.
pub(super) fn parts(path: &str) -> Option<Parts> {
    let owned = words(path);
    let words: Vec<&str> = owned.iter().map(String::as_str).collect();
    let (group, version, rest) = match words.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        // Two subresources of a namespace, not resources in it.
        ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        _ => (None, rest),
    };
    let (plural, rest) = rest.split_first()?;
    let (name, subresource) = match rest {
        [] => (None, None),
        [name] => (Some((*name).to_owned()), None),
        [name, sub @ ..] => (Some((*name).to_owned()), Some(sub.join("/"))),
    };
    Some(Parts {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace,
        plural: (*plural).to_owned(),
        name,
        subresource,
    })
}

/// Reads a path. `None` when it names a resource that is not served.
pub(super) fn target(path: &str, kinds: &Kinds) -> Option<Target> {
    let Some(parts) = parts(path) else {
        return Some(Target::Other(words(path)));
    };
    let kind = kinds.served(&parts.group, &parts.version, &parts.plural)?.clone();
    if parts.namespace.is_some() && !kind.namespaced {
        return None;
    }
    if parts.name.is_some() && kind.namespaced && parts.namespace.is_none() {
        return None;
    }
    // A role about the namespace itself is bound in it.
    let namespace = if kind.group.is_empty() && kind.plural == "namespaces" {
        parts.name.clone()
    } else {
        parts.namespace
    };
    Some(Target::Resource(Box::new(Resource {
        version: parts.version,
        namespace,
        name: parts.name,
        subresource: parts.subresource,
        kind,
    })))
}

/// `%2F` and the like.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                digit(high)
                    .zip(digit(low))
                    .and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether `path` begins with a group and version that the server has.
pub(super) fn has_group(path: &str, kinds: &Kinds) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("api"), Some("v1"), _) => true,
        (Some("apis"), Some(group), Some(version)) => {
            let groups = kinds.groups();
            groups
                .get(group)
                .is_some_and(|versions| versions.contains(&version))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<String> {
        match target(path, &Kinds::of(&[]))? {
            Target::Resource(resource) => Some(format!(
                "{} {} {} {}",
                resource.kind.qualified(),
                resource.namespace.as_deref().unwrap_or("-"),
                resource.name.as_deref().unwrap_or("-"),
                resource.subresource.as_deref().unwrap_or("-")
            )),
            Target::Other(parts) => Some(parts.join("+")),
        }
    }

    #[test]
    fn reads_paths() {
        for (path, expected) in [
            ("/api/v1/pods", "pods - - -"),
            ("/api/v1/namespaces", "namespaces - - -"),
            ("/api/v1/namespaces/shop", "namespaces shop shop -"),
            (
                "/api/v1/namespaces/shop/finalize",
                "namespaces shop shop finalize",
            ),
            ("/api/v1/namespaces/shop/pods", "pods shop - -"),
            ("/api/v1/namespaces/shop/pods/a/log", "pods shop a log"),
            (
                "/apis/apps/v1/namespaces/shop/deployments/a%2Db/scale",
                "deployments.apps shop a-b scale",
            ),
            ("/apis/apps/v1", "apis+apps+v1"),
            ("/version", "version"),
        ] {
            assert_eq!(read(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/api/v1/foo",
            "/apis/apps/v9/deployments",
            "/api/v1/namespaces/a/nodes",
            "/api/v1/pods/x",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
