//! How do I write a workflow of my own?
//!
//! A workflow is an ordered list of steps over a state that can be written as JSON. The runner journals the result of each
//! step before it takes the next one, tries again what may pass, and always ends with a report.
//!
//! ```text
//! cargo run --example custom_workflow
//! ```

use std::sync::Arc;

use async_trait::async_trait;
use claw_core::clock::{Clock, SystemClock};
use claw_core::entity::EntityRef;
use claw_core::evidence::{Finding, Severity};
use claw_core::gate::Gate;
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::report::{Report, Topology, Verdict, Window};
use claw_core::store::MemoryJournal;
use claw_core::workflow::{Outcome, RunId, Step, StepContext, StepError, Workflow};
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use claw_workflows::deliver::text;
use claw_workflows::runtime::Runner;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Says which certificates expire soon.
struct CertificateWatch {
    steps: Vec<Box<dyn Step<Watched>>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Certificate {
    host: String,
    not_after: Timestamp,
}

/// What the steps hand to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    certificates: Vec<Certificate>,
    expiring: Vec<Certificate>,
}

impl Workflow for CertificateWatch {
    const NAME: &'static str = "certificate_watch";
    type Input = Vec<Certificate>;
    type State = Watched;

    fn start(&self, certificates: Vec<Certificate>) -> Watched {
        Watched {
            certificates,
            expiring: Vec::new(),
        }
    }

    fn steps(&self) -> &[Box<dyn Step<Watched>>] {
        &self.steps
    }
}

/// Keeps those that expire within two weeks.
struct Select;

#[async_trait]
impl Step<Watched> for Select {
    fn name(&self) -> &str {
        "select"
    }

    async fn run(&self, cx: &StepContext, mut state: Watched) -> Result<Outcome<Watched>, StepError> {
        let soon = SignedDuration::from_hours(14 * 24);
        let now = cx.now();
        state.expiring = state.certificates.clone();
        state
            .expiring
            .retain(|certificate| certificate.not_after.duration_since(now) < soon);
        Ok(Outcome::Continue(state))
    }
}

/// Writes the report.
struct Conclude;

#[async_trait]
impl Step<Watched> for Conclude {
    fn name(&self) -> &str {
        "conclude"
    }

    async fn run(&self, cx: &StepContext, state: Watched) -> Result<Outcome<Watched>, StepError> {
        let now = cx.now();
        let count = state.expiring.len();
        let symptoms = state.expiring.into_iter().map(|certificate| Finding {
            id: format!("expiring/{}", certificate.host),
            entity: EntityRef::external(certificate.host),
            statement: format!("its certificate expires at {}", certificate.not_after),
            severity: Severity::Warning,
            since: None,
            evidence: Vec::new(),
        });
        Ok(Outcome::Done(Box::new(Report {
            case: cx.scope().run.clone(),
            workflow: CertificateWatch::NAME.to_owned(),
            cluster: "shop".to_owned(),
            title: format!("{count} certificates expire within two weeks"),
            summary: "Renew them before they expire.".to_owned(),
            verdict: if count == 0 {
                Verdict::Healthy
            } else {
                Verdict::Unknown
            },
            severity: if count == 0 {
                Severity::Info
            } else {
                Severity::Warning
            },
            since: None,
            window: Window { start: now, end: now },
            subject: Vec::new(),
            hypotheses: Vec::new(),
            symptoms: symptoms.collect(),
            changes: Vec::new(),
            ruled_out: Vec::new(),
            tests: Vec::new(),
            recommendations: Vec::new(),
            evidence: Vec::new(),
            gaps: Vec::new(),
            groups: Vec::new(),
            timeline: Vec::new(),
            runbooks: Vec::new(),
            dashboards: Vec::new(),
            topology: Topology::default(),
        })))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Arc::new(Engine::new(Config::default(), Arc::clone(&clock)));
    let gate = Gate::new(
        engine,
        Arc::new(MemoryAuditLog::default()),
        Arc::clone(&clock),
        Redactor::new(),
    );
    let runner = Runner::builder(gate, Registry::new(), Arc::new(MemoryJournal::new()))
        .workflow(CertificateWatch {
            steps: vec![Box::new(Select), Box::new(Conclude)],
        })
        .build();
    let in_days = |days: i64| clock.now().checked_add(SignedDuration::from_hours(24 * days));
    let certificates = vec![
        Certificate {
            host: "shop.example.com".to_owned(),
            not_after: in_days(3)?,
        },
        Certificate {
            host: "api.example.com".to_owned(),
            not_after: in_days(80)?,
        },
    ];
    let ended = runner
        .run::<CertificateWatch>(RunId("certificates-1".to_owned()), &certificates)
        .await?;
    if let Some(report) = ended.report {
        print!("{}", text::render(&report, text::Options::default()));
    }
    Ok(())
}
