//! What is broken is found, by the library and by the command.

use std::path::Path;
use std::process::Output;

use claw_core::walls::{FaultKind, Standing};
use claw_k8s::cluster::Cluster;
use claw_testbed::suite::{Part, Testbed, agent_command};
use claw_workflows::walls::OuterWalls;
use serde_json::json;

use super::held::{apply, until};
use super::scene::Scene;

/// Breaks one thing after the other.
pub(crate) async fn found_broken(
    testbed: &Testbed,
    scene: &Scene,
    walls: &OuterWalls,
    as_writer: &Cluster,
    token: &Path,
    folder: &Path,
) {
    let api = testbed.api();
    let base = "/apis/admissionregistration.k8s.io/v1";
    let has = |kind: FaultKind, what: &'static str| {
        move |standing: &Standing| {
            standing
                .faults
                .iter()
                .any(|fault| fault.kind == kind && fault.what.contains(what))
        }
    };
    let command = Command::new(testbed, scene, token, folder);
    command
        .check(0, "holds the account that writes to the policy")
        .await;
    api.delete(&format!(
        "{base}/validatingadmissionpolicies/openclaw-wall-places"
    ))
    .await
    .unwrap();
    until(
        "a missing policy",
        walls,
        as_writer,
        has(FaultKind::WallMissing, "ignores a binding to it"),
    )
    .await;
    command
        .check(5, "wall missing: ValidatingAdmissionPolicy openclaw-wall-places")
        .await;
    apply(testbed, scene, &walls.manifests()).await;
    api.delete(&format!(
        "{base}/validatingadmissionpolicybindings/openclaw-wall-phase"
    ))
    .await
    .unwrap();
    until(
        "a missing binding",
        walls,
        as_writer,
        has(FaultKind::WallMissing, "nothing has the API server ask"),
    )
    .await;
    let mut weaker = walls.manifests();
    for object in &mut weaker {
        if object["kind"] == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["validationActions"] = json!(["Audit"]);
        }
    }
    apply(testbed, scene, &weaker).await;
    until(
        "weaker bindings",
        walls,
        as_writer,
        has(FaultKind::WallDiffers, "validationActions"),
    )
    .await;
    apply(testbed, scene, &walls.manifests()).await;
    until("walls again", walls, as_writer, Standing::is_intact).await;
    // A wall of another policy was left.
    let mut left = walls.manifests();
    left.retain(|object| object["metadata"]["name"] == "openclaw-wall-phase");
    for object in &mut left {
        object["metadata"]["name"] = json!("openclaw-wall-overrides");
        if object["kind"] == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["policyName"] = json!("openclaw-wall-overrides");
        }
    }
    apply(testbed, scene, &left).await;
    until(
        "a wall too many",
        walls,
        as_writer,
        has(FaultKind::WallDiffers, "is left of another policy"),
    )
    .await;
    for wall in ["validatingadmissionpolicybindings", "validatingadmissionpolicies"] {
        api.delete(&format!("{base}/{wall}/openclaw-wall-overrides"))
            .await
            .unwrap();
    }
    // Somebody gives the account more.
    let name = format!("{}-more", scene.id);
    let rule = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] });
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": name, "namespace": "kube-system" }, "rules": [rule] });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": name, "namespace": "kube-system" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": "openclaw-agent-writer", "namespace": scene.id }],
    });
    apply(testbed, scene, &[role, binding]).await;
    until(
        "a right too many",
        walls,
        as_writer,
        has(FaultKind::OverPrivileged, "get secrets in kube-system"),
    )
    .await;
    command
        .check(5, "over-privileged: get secrets in kube-system; ")
        .await;
}

/// `claw-agent access --check --writes`, where there is one.
struct Command<'a> {
    program: Option<&'a str>,
    arguments: Vec<String>,
    folder: &'a Path,
}

impl<'a> Command<'a> {
    fn new(testbed: &'a Testbed, scene: &Scene, token: &Path, folder: &'a Path) -> Self {
        let place = scene.place("walls-development").name.as_str();
        let (kubeconfig, token) = (testbed.kubeconfig().to_string_lossy(), token.to_string_lossy());
        let arguments = [
            "access",
            "--check",
            "--writes",
            "--phase",
            "low_risk_writes",
            "--namespace",
            &scene.id,
            "--in",
            place,
            "--kubeconfig",
            &kubeconfig,
            "--token-path",
            &token,
        ];
        Self {
            program: testbed.need(Part::Agent, "the check of walls by claw-agent"),
            arguments: arguments.map(str::to_owned).to_vec(),
            folder,
        }
    }

    async fn check(&self, code: i32, said: &str) {
        let Some(program) = self.program else { return };
        let ended: Output = agent_command(program)
            .args(&self.arguments)
            .current_dir(self.folder)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert!(text.contains(said), "{text}");
    }
}
