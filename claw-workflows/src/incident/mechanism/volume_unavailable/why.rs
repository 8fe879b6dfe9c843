//! Why a claim is not bound.

use claw_core::entity::EntityRef;
use claw_k8s::model::{Event, Object as _, PersistentVolumeClaim, StorageClass, Workload};

use super::supply::{Mismatch, closest, mismatch};
use crate::incident::candidate::Advice;
use crate::incident::facts::{Facts, clip};
use crate::incident::mechanism::wording::wording;

/// Provisioner of classes whose volumes people make by hand.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// Whether an event about a claim tells why it is not bound.
pub(super) fn tells(event: &Event) -> bool {
    event.is_warning() || matches!(event.reason.as_str(), "FailedBinding" | "ExternalProvisioning")
}

/// Why a claim is not bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The volume that it was bound to is gone.
    Lost(String),
    /// Its class does not exist.
    ClassMissing(String),
    /// It names no class, and there is no default.
    NoDefaultClass,
    /// It asks for a volume by name that does not exist.
    VolumeMissing(String),
    /// No volume on offer suits it.
    NoMatch(Mismatch),
    /// There is no volume of its class at all, and nobody makes any.
    NoVolume(String),
    /// Who makes its volumes does not run.
    ProvisionerDown {
        provisioner: String,
        workload: EntityRef,
    },
    /// Nobody answers.
    ProvisionerSilent(String),
    /// Who makes its volumes says no.
    Refused(Refusal, String),
    /// Nothing tells.
    Unknown(String),
}

/// What a provisioner refuses for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Quota,
    Capacity,
    AccessMode,
    Zone,
    Credentials,
    Other,
}

impl Why {
    pub(super) fn of(facts: &Facts<'_>, claim: &PersistentVolumeClaim) -> Self {
        let objects = &facts.case.objects;
        let wanted = &claim.spec.volume_name;
        if claim.status.phase == "Lost" {
            return Self::Lost(wanted.clone());
        }
        let said = facts
            .event(&claim.entity(), tells)
            .map(|event| event.message.as_str());
        let classes = &objects.storage_classes;
        // A recording without classes or volumes does not tell that there are none.
        let classes_known = !classes.is_empty();
        let name = claim.spec.storage_class_name.as_deref();
        let class = match name {
            Some(name) => classes.iter().find(|class| class.metadata.name == name),
            None => classes.iter().find(|class| class.is_default()),
        };
        // Volumes of a class that is no object are bound all the same: the name only has to be equal.
        let of_class = |name: &str| {
            objects
                .volumes
                .iter()
                .any(|volume| volume.spec.storage_class_name == name)
        };
        let gone = said.is_some_and(|said| said.contains("storageclass") && said.contains("not found"));
        match name.filter(|name| !name.is_empty()) {
            Some(name) if class.is_none() && (classes_known || gone) && !of_class(name) => {
                return Self::ClassMissing(name.to_owned());
            }
            _ => {}
        }
        if let Some(why) = Self::of_volumes(facts, claim, class, said) {
            return why;
        }
        if name.is_none() && class.is_none() && classes_known {
            return Self::NoDefaultClass;
        }
        Self::of_provisioner(facts, class, said.unwrap_or_default())
    }

    /// Why no volume is taken, where volumes are made by people, or one is asked for by name.
    fn of_volumes(
        facts: &Facts<'_>,
        claim: &PersistentVolumeClaim,
        class: Option<&StorageClass>,
        said: Option<&str>,
    ) -> Option<Self> {
        let volumes = &facts.case.objects.volumes;
        let known = !volumes.is_empty();
        let wanted = &claim.spec.volume_name;
        let name = claim.spec.storage_class_name.as_deref();
        if !wanted.is_empty() {
            return match volumes.iter().find(|volume| volume.metadata.name == *wanted) {
                Some(volume) => {
                    let found = mismatch(claim, name.unwrap_or_default(), volume);
                    (found != Mismatch::Nothing).then_some(Self::NoMatch(found))
                }
                None => known.then(|| Self::VolumeMissing(wanted.clone())),
            };
        }
        let by_hand = match class {
            Some(class) => class.provisioner == BY_HAND || class.provisioner.is_empty(),
            None => true,
        };
        // A provisioner that is asked for what only a person can make says so.
        let selects = claim
            .spec
            .selector
            .as_ref()
            .is_some_and(|selector| !selector.is_empty());
        if !by_hand && !selects || !known {
            return None;
        }
        let name = class
            .map(|class| class.metadata.name.as_str())
            .or(name)
            .unwrap_or_default();
        match closest(claim, name, volumes) {
            Some(Mismatch::Nothing) => None,
            Some(found) => Some(Self::NoMatch(found)),
            None if class.is_some()
                || said.is_some_and(|said| said.contains("no persistent volumes available")) =>
            {
                // The class may be what differs.
                let other = volumes
                    .iter()
                    .map(|volume| mismatch(claim, &volume.spec.storage_class_name, volume))
                    .any(|found| found == Mismatch::Nothing);
                let near = volumes
                    .iter()
                    .map(|volume| mismatch(claim, name, volume))
                    .filter(|found| matches!(found, Mismatch::Class { .. }))
                    .min();
                match near {
                    Some(near) if other => Some(Self::NoMatch(near)),
                    _ if name.is_empty() && !facts.case.objects.storage_classes.is_empty() => None,
                    _ => Some(Self::NoVolume(name.to_owned())),
                }
            }
            None => None,
        }
    }

    fn of_provisioner(facts: &Facts<'_>, class: Option<&StorageClass>, said: &str) -> Self {
        let provisioner = class.map_or("", |class| class.provisioner.as_str());
        let down = (!provisioner.is_empty())
            .then(|| {
                facts
                    .top_workloads()
                    .find(|workload| provisions(workload, provisioner) && workload.ready() == 0)
            })
            .flatten();
        if let Some(workload) = down {
            return Self::ProvisionerDown {
                provisioner: provisioner.to_owned(),
                workload: workload.entity(),
            };
        }
        let any = wording(said);
        let refusal = if any(&["waiting for a volume to be created"]) {
            return Self::ProvisionerSilent(provisioner.to_owned());
        } else if any(&["quota", "limitexceeded", "limit exceeded"]) {
            Refusal::Quota
        } else if any(&[
            "resourceexhausted",
            "resource exhausted",
            "insufficient",
            "not enough",
            "no space",
            "outofrange",
        ]) {
            Refusal::Capacity
        } else if any(&[
            "accessmode",
            "access mode",
            "readwritemany",
            "volume capabilities",
        ]) {
            Refusal::AccessMode
        } else if any(&["topology", "zone", "accessibility requirements"]) {
            Refusal::Zone
        } else if any(&[
            "unauthorized",
            "permissiondenied",
            "permission denied",
            "forbidden",
            "credential",
            "accessdenied",
        ]) {
            Refusal::Credentials
        } else if any(&["failed to provision", "rpc error"]) {
            Refusal::Other
        } else if said.is_empty() {
            return Self::Unknown("nobody provisions it".to_owned());
        } else {
            return Self::Unknown(clip(said, 200));
        };
        Self::Refused(refusal, clip(said, 240))
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Lost(volume) => format!("the volume {volume} that it was bound to is gone"),
            Self::ClassMissing(class) => format!("storage class {class} does not exist"),
            Self::NoDefaultClass => "it names no storage class and none is the default".to_owned(),
            Self::VolumeMissing(volume) => format!("volume {volume}, which it asks for, does not exist"),
            Self::NoMatch(mismatch) => mismatch.words(),
            Self::NoVolume(class) if class.is_empty() => {
                "there is no volume for it, and it asks nobody to make one".to_owned()
            }
            Self::NoVolume(class) => {
                format!("there is no volume of class {class}, whose volumes are made by hand")
            }
            Self::ProvisionerDown {
                provisioner,
                workload,
            } => format!("its provisioner {provisioner} ({workload}) does not run"),
            Self::ProvisionerSilent(provisioner) if provisioner.is_empty() => {
                "its provisioner does not answer".to_owned()
            }
            Self::ProvisionerSilent(provisioner) => format!("its provisioner {provisioner} does not answer"),
            Self::Refused(refusal, said) => format!("{}: {said}", refusal.words()),
            Self::Unknown(said) => said.clone(),
        }
    }

    /// A provisioner may fail for reasons of its own.
    pub(super) fn derived(&self) -> f64 {
        match self {
            Self::ProvisionerSilent(_) | Self::ProvisionerDown { .. } => 0.4,
            Self::Refused(..) | Self::Unknown(_) => 0.1,
            _ => 0.0,
        }
    }

    pub(super) fn advice(&self, claim: &PersistentVolumeClaim) -> Advice {
        let (ns, name) = (claim.metadata.ns(), &claim.metadata.name);
        let describe = format!("kubectl -n {ns} describe pvc {name}; kubectl get pv,storageclass");
        match self {
            Self::Lost(_) => Advice::new(
                "Restore the volume, or bind the claim to another one",
                "The data was on the lost volume",
            )
            .irreversible(),
            Self::ClassMissing(class) => Advice::new(
                format!("Use a storage class that exists, or create {class}"),
                "A claim's class cannot be changed: delete the claim and make it anew",
            )
            .command(format!("kubectl get storageclass; kubectl -n {ns} delete pvc {name}"))
            .irreversible(),
            Self::NoDefaultClass => Advice::new(
                "Name a storage class in the claim, or mark one as default",
                "Nothing provisions a volume without one",
            )
            .command("kubectl get storageclass"),
            Self::NoMatch(Mismatch::Released { volume, .. }) => Advice::new(
                format!("Take claimRef off volume {volume} if its data may be used again, or provide another one"),
                "A released volume is kept for the claim that it had",
            )
            .command(format!("kubectl patch pv {volume} --type json -p '[{{\"op\":\"remove\",\"path\":\"/spec/claimRef\"}}]'"))
            .irreversible(),
            Self::NoMatch(Mismatch::Selector { volume }) => Advice::new(
                format!("Give volume {volume} the labels that the claim selects, or correct the selector"),
                "A claim with a selector takes only volumes with these labels",
            )
            .command(format!("kubectl get pv --show-labels; kubectl -n {ns} get pvc {name} -o jsonpath='{{.spec.selector}}'")),
            Self::NoMatch(_) | Self::NoVolume(_) | Self::VolumeMissing(_) => Advice::new(
                format!("Provide a volume that suits {ns}/{name}, or make the claim anew to suit one on offer"),
                "A claim is bound to a volume of its class that is as large and has its access modes",
            )
            .command(describe),
            Self::ProvisionerDown { workload, .. } => Advice::new(
                format!("Bring {workload} up again"),
                "It makes the volumes of this class",
            )
            .command(format!(
                "kubectl -n {} get {} {}; kubectl -n {0} get pods",
                workload.namespace.as_deref().unwrap_or("default"),
                workload.kind.to_lowercase(),
                workload.name
            )),
            Self::Refused(refusal, _) => refusal.advice().command(describe),
            Self::ProvisionerSilent(_) | Self::Unknown(_) => Advice::new(
                "Check the provisioner and the volumes on offer",
                "A claim binds when a volume of its class, size and access mode is there",
            )
            .command(describe),
        }
    }
}

/// Whether a workload makes the volumes of a provisioner: it carries the sidecar that does, or is called a provisioner, and
/// its template names the driver.
pub(super) fn provisions(workload: &Workload, provisioner: &str) -> bool {
    let spec = &workload.template().spec;
    let is_one = |text: &str| text.contains("provisioner");
    let called = is_one(&workload.metadata.name)
        || spec
            .containers
            .iter()
            .any(|container| is_one(&container.name) || is_one(&container.image));
    let first = provisioner.split(['.', '/']).next().unwrap_or(provisioner);
    let names = |text: &str| text.contains(provisioner) || (first.len() > 2 && text.contains(first));
    let named = names(&workload.metadata.name)
        || workload.metadata.labels.values().any(|value| names(value))
        || spec.containers.iter().any(|container| {
            let words = container.args.iter().chain(&container.command);
            let values = container
                .env
                .iter()
                .filter_map(|variable| variable.value.as_ref());
            names(&container.image) || words.chain(values).any(|word| names(word))
        })
        || provisioner
            .rsplit('/')
            .next()
            .is_some_and(|last| last.len() > 3 && workload.metadata.name.contains(last));
    called && named
}

impl Refusal {
    fn words(self) -> &'static str {
        match self {
            Self::Quota => "the storage's quota is used up",
            Self::Capacity => "the storage has no room for it",
            Self::AccessMode => "the storage does not offer its access mode",
            Self::Zone => "the storage offers nothing in the zone where it is needed",
            Self::Credentials => "the storage refuses the provisioner",
            Self::Other => "the provisioner fails",
        }
    }

    fn advice(self) -> Advice {
        match self {
            Self::Quota => Advice::new(
                "Raise the quota of the storage, or delete volumes that nobody uses",
                "No volume is made beyond it",
            ),
            Self::Capacity => Advice::new(
                "Add capacity to the storage, or ask for less",
                "No volume of that size can be made",
            ),
            Self::AccessMode => Advice::new(
                "Use a class that offers this access mode, or ask for another mode",
                "Most block storage can be written from one node only",
            ),
            Self::Zone => Advice::new(
                "Use a class with volumeBindingMode WaitForFirstConsumer, or add nodes in a zone that has the storage",
                "A volume can be used only from the zone that it is in",
            ),
            Self::Credentials => Advice::new(
                "Renew the provisioner's credentials and rights",
                "The storage knows it no longer, or not for this",
            ),
            Self::Other => Advice::new("Read the provisioner's log", "It tries again until it succeeds"),
        }
    }
}
