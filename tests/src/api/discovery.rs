//! What the server says about itself.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::kinds::{Kind, Kinds};
use super::status::{Failure, json_response};

/// The version of Kubernetes that the server shows.
const VERSION: (&str, &str) = ("1", "34");

pub(super) fn answer(parts: &[String], kinds: &Kinds) -> Result<Response, Failure> {
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let value = match words.as_slice() {
        ["version"] => version(),
        ["healthz" | "livez" | "readyz", ..] => {
            return Ok(([(CONTENT_TYPE, "text/plain")], "ok").into_response());
        }
        [] => {
            let groups = kinds.groups();
            let paths = groups
                .iter()
                .filter(|(group, _)| !group.is_empty())
                .flat_map(|(group, versions)| {
                    let versions = versions
                        .iter()
                        .map(move |version| format!("/apis/{group}/{version}"));
                    std::iter::once(format!("/apis/{group}")).chain(versions)
                });
            let fixed = ["/api", "/api/v1", "/apis"].map(str::to_owned);
            json!({"paths": fixed.into_iter().chain(paths).collect::<Vec<_>>()})
        }
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        }),
        ["apis"] => {
            let groups = kinds.groups();
            let groups: Vec<Value> = groups
                .iter()
                .filter(|(group, _)| !group.is_empty())
                .map(|(group, versions)| api_group(group, versions))
                .collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", group] => match kinds.groups().get(group) {
            Some(versions) => {
                let mut value = api_group(group, versions);
                if let Value::Object(map) = &mut value {
                    map.insert("kind".to_owned(), "APIGroup".into());
                    map.insert("apiVersion".to_owned(), "v1".into());
                }
                value
            }
            None => return Err(Failure::nothing_here()),
        },
        ["api", "v1"] => resources(kinds, "", "v1"),
        ["apis", group, version] => {
            let known = kinds
                .groups()
                .get(group)
                .is_some_and(|versions| versions.contains(version));
            if !known {
                return Err(Failure::nothing_here());
            }
            resources(kinds, group, version)
        }
        _ => return Err(Failure::nothing_here()),
    };
    Ok(json_response(StatusCode::OK, &value))
}

fn version() -> Value {
    let (major, minor) = VERSION;
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.0"), "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "simulated",
    })
}

fn api_group(group: &str, versions: &[&str]) -> Value {
    let entry = |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({
        "name": group, "versions": versions.iter().map(entry).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(entry),
    })
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Value {
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let found: Vec<Value> = kinds
        .iter()
        .filter(|kind| kind.group == group && kind.versions.iter().any(|served| served == version))
        .flat_map(Kind::resources)
        .collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": found})
}
