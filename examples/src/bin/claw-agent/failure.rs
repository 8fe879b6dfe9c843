//! How a command fails: one line that says what and what to do, and the exit code.

use std::error::Error;
use std::fmt;

/// Something is wrong and what was seen does not say why.
pub(crate) const UNKNOWN: u8 = 3;
/// The report stands, but important sources could not be read.
pub(crate) const GAPS: u8 = 4;
/// A check failed.
pub(crate) const CHECK: u8 = 5;

/// A signal broke the command off, as shells have it for SIGINT.
const INTERRUPTED: u8 = 130;
/// The command failed.
const FAILED: u8 = 1;
/// The arguments are wrong.
const ARGUMENTS: u8 = 2;

/// A command failed, and why.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: Option<String>,
    code: u8,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// The command could not do its work.
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: Some(remedy.into()),
            code: FAILED,
            source: None,
        }
    }

    /// The arguments do not make sense.
    pub(crate) fn arguments(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: ARGUMENTS,
            ..Self::new(what, remedy)
        }
    }

    /// A signal broke the command off.
    pub(crate) fn interrupted(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: INTERRUPTED,
            ..Self::new(what, remedy)
        }
    }

    /// A check did not pass. The text may have several lines.
    pub(crate) fn check(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: None,
            code: CHECK,
            source: None,
        }
    }

    /// Adds the error underneath.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    /// The error, those underneath it unless they repeat what was said, and the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.what.clone();
        let mut source = self.source.as_deref().map(|error| error as &dyn Error);
        while let Some(error) = source {
            let text = error.to_string();
            if !text.is_empty() && !said.contains(text.trim()) {
                said.push_str(": ");
                said.push_str(text.trim());
            }
            source = error.source();
        }
        f.write_str(&said)?;
        match &self.remedy {
            Some(remedy) if !remedy.is_empty() => write!(f, "; {remedy}"),
            _ => Ok(()),
        }
    }
}

/// What lies beneath is said already.
impl Error for Failure {}

/// Errors whose text says already what to do.
macro_rules! self_explaining {
    ($($error:ty),* $(,)?) => {
        $(
            impl From<$error> for Failure {
                fn from(error: $error) -> Self {
                    Self { what: error.to_string(), remedy: None, code: FAILED, source: error_source(error) }
                }
            }
        )*
    };
}

/// The error itself: what it says is said once, what lies beneath is added.
#[allow(clippy::unnecessary_wraps)] // the field is optional
fn error_source(error: impl Error + Send + Sync + 'static) -> Option<Box<dyn Error + Send + Sync>> {
    Some(Box::new(error))
}

self_explaining!(
    claw_core::actuate::ActuateError,
    claw_core::audit::AuditError,
    claw_core::gate::ObserveError,
    claw_core::http::HttpError,
    claw_core::registry::DuplicateTool,
    claw_core::store::StoreError,
    claw_guardrails::audit::ProveError,
    claw_guardrails::audit::VerifyError,
    claw_guardrails::pipeline::PipelineError,
    claw_guardrails::stop::MarkError,
    claw_guardrails::stop::SwitchError,
    claw_k8s::access::ForbiddenRight,
    claw_k8s::access::ManifestError,
    claw_k8s::bundle::BundleError,
    claw_k8s::bundle::WriteError,
    claw_k8s::cluster::ClusterError,
    claw_testkit::replay::ReplayError,
    claw_testkit::scenario::ScenarioError,
    claw_workflows::assemble::AssemblyError,
    claw_workflows::deliver::html::RenderError,
    claw_workflows::incident::runbook::RunbooksError,
    claw_workflows::runtime::RunnerError,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Chain(&'static str, Option<Box<Chain>>);

    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Chain {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|error| error as &dyn Error)
        }
    }

    #[test]
    fn the_line_has_the_whole_chain_once_and_the_remedy_last() {
        let source = Chain("cannot read x: denied", Some(Box::new(Chain("denied", None))));
        let failure = Failure::new("no bundle", "choose another folder").because(source);
        assert_eq!(
            failure.to_string(),
            "no bundle: cannot read x: denied; choose another folder"
        );
        assert_eq!(failure.code(), 1);
    }
}
