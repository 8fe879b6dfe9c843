//! Which API groups a cluster serves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Resource;

/// The API groups that a cluster serves, besides the core group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    groups: BTreeMap<String, ApiGroup>,
}

/// One API group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiGroup {
    /// Version that the server prefers.
    pub preferred: String,
    /// All versions, the most stable first.
    pub versions: Vec<String>,
    /// The plural names of the kinds of each version, where the server tells: Kubernetes does from 1.27 on.
    pub kinds: BTreeMap<String, BTreeSet<String>>,
}

impl ApiGroup {
    /// Whether the version has the kind; `None` where the server does not tell.
    fn has(&self, version: &str, plural: &str) -> Option<bool> {
        self.kinds.get(version).map(|kinds| kinds.contains(plural))
    }
}

impl Discovery {
    /// Reads the answer to `GET /apis`: an `APIGroupDiscoveryList`, or the `APIGroupList` of older servers.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Which {
            #[serde(default)]
            kind: Option<String>,
        }
        match serde_json::from_slice::<Which>(json)?.kind.as_deref() {
            Some("APIGroupDiscoveryList") => Self::with_kinds(json),
            _ => Self::without_kinds(json),
        }
    }

    fn with_kinds(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            items: Option<Vec<Group>>,
        }
        #[derive(Deserialize)]
        struct Group {
            metadata: Named,
            #[serde(default)]
            versions: Option<Vec<Version>>,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        #[derive(Deserialize)]
        struct Version {
            version: String,
            #[serde(default)]
            resources: Option<Vec<Plural>>,
            #[serde(default)]
            freshness: Option<String>,
        }
        #[derive(Deserialize)]
        struct Plural {
            resource: String,
        }
        let list: List = serde_json::from_slice(json)?;
        let mut groups = BTreeMap::new();
        for group in list.items.unwrap_or_default() {
            let mut known = ApiGroup::default();
            for version in group.versions.unwrap_or_default() {
                // The kinds of a server behind the API server that does not answer are not known.
                if version.freshness.as_deref() != Some("Stale") {
                    let kinds = version.resources.unwrap_or_default();
                    let kinds = kinds.into_iter().map(|kind| kind.resource).collect();
                    known.kinds.insert(version.version.clone(), kinds);
                }
                known.versions.push(version.version);
            }
            known.preferred = known.versions.first().cloned().unwrap_or_default();
            groups.insert(group.metadata.name, known);
        }
        Ok(Self { groups })
    }

    fn without_kinds(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            groups: Option<Vec<Group>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Group {
            name: String,
            #[serde(default)]
            versions: Option<Vec<Version>>,
            #[serde(default)]
            preferred_version: Option<Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let list: List = serde_json::from_slice(json)?;
        let groups = list
            .groups
            .unwrap_or_default()
            .into_iter()
            .map(|group| {
                let versions: Vec<_> = group
                    .versions
                    .unwrap_or_default()
                    .into_iter()
                    .map(|version| version.version)
                    .collect();
                let preferred = group
                    .preferred_version
                    .map(|version| version.version)
                    .or_else(|| versions.first().cloned())
                    .unwrap_or_default();
                let group_of = ApiGroup {
                    preferred,
                    versions,
                    kinds: BTreeMap::new(),
                };
                (group.name, group_of)
            })
            .collect();
        Ok(Self { groups })
    }

    /// A discovery with these groups, each with its versions. The first version is preferred.
    pub fn with_groups<'a>(groups: impl IntoIterator<Item = (&'a str, &'a [&'a str])>) -> Self {
        Self {
            groups: groups
                .into_iter()
                .map(|(name, versions)| {
                    let versions: Vec<_> = versions.iter().map(|v| (*v).to_owned()).collect();
                    let preferred = versions.first().cloned().unwrap_or_default();
                    let group = ApiGroup {
                        preferred,
                        versions,
                        kinds: BTreeMap::new(),
                    };
                    (name.to_owned(), group)
                })
                .collect(),
        }
    }

    /// The group of that name.
    pub fn group(&self, name: &str) -> Option<&ApiGroup> {
        self.groups.get(name)
    }

    /// All groups by name.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &ApiGroup)> {
        self.groups.iter().map(|(name, group)| (name.as_str(), group))
    }

    /// The resource in a version that is served: its own where it is, else the one that the server prefers. `None` if its
    /// group is not served, or the kind in none of its versions.
    pub fn resolve(&self, resource: &Resource) -> Option<Resource> {
        if resource.group.is_empty() {
            return Some(resource.clone());
        }
        let group = self.group(&resource.group)?;
        let own = group
            .versions
            .iter()
            .filter(|version| **version == resource.version);
        let version = own
            .chain([&group.preferred])
            .chain(&group.versions)
            .find(|version| group.has(version, &resource.plural) != Some(false))?;
        Some(resource.clone().at_version(version.clone()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_read_in_a_version_that_has_it_and_not_at_all_where_none_has() {
        let version = |version: &str, kinds: &[&str], freshness: &str| {
            let kinds: Vec<_> = kinds.iter().map(|kind| json!({"resource": kind})).collect();
            json!({"version": version, "resources": kinds, "freshness": freshness})
        };
        let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
            {"metadata": {"name": "gateway.networking.k8s.io"}, "versions": [
                version("v1", &["gateways", "httproutes"], "Current"), version("v1alpha3", &["tlsroutes"], "Current")]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [version("v1beta1", &[], "Stale")]}]});
        let discovery = Discovery::parse(list.to_string().as_bytes()).unwrap();
        let resolved =
            |resource: &Resource| discovery.resolve(resource).map(|found| found.version.to_string());
        assert_eq!(resolved(&Resource::GATEWAYS).as_deref(), Some("v1"));
        assert_eq!(resolved(&Resource::TLS_ROUTES).as_deref(), Some("v1alpha3"));
        assert_eq!(resolved(&Resource::TCP_ROUTES), None);
        assert_eq!(resolved(&Resource::VIRTUAL_SERVICES), None);
        assert_eq!(
            resolved(&Resource::POD_METRICS).as_deref(),
            Some("v1beta1"),
            "not known"
        );
        assert_eq!(discovery.group("metrics.k8s.io").unwrap().preferred, "v1beta1");
    }
}
