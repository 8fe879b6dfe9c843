//! A container is made, or is to be made, and its process never starts.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_k8s::model::{ContainerStatus, Object, Pod, Terminated};
use jiff::Timestamp;

use super::rollback::roll_back;
use super::wording::wording;
use super::{Area, Mechanism, brought};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::ending::{ending, ends_since, waits_since};
use crate::incident::facts::{Facts, clip};
use crate::incident::witness;

/// The runtime cannot run what the container shall run: a command that is not in the image or may not be executed, a user,
/// directory or mount that does not fit, or a node that is not up to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContainerStartError;

impl Mechanism for ContainerStartError {
    fn id(&self) -> &'static str {
        "container_start_error"
    }

    fn area(&self) -> Area {
        Area::PodStart
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let mut failed: BTreeMap<(EntityRef, String), Vec<Start<'_>>> = BTreeMap::new();
        for pod in facts.pods() {
            for status in pod.all_statuses() {
                if let Some(start) = failed_start(facts, pod, status) {
                    failed
                        .entry((facts.workload_of(pod), status.name.clone()))
                        .or_default()
                        .push(start);
                }
            }
        }
        failed
            .into_iter()
            .filter_map(|((workload, container), starts)| candidate(facts, &workload, &container, &starts))
            .collect()
    }
}

/// Whether a run ended before the first instruction of the image: the runtime says so, or a shell found nothing to run.
pub(super) fn never_ran(end: &Terminated) -> bool {
    matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun") || matches!(end.exit_code, 126 | 127)
}

struct Start<'a> {
    pod: &'a Pod,
    since: Option<Timestamp>,
    /// What the runtime said.
    said: String,
    /// The state in one sentence.
    state: String,
}

fn failed_start<'a>(facts: &Facts<'a>, pod: &'a Pod, status: &'a ContainerStatus) -> Option<Start<'a>> {
    let waiting = status.state.waiting.as_ref().filter(|waiting| {
        matches!(
            waiting.reason.as_str(),
            "RunContainerError" | "CreateContainerError"
        ) || waiting.reason == "CreateContainerConfigError" && refuses_user(&waiting.message)
    });
    let end = ending(facts, pod, status, never_ran);
    if waiting.is_none() && end.is_none() || pod.is_finished() && end.is_none() {
        return None;
    }
    let told = facts
        .events_of(&pod.entity())
        .iter()
        .rev()
        .find(|event| event.is_warning() && event.reason == "Failed" && event.message.starts_with("Error: "))
        .map(|event| event.message.clone());
    let logged = facts
        .logs_of(&pod.entity())
        .iter()
        .filter(|digest| digest.container == status.name && end.is_some())
        .flat_map(|digest| &digest.patterns)
        .map(|pattern| pattern.sample.clone())
        .find(|line| Why::of(line) != Why::Unknown);
    let said = waiting
        .map(|waiting| waiting.message.clone())
        .into_iter()
        .chain(end.map(|end| end.message.clone()))
        .chain(told)
        .chain(logged)
        .filter(|text| !text.is_empty())
        .max_by_key(|text| Why::of(text) != Why::Unknown)
        .unwrap_or_default();
    let state = match (waiting, end) {
        (Some(waiting), _) => format!(
            "container {} waits: {} ({})",
            status.name,
            waiting.reason,
            clip(&said, 300)
        ),
        (None, Some(end)) => format!(
            "container {} ended with exit code {} ({}), {} restarts",
            status.name, end.exit_code, end.reason, status.restart_count
        ),
        (None, None) => return None,
    };
    let since = match (waiting, end) {
        (None, Some(end)) => ends_since(facts, pod, status, end),
        _ => waits_since(facts, pod, status),
    };
    Some(Start {
        pod,
        since,
        said,
        state,
    })
}

/// The kubelet will not run an image as a user that it may not be run as.
fn refuses_user(message: &str) -> bool {
    ["runAsNonRoot", "non-root", "non-numeric user"]
        .iter()
        .any(|words| message.contains(words))
}

fn candidate(
    facts: &Facts<'_>,
    workload: &EntityRef,
    container: &str,
    starts: &[Start<'_>],
) -> Option<Candidate> {
    let said = starts
        .iter()
        .map(|start| start.said.as_str())
        .max_by_key(|text| Why::of(text) != Why::Unknown)?;
    // What is not there, and is asked for by name, has a mechanism of its own.
    if ["configmap \"", "secret \"", "couldn't find key"]
        .iter()
        .any(|words| said.contains(words))
    {
        return None;
    }
    let why = Why::of(said);
    let since = starts.iter().filter_map(|start| start.since).min();
    let witnesses = starts
        .iter()
        .map(|start| (start.pod, start.since, start.state.clone()));
    let seen = witness::of_pods(facts, witnesses, |event| {
        event.is_warning() && matches!(event.reason.as_str(), "Failed" | "BackOff" | "InspectFailed")
    });
    let quoted = if said.is_empty() {
        String::new()
    } else {
        format!(": {}", clip(said, 240))
    };
    let mut candidate = Candidate::new(
        "container_start_error",
        workload.clone(),
        format!(
            "container {container} of {workload} cannot start, {}{quoted}",
            why.words()
        ),
    )
    .aspect(container)
    .clue(
        "runtime cannot start the container",
        if why == Why::Unknown { 3.0 } else { 4.0 },
        seen,
    )
    .since(since)
    .hurting(starts.iter().map(|start| start.pod.entity()))
    .derived(why.derived());
    if let Some(change) = facts.rollout_before(workload, since, &[]) {
        candidate = candidate
            .clue(
                brought::since_rollout(facts, change, "cannot start since a rollout"),
                1.2,
                vec![facts.change_evidence(change)],
            )
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
        let back = roll_back(facts, workload, change, "The revision before could be started");
        candidate.advice.extend(back);
    }
    Some(candidate.advise(why.advice(workload, container)))
}

/// Why a process does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    NoCommand,
    /// The program needs a shared library that is not there.
    Library,
    NoPermission,
    OtherPlatform,
    WorkingDirectory,
    User,
    Mount,
    Memory,
    Device,
    NoSpace,
    Overloaded,
    Unknown,
}

impl Why {
    /// The runtimes quote runc, crun and the kernel; shells say `not found` of what they cannot run.
    fn of(text: &str) -> Self {
        let any = wording(text);
        if any(&[
            "runasnonroot",
            "non-root",
            "non-numeric user",
            "unable to find user",
            "unable to find group",
            "no matching entries in passwd",
            "no such user",
        ]) {
            Self::User
        } else if any(&[
            "exec format error",
            "cannot execute binary file",
            "wrong architecture",
        ]) {
            Self::OtherPlatform
        } else if any(&["oom-killed", "memory limit too low", "minimum memory"]) {
            Self::Memory
        } else if any(&["no space left", "disk quota exceeded"]) {
            Self::NoSpace
        } else if any(&[
            "nvidia-container",
            "cdi device",
            "device driver",
            "inject cdi",
            "failed to inject device",
        ]) {
            Self::Device
        } else if any(&[
            "loading shared libraries",
            "error loading shared library",
            "error relocating",
        ]) {
            Self::Library
        } else if any(&["chdir to cwd", "working directory", "os.getwd"]) {
            Self::WorkingDirectory
        } else if any(&[
            "mount a directory onto a file",
            "subpath",
            "error mounting",
            "failed to mount",
            "is not shared or slave",
            "read-only file system",
        ]) {
            Self::Mount
        } else if any(&["permission denied", "operation not permitted"]) {
            Self::NoPermission
        } else if any(&[
            "executable file not found",
            "no such file or directory",
            "no command specified",
            "command not found",
            "not a directory",
        ]) || any(&["sh: ", "exec: ", "exec "]) && any(&["not found"])
        {
            Self::NoCommand
        } else if any(&["deadline exceeded", "is reserved for", "timed out"]) {
            Self::Overloaded
        } else {
            Self::Unknown
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NoCommand => "the command is not in the image",
            Self::Library => "its program needs a shared library that is not in the image",
            Self::NoPermission => "its command may not be executed",
            Self::OtherPlatform => "the image is built for another platform",
            Self::WorkingDirectory => "its working directory cannot be used",
            Self::User => "it may not run as the user that it is to run as",
            Self::Mount => "a volume cannot be mounted at its path",
            Self::Memory => "its memory limit does not suffice to start it",
            Self::Device => "the node cannot give it the device that it asks for",
            Self::NoSpace => "the node has no space left",
            Self::Overloaded => "the node's runtime does not do it in time",
            Self::Unknown => "the runtime refuses",
        }
    }

    /// What lies with the node may have a cause there.
    fn derived(self) -> f64 {
        match self {
            Self::Overloaded | Self::NoSpace => 0.7,
            Self::Device => 0.5,
            _ => 0.0,
        }
    }

    fn advice(self, workload: &EntityRef, container: &str) -> Advice {
        let namespace = workload.namespace.as_deref().unwrap_or("default");
        let show = format!(
            "kubectl -n {namespace} get {} {} -o jsonpath='{{..containers[?(@.name==\"{container}\")]}}'",
            workload.kind.to_lowercase(),
            workload.name
        );
        let (title, reason) = match self {
            Self::NoCommand => (
                format!("Correct command and args of container {container}, or the image that lacks them"),
                "The path has to exist in the image",
            ),
            Self::Library => (
                format!(
                    "Put the library into the image of container {container}, or go back to the image that has it"
                ),
                "The loader does not find what the program was linked with",
            ),
            Self::NoPermission => (
                format!("Make the command of container {container} executable for its user"),
                "The kernel refuses to execute it",
            ),
            Self::OtherPlatform => (
                format!(
                    "Build the image of container {container} for the nodes' platform, or choose nodes of its own"
                ),
                "Its binary is for another processor, or a script without a first line that names its interpreter",
            ),
            Self::WorkingDirectory => (
                format!("Correct workingDir of container {container}"),
                "The directory has to exist and be open to its user",
            ),
            Self::User => (
                format!("Set runAsUser of container {container} to a numeric user that is allowed"),
                "The kubelet does not start it as another one",
            ),
            Self::Mount => (
                format!("Correct volumeMounts of container {container}"),
                "A file can be mounted only onto a file, a directory onto a directory",
            ),
            Self::Memory => (
                format!("Raise the memory limit of container {container}"),
                "The runtime itself needs some before the process starts",
            ),
            Self::Device | Self::NoSpace | Self::Overloaded => (
                "Look at the node and its container runtime".to_owned(),
                "The container is as it was; the node cannot start it",
            ),
            Self::Unknown => (
                format!("Read what the runtime says of container {container} and mend it in {workload}"),
                "It is refused before it runs",
            ),
        };
        Advice::new(title, reason).command(show)
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::{Value, json};

    use super::{ContainerStartError, Why};
    use crate::incident::case::Case;
    use crate::incident::mechanism::{Mechanism as _, crash, fixture};
    use crate::incident::testing::{at, case, deploy, deployment, of};

    fn with(status: Value) -> Case {
        let mut case = case();
        let status = json!({"phase": "Running", "startTime": at(-60), "containerStatuses": [status]});
        deployment(
            &mut case,
            "cart",
            json!({"containers": [{"name": "app"}], "status": status}),
        );
        case
    }

    #[test]
    fn a_command_that_is_not_in_the_image_is_named() {
        let said = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
                    unable to start container process: exec: \"/app/sevre\": stat /app/sevre: no such file or directory: unknown";
        let end = json!({"terminated": {"reason": "StartError", "exitCode": 128, "message": said, "finishedAt": at(0)}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container"}});
        let mut case = with(json!({"name": "app", "restartCount": 5, "state": waiting, "lastState": end}));
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        case.changes.push(deploy(&cart, "Deployment/shop/cart@4", -90));
        let found = of(&ContainerStartError, &case);
        assert_eq!(found.len(), 1);
        assert!(found[0].cause.contains("not in the image"), "{}", found[0].cause);
        assert_eq!(
            fixture::clue(&found[0], "cannot start since a rollout"),
            Some(1.2)
        );
        assert_eq!(found[0].change.as_deref(), Some("Deployment/shop/cart@4"));
        // The same end is not an error of the application.
        assert!(
            crash::Crash
                .candidates(&crate::incident::facts::Facts::new(&case))
                .is_empty()
        );
    }

    #[test]
    fn a_missing_secret_is_not_ours_and_a_refused_user_is() {
        let waits = |message: &str| {
            let state = json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
            of(
                &ContainerStartError,
                &with(json!({"name": "app", "state": state})),
            )
            .len()
        };
        assert_eq!(waits("secret \"db\" not found"), 0);
        assert_eq!(
            waits("container has runAsNonRoot and image will run as root (pod: \"cart\")"),
            1
        );
    }

    #[test]
    fn a_container_that_runs_since_is_well() {
        let end =
            json!({"terminated": {"reason": "StartError", "exitCode": 128, "finishedAt": at(-900_000)}});
        let state = json!({"running": {"startedAt": at(-899_000)}});
        let case =
            with(json!({"name": "app", "ready": true, "restartCount": 1, "state": state, "lastState": end}));
        assert!(of(&ContainerStartError, &case).is_empty());
    }

    #[test]
    fn tells_apart_why_a_process_does_not_start() {
        for (text, why) in [
            (
                "exec: \"serve\": executable file not found in $PATH: unknown",
                Why::NoCommand,
            ),
            (
                "exec: \"/entry.sh\": permission denied: unknown",
                Why::NoPermission,
            ),
            ("exec /usr/bin/app: exec format error", Why::OtherPlatform),
            ("/bin/sh: 1: gunicorn: not found", Why::NoCommand),
            (
                "scan: error while loading shared libraries: libclam.so.12: cannot open shared object file: No such file or directory",
                Why::Library,
            ),
            (
                "failed to generate container spec: no command specified",
                Why::NoCommand,
            ),
            (
                "chdir to cwd (\"/srv\") set in config.json failed: permission denied",
                Why::WorkingDirectory,
            ),
            (
                "error mounting \"/var/lib/kubelet/x\" to rootfs at \"/etc/a.conf\": not a directory: Are you trying to mount a directory onto a file (or vice-versa)?",
                Why::Mount,
            ),
            (
                "container init was OOM-killed (memory limit too low?)",
                Why::Memory,
            ),
            (
                "unable to find user app: no matching entries in passwd file",
                Why::User,
            ),
            (
                "failed to reserve container name \"app_1\": name is reserved for \"f3\"",
                Why::Overloaded,
            ),
            ("context deadline exceeded", Why::Overloaded),
            ("", Why::Unknown),
        ] {
            assert_eq!(Why::of(text), why, "{text}");
        }
    }
}
