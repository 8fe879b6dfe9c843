//! Named faults: a small application, and what befalls it.
//!
//! A fault is a file in `faults/`: what it is, and the steps that bring it about. Names and labels in it do not say
//! what is wrong; `stage: s1` on a pod makes the simulated kubelet do it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::kubectl::Kubectl;
use crate::modules;
use crate::suite;

/// How long an application may take to be ready.
const READY: &str = "120s";

/// A fault, as its file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name: that of the file.
    #[serde(skip)]
    pub name: String,
    /// What is wrong, in a line. For people; nothing of it gets into the cluster.
    pub summary: String,
    /// Whether the simulated kubelets play a part, so that it works on no other cluster.
    #[serde(default)]
    pub simulated: bool,
    steps: Vec<Step>,
}

/// One thing to do. Exactly one of the fields is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Step {
    /// Objects to apply, in the namespace of the fault unless they have none.
    apply: Vec<Value>,
    /// A workload to wait for, `deployment/cart`, until it is ready.
    ready: Option<String>,
    /// Labels to set on what runs.
    label: Option<Label>,
    /// Seconds to let pass, so that what comes next is seen to come later.
    pause: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    /// `key=value`.
    set: String,
    /// Label selector of pods; the first one gets the label.
    #[serde(default)]
    pod: Option<String>,
    /// Label selector of pods; the node of the first one gets the label.
    #[serde(default)]
    node_of: Option<String>,
}

impl Fault {
    /// All faults, by name.
    pub fn all() -> Result<Vec<Self>, Error> {
        let folder = modules::data("faults");
        let entries = std::fs::read_dir(&folder).map_err(Error::io("read", &folder))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// The fault of that name.
    pub fn named(name: &str) -> Result<Self, Error> {
        let all = Self::all()?;
        let names: Vec<_> = all.iter().map(|fault| fault.name.clone()).collect();
        all.into_iter()
            .find(|fault| fault.name == name)
            .ok_or_else(|| Error::Unknown {
                kind: "fault",
                name: name.to_owned(),
                known: names.join(" "),
            })
    }

    fn read(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(Error::io("read", file))?;
        let wrong = |why: String| Error::Data {
            path: file.to_owned(),
            why,
        };
        let mut fault: Self = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        fault.name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match fault.steps.iter().position(|step| step.kinds() != 1) {
            Some(place) => Err(wrong(format!(
                "step {} is not exactly one of apply, ready, label, pause",
                place + 1
            ))),
            None => Ok(fault),
        }
    }

    /// Brings it about in `namespace`, which is made when it is not there.
    pub async fn inject(&self, kubectl: &Kubectl, namespace: &str) -> Result<(), Error> {
        let own =
            serde_json::json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        kubectl.apply(&own.to_string()).await?;
        let uid = kubectl
            .run(&["get", "namespace", namespace, "--output=jsonpath={.metadata.uid}"])
            .await?;
        let place = Place {
            namespace,
            uid: uid.trim(),
        };
        for step in &self.steps {
            step.take(kubectl, place).await?;
        }
        Ok(())
    }
}

/// The namespace of a fault.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    namespace: &'a str,
    uid: &'a str,
}

impl Step {
    fn kinds(&self) -> usize {
        [
            !self.apply.is_empty(),
            self.ready.is_some(),
            self.label.is_some(),
            self.pause.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
    }

    async fn take(&self, kubectl: &Kubectl, place: Place<'_>) -> Result<(), Error> {
        let inside = format!("--namespace={}", place.namespace);
        if !self.apply.is_empty() {
            kubectl.apply(&placed(&self.apply, place).to_string()).await?;
        }
        if let Some(workload) = &self.ready {
            kubectl
                .run(&[
                    "rollout",
                    "status",
                    &inside,
                    &format!("--timeout={READY}"),
                    workload,
                ])
                .await?;
        }
        if let Some(label) = &self.label {
            label.set(kubectl, &inside).await?;
        }
        if let Some(pause) = self.pause {
            tokio::time::sleep(Duration::try_from_secs_f64(pause).unwrap_or_default()).await;
        }
        Ok(())
    }
}

impl Label {
    async fn set(&self, kubectl: &Kubectl, inside: &str) -> Result<(), Error> {
        let (selector, what) = match (&self.pod, &self.node_of) {
            (Some(selector), _) => (selector, ".metadata.name"),
            (None, Some(selector)) => (selector, ".spec.nodeName"),
            (None, None) => return Ok(()),
        };
        let wanted = format!("--output=jsonpath={{.items[0]{what}}}");
        let name = kubectl
            .run(&["get", "pods", inside, "--selector", selector, &wanted])
            .await?;
        let target = if self.pod.is_some() {
            format!("pod/{name}")
        } else {
            format!("node/{name}")
        };
        kubectl
            .run(&["label", inside, "--overwrite", &target, &self.set])
            .await?;
        Ok(())
    }
}

/// The objects as a list, each in the namespace, and with its name for `NAMESPACE` wherever it is a text of its own. What is in
/// no namespace is owned by it, so that it goes when the namespace goes.
fn placed(objects: &[Value], place: Place<'_>) -> Value {
    const OWNED: [&str; 2] = ["ClusterRole", "ValidatingWebhookConfiguration"];
    let items = objects.iter().cloned().map(|mut object| {
        fill(&mut object, place.namespace);
        let kind = object.get("kind").and_then(Value::as_str);
        let owned = kind.is_some_and(|kind| OWNED.contains(&kind));
        let is_place = kind == Some("Namespace");
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            if owned {
                let owner = suite::owner(place.namespace, place.uid);
                metadata.insert("ownerReferences".to_owned(), vec![owner].into());
            } else if !is_place {
                metadata
                    .entry("namespace")
                    .or_insert_with(|| place.namespace.into());
            }
        }
        object
    });
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items.collect::<Vec<_>>() })
}

fn fill(value: &mut Value, namespace: &str) {
    match value {
        Value::String(text) => *text = text.replace("NAMESPACE", namespace),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, namespace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, namespace)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_understood_and_do_not_give_themselves_away() {
        let all = Fault::all().unwrap();
        assert!(all.len() >= 14, "{}", all.len());
        for fault in &all {
            let applied: Vec<_> = fault.steps.iter().flat_map(|step| &step.apply).collect();
            assert!(!applied.is_empty(), "{} applies nothing", fault.name);
            for object in applied {
                for name in [
                    object.pointer("/metadata/name"),
                    object.pointer("/spec/template/metadata/labels"),
                ] {
                    let name = name.map(Value::to_string).unwrap_or_default();
                    assert!(!name.contains(&fault.name), "{name} of {}", fault.name);
                }
            }
        }
    }

    #[test]
    fn objects_are_placed() {
        let object = serde_json::json!({ "kind": "Pod", "metadata": { "name": "a" }, "x": ["in NAMESPACE"] });
        let hook = serde_json::json!({ "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "NAMESPACE-a" } });
        let place = Place {
            namespace: "shop",
            uid: "1",
        };
        let list = placed(&[object, hook], place);
        assert_eq!(list["items"][0]["metadata"]["namespace"], "shop");
        assert_eq!(list["items"][0]["x"][0], "in shop");
        let hook = &list["items"][1]["metadata"];
        assert_eq!(
            (&hook["name"], &hook["ownerReferences"][0]["uid"]),
            (&"shop-a".into(), &"1".into())
        );
        assert!(hook.get("namespace").is_none());
    }

    #[test]
    fn a_step_that_says_two_things_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.yaml");
        std::fs::write(&file, "summary: x\nsteps:\n- { ready: deployment/a, pause: 1 }\n").unwrap();
        let error = Fault::read(&file).unwrap_err().to_string();
        assert!(error.contains("step 1 is not exactly one of"), "{error}");
    }
}
