//! Which API groups a cluster serves.

use std::collections::BTreeMap;

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
}

impl Discovery {
    /// Reads the answer to `GET /apis`.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
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
                (group.name, ApiGroup { preferred, versions })
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
                    (name.to_owned(), ApiGroup { preferred, versions })
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

    /// The resource in a version that is served: its own where it is, else the one that the server prefers. `None` if
    /// its group is not served.
    pub fn resolve(&self, resource: &Resource) -> Option<Resource> {
        if resource.group.is_empty() {
            return Some(resource.clone());
        }
        let group = self.group(&resource.group)?;
        if group.versions.iter().any(|version| *version == resource.version) {
            Some(resource.clone())
        } else {
            Some(resource.clone().at_version(group.preferred.clone()))
        }
    }
}
