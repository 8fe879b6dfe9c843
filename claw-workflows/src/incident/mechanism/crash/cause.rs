//! What the end of a container points to.

use claw_k8s::model::Terminated;
use claw_metrics::logs::indicators::{Indicator, indicators};

use crate::incident::logs::Pattern;

/// What a container's end points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// What it was told to run is done, and it is started again all the same.
    Completed,
    Permission,
    PortInUse,
    Configuration,
    /// The database has another form than the program expects.
    Schema,
    Dependency,
    Error,
    /// A fault of the program itself: an invalid address, an abort.
    Fault,
    Signal,
}

impl Cause {
    /// `None` where it ran out of something: mechanisms of their own speak of memory, handles and space.
    pub(super) fn of(end: &Terminated, last: Option<&Pattern>) -> Option<Self> {
        let told: Vec<Indicator> = match last {
            Some(pattern) => pattern
                .indications
                .iter()
                .map(|indication| indication.kind)
                .collect(),
            // Where a log is not to be had, the kubelet may have kept the end of it.
            None => indicators(&end.message),
        };
        let said = |wanted: &[Indicator]| told.iter().any(|kind| wanted.contains(kind));
        let silent = last.is_none() && end.message.is_empty();
        // Scripts often say what they lack, and end as if all were well.
        const LACKS: [Indicator; 2] = [Indicator::MissingConfig, Indicator::InvalidConfig];
        Some(if end.exit_code == 0 && !said(&LACKS) {
            Self::Completed
        } else if said(&[
            Indicator::OutOfMemory,
            Indicator::HandlesExhausted,
            Indicator::NoSpace,
        ]) {
            return None;
        } else if said(super::DEPENDENCY) {
            Self::Dependency
        } else if said(&[Indicator::AddressInUse]) {
            Self::PortInUse
        } else if said(&[Indicator::SchemaMismatch]) {
            Self::Schema
        } else if said(&[Indicator::PermissionDenied, Indicator::ReadOnly]) {
            Self::Permission
        } else if said(&LACKS) || said(&[Indicator::FileNotFound]) {
            Self::Configuration
        } else if matches!(end.exit_code, 130 | 137 | 143) && silent {
            Self::Signal
        } else if matches!(end.exit_code, 132 | 134..=136 | 139) {
            Self::Fault
        } else {
            Self::Error
        })
    }

    /// Id of the mechanism.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Permission => "permission_denied",
            Self::PortInUse => "port_in_use",
            Self::Configuration => "invalid_configuration",
            Self::Schema => "schema_mismatch",
            Self::Completed | Self::Dependency | Self::Error | Self::Fault | Self::Signal => {
                "application_crash"
            }
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Completed => "ends without an error and is started again, as what goes on serving is",
            Self::Permission => "is refused access to something",
            Self::PortInUse => "cannot listen on its port",
            Self::Configuration => "does not find, or does not accept, the configuration that it is given",
            Self::Schema => "does not fit the schema of its database",
            Self::Dependency => "gives up because of something that it depends on",
            Self::Error => "crashes",
            Self::Fault => "crashes by a fault of the program (segmentation fault or abort)",
            Self::Signal => "is ended from outside",
        }
    }

    /// What to do where no change is to be taken back.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Completed => "Run what goes on serving, or make a Job of it",
            Self::Permission => "Give it the right that its log names, or the user that has it",
            Self::PortInUse => {
                "Give each container of the pod, and each on the host's network, a port of its own"
            }
            Self::Configuration => "Set what its log names",
            Self::Schema => "Run the migration that this version needs, or go back to the version before it",
            Self::Dependency | Self::Error | Self::Fault | Self::Signal => {
                "Read the log of the run that ended, and mend what it names"
            }
        }
    }

    /// Why the remedy helps.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Signal => {
                "A signal ended the container: its node, a probe, a person or the program itself sent it"
            }
            _ => "The container ends by itself",
        }
    }

    pub(super) fn derived(self) -> f64 {
        match self {
            Self::Configuration | Self::Permission | Self::PortInUse | Self::Schema => 0.1,
            Self::Completed | Self::Error | Self::Fault => 0.4,
            Self::Signal => 0.8,
            Self::Dependency => 0.9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(code: i32, message: &str) -> Terminated {
        Terminated {
            exit_code: code,
            reason: "Error".to_owned(),
            message: message.to_owned(),
            ..Terminated::default()
        }
    }

    #[test]
    fn the_last_words_tell_what_it_was() {
        for (code, message, cause) in [
            (
                1,
                "panic: runtime error: index out of range [3]",
                Some(Cause::Error),
            ),
            (
                1,
                "listen tcp :8080: bind: address already in use",
                Some(Cause::PortInUse),
            ),
            (
                1,
                "open /data/index.db: permission denied",
                Some(Cause::Permission),
            ),
            (1, "KeyError: 'DATABASE_URL'", Some(Cause::Configuration)),
            (
                1,
                "ERROR: relation \"orders\" does not exist",
                Some(Cause::Schema),
            ),
            (
                1,
                "dial tcp 10.0.0.9:5432: connect: connection refused",
                Some(Cause::Dependency),
            ),
            (137, "", Some(Cause::Signal)),
            (139, "", Some(Cause::Fault)),
            (0, "", Some(Cause::Completed)),
            (0, "ValueError: page 3 is empty", Some(Cause::Completed)),
            (
                0,
                "Environment variable MODE is undefined",
                Some(Cause::Configuration),
            ),
            // Git ends so, and others that choose their codes freely.
            (128, "fatal: repository not found", Some(Cause::Error)),
            (1, "java.lang.OutOfMemoryError: Java heap space", None),
            (1, "OSError: [Errno 28] No space left on device", None),
        ] {
            assert_eq!(Cause::of(&end(code, message), None), cause, "{code} {message}");
        }
    }
}
