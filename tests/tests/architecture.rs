//! The shape of the workspace: who may depend on whom, and what there may be only one of.
//!
//! The rules are a pure function over the graph that `cargo metadata` gives; the tests beside it show that each rule
//! can fail. Why the rules are as they are: `docs/adr/0001-crate-layout.md` and `docs/adr/0002-one-tls-provider.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::Command;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

/// The crates of the workspace, each with those that it may depend on, in tests too.
const MAY_DEPEND_ON: [(&str, &[&str]); 8] = [
    ("claw-core", &[]),
    ("claw-k8s", &["claw-core"]),
    ("claw-metrics", &["claw-core"]),
    ("claw-guardrails", &["claw-core"]),
    (
        "claw-workflows",
        &["claw-core", "claw-k8s", "claw-metrics", "claw-guardrails"],
    ),
    (
        "claw-testkit",
        &[
            "claw-core",
            "claw-k8s",
            "claw-metrics",
            "claw-guardrails",
            "claw-workflows",
        ],
    ),
    (
        "claw-testbed",
        &[
            "claw-core",
            "claw-k8s",
            "claw-metrics",
            "claw-guardrails",
            "claw-workflows",
            "claw-testkit",
        ],
    ),
    (
        "claw-examples",
        &[
            "claw-core",
            "claw-k8s",
            "claw-metrics",
            "claw-guardrails",
            "claw-workflows",
            "claw-testkit",
        ],
    ),
];

/// Crates that end in a binary or a test: these choose the Kubernetes version that types are made for.
const CHOOSE_A_KUBERNETES_VERSION: [&str; 3] = ["claw-testkit", "claw-testbed", "claw-examples"];

/// Packages of which there is one version, because their types or their global state meet.
const ONE_VERSION: [&str; 5] = ["k8s-openapi", "kube", "kube-client", "reqwest", "rustls"];

/// Packages that bring a second TLS stack, or a C library to look for on the machine.
const NEVER: [&str; 6] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "native-tls",
    "openssl",
    "openssl-sys",
];

/// What the rules need to know of the workspace.
#[derive(Clone, Debug, Default)]
struct Graph {
    members: BTreeMap<String, Member>,
    resolved: Vec<Resolved>,
}

/// A crate of the workspace as its manifest has it.
#[derive(Clone, Debug, Default)]
struct Member {
    /// Names of the crates that it depends on, in any way.
    dependencies: BTreeSet<String>,
    /// Features of k8s-openapi that it enables outside its tests.
    k8s_openapi_features: BTreeSet<String>,
}

/// A package as it goes into a build.
#[derive(Clone, Debug)]
struct Resolved {
    name: String,
    version: String,
    features: BTreeSet<String>,
}

/// Every breach of the rules, one sentence each.
fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    direction(graph, &mut found);
    kubernetes_versions(graph, &mut found);
    packages(graph, &mut found);
    found
}

fn direction(graph: &Graph, found: &mut Vec<String>) {
    let rules: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.into_iter().collect();
    for name in rules.keys() {
        if !graph.members.contains_key(*name) {
            found.push(format!("{name} has a rule and is no member of the workspace"));
        }
    }
    for (name, member) in &graph.members {
        let Some(allowed) = rules.get(name.as_str()) else {
            found.push(format!("{name} is a member of the workspace and has no rule"));
            continue;
        };
        for dependency in &member.dependencies {
            if graph.members.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                found.push(format!("{name} must not depend on {dependency}"));
            }
        }
    }
}

fn kubernetes_versions(graph: &Graph, found: &mut Vec<String>) {
    for (name, member) in &graph.members {
        if CHOOSE_A_KUBERNETES_VERSION.contains(&name.as_str()) {
            continue;
        }
        for feature in &member.k8s_openapi_features {
            if feature.starts_with("v1_") || feature == "latest" || feature == "earliest" {
                found.push(format!(
                    "{name} is a library and must not choose k8s-openapi/{feature}"
                ));
            }
        }
    }
}

fn packages(graph: &Graph, found: &mut Vec<String>) {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &graph.resolved {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
        if NEVER.contains(&package.name.as_str()) {
            found.push(format!("{} {} is in the build", package.name, package.version));
        }
        if package.name == "rustls" {
            if !package.features.contains("ring") {
                found.push("rustls is built without ring".to_owned());
            }
            for feature in &package.features {
                if feature.replace('-', "_").contains("aws_lc") || feature == "fips" {
                    found.push(format!("rustls is built with {feature}"));
                }
            }
        }
    }
    for name in ONE_VERSION {
        match versions.get(name) {
            Some(versions) if versions.len() > 1 => {
                let all: Vec<_> = versions.iter().copied().collect();
                found.push(format!("{name} is there in several versions: {}", all.join(", ")));
            }
            Some(_) => {}
            None => found.push(format!("{name} is not in the build; correct the rule")),
        }
    }
}

/// The graph of this workspace for the platform that the tests run on, with every feature.
///
/// Offline: everything that is asked about has just been compiled.
fn workspace() -> Result<Graph, Box<dyn Error>> {
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let rustc = String::from_utf8(rustc.stdout)?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not say what it compiles for")?;
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--offline", "--filter-platform", host].map(str::to_owned))
        .exec()?;
    Ok(graph(&metadata))
}

fn graph(metadata: &Metadata) -> Graph {
    let members = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let dependencies = package
                .dependencies
                .iter()
                .map(|dependency| dependency.name.clone())
                .collect();
            let k8s_openapi_features = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.name == "k8s-openapi")
                .filter(|dependency| dependency.kind != cargo_metadata::DependencyKind::Development)
                .flat_map(|dependency| dependency.features.iter().cloned())
                .collect();
            let member = Member {
                dependencies,
                k8s_openapi_features,
            };
            (package.name.to_string(), member)
        })
        .collect();
    let resolved = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| {
            let package = &metadata[&node.id];
            Resolved {
                name: package.name.to_string(),
                version: package.version.to_string(),
                features: node.features.iter().map(|feature| feature.to_string()).collect(),
            }
        })
        .collect();
    Graph { members, resolved }
}

#[test]
fn the_workspace_keeps_the_rules() {
    let found = violations(&workspace().unwrap());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_graph_of_the_workspace_is_seen() {
    let graph = workspace().unwrap();
    assert!(graph.members["claw-workflows"].dependencies.contains("claw-k8s"));
    assert!(
        graph.members["claw-examples"]
            .k8s_openapi_features
            .iter()
            .any(|feature| feature.starts_with("v1_"))
    );
    assert!(graph.resolved.len() > 100, "{} packages", graph.resolved.len());
}

/// A workspace that keeps the rules.
fn sound() -> Graph {
    let mut graph = Graph::default();
    for (name, allowed) in MAY_DEPEND_ON {
        let mut member = Member {
            dependencies: allowed.iter().map(|name| (*name).to_owned()).collect(),
            ..Member::default()
        };
        member.dependencies.insert("serde".to_owned());
        if CHOOSE_A_KUBERNETES_VERSION.contains(&name) {
            member.k8s_openapi_features.insert("v1_37".to_owned());
        }
        graph.members.insert(name.to_owned(), member);
    }
    for name in ONE_VERSION {
        add(
            &mut graph,
            name,
            "1.0.0",
            if name == "rustls" { &["ring", "std"] } else { &[] },
        );
    }
    graph
}

fn add(graph: &mut Graph, name: &str, version: &str, features: &[&str]) {
    graph.resolved.push(Resolved {
        name: name.to_owned(),
        version: version.to_owned(),
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
    });
}

/// What the rules say of a workspace that was sound before `damage`.
#[track_caller]
fn found_after(damage: impl FnOnce(&mut Graph)) -> Vec<String> {
    let mut graph = sound();
    assert_eq!(violations(&graph), Vec::<String>::new());
    damage(&mut graph);
    violations(&graph)
}

#[test]
fn a_dependency_against_the_direction_is_found() {
    let depend = |from: &'static str, on: &'static str| {
        found_after(|graph| {
            graph
                .members
                .get_mut(from)
                .unwrap()
                .dependencies
                .insert(on.to_owned());
        })
    };
    assert_eq!(
        depend("claw-core", "claw-k8s"),
        ["claw-core must not depend on claw-k8s"]
    );
    assert_eq!(
        depend("claw-k8s", "claw-metrics"),
        ["claw-k8s must not depend on claw-metrics"]
    );
    assert_eq!(
        depend("claw-guardrails", "claw-k8s"),
        ["claw-guardrails must not depend on claw-k8s"]
    );
    assert_eq!(
        depend("claw-workflows", "claw-testkit"),
        ["claw-workflows must not depend on claw-testkit"]
    );
    assert_eq!(
        depend("claw-testkit", "claw-examples"),
        ["claw-testkit must not depend on claw-examples"]
    );
    assert_eq!(
        depend("claw-examples", "claw-testbed"),
        ["claw-examples must not depend on claw-testbed"]
    );
}

#[test]
fn a_crate_without_a_rule_is_found() {
    let found = found_after(|graph| {
        graph.members.insert("claw-helpers".to_owned(), Member::default());
    });
    assert_eq!(
        found,
        ["claw-helpers is a member of the workspace and has no rule"]
    );
    let found = found_after(|graph| {
        graph.members.remove("claw-metrics");
    });
    assert_eq!(
        found,
        ["claw-metrics has a rule and is no member of the workspace"]
    );
}

#[test]
fn a_library_that_chooses_a_kubernetes_version_is_found() {
    let found = found_after(|graph| {
        let member = graph.members.get_mut("claw-k8s").unwrap();
        member.k8s_openapi_features.insert("v1_37".to_owned());
    });
    assert_eq!(
        found,
        ["claw-k8s is a library and must not choose k8s-openapi/v1_37"]
    );
}

#[test]
fn a_second_tls_provider_is_found() {
    assert_eq!(
        found_after(|graph| add(graph, "aws-lc-rs", "1.2.3", &[])),
        ["aws-lc-rs 1.2.3 is in the build"]
    );
    assert_eq!(
        found_after(|graph| add(graph, "openssl-sys", "0.9.0", &[])),
        ["openssl-sys 0.9.0 is in the build"]
    );
    let rustls = |features: &'static [&'static str]| {
        found_after(|graph| {
            graph.resolved.retain(|package| package.name != "rustls");
            add(graph, "rustls", "1.0.0", features);
        })
    };
    assert_eq!(rustls(&["std"]), ["rustls is built without ring"]);
    assert_eq!(rustls(&["ring", "aws_lc_rs"]), ["rustls is built with aws_lc_rs"]);
}

#[test]
fn a_second_version_is_found() {
    let found = found_after(|graph| add(graph, "reqwest", "0.12.0", &[]));
    assert_eq!(found, ["reqwest is there in several versions: 0.12.0, 1.0.0"]);
    let found = found_after(|graph| graph.resolved.retain(|package| package.name != "kube"));
    assert_eq!(found, ["kube is not in the build; correct the rule"]);
}
