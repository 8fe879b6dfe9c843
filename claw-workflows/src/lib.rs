//! Workflows for agents that operate Kubernetes, and the pieces to run any.
//!
//! A workflow is an ordered set of named steps over a state that survives a crash. This crate holds the reference workflow
//! [`incident`], which turns an alert into a root-cause report, and what stands around it: triggers that open runs, a run
//! time that drives them, renderers and sinks for their reports.
//!
//! What an investigation concludes is a pure function of what it gathered, so that the reasoning can be tested without a
//! cluster:
//!
//! ```
//! use claw_core::report::Verdict;
//! use claw_core::workflow::Workflow;
//! use claw_workflows::incident::weights::Weights;
//! use claw_workflows::incident::{IncidentInvestigation, conclude};
//! use claw_workflows::trigger::{Incident, TimeHints};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let workflow = IncidentInvestigation::new("production");
//! let question = Incident::of_question("is anything wrong?", TimeHints::default(), "2026-03-01T12:00:00Z".parse()?);
//! let nothing_seen = workflow.start(question);
//! let report = conclude::report(&nothing_seen, "production", &Weights::default());
//! // Where nothing was seen, nothing is known: that is not the same as being well.
//! assert_eq!(report.verdict, Verdict::Unknown);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`approval`] | the carriers on which approvals are asked for and given |
//! | [`assemble`] | an agent from its parts, for binaries and tests alike |
//! | [`deliver`] | reports as text, Markdown, JSON, HTML and Slack blocks, and where they go |
//! | [`incident`] | the workflow `incident_investigation` |
//! | [`outside`] | messages to people and runs of pipelines: tools that propose them, and what performs them |
//! | [`runtime`] | drives runs over the journal |
//! | [`trigger`] | Alertmanager's webhook, and the incident that it opens |
//! | [`walls`] | the account that writes, its role, and the admission policies around it |
//! | [`writing`] | an agent that writes: its settings, the workflow `change`, actions and circuits over HTTP |

pub mod approval;
pub mod assemble;
pub mod deliver;
pub mod incident;
pub mod outside;
pub mod runtime;
pub mod trigger;
pub mod walls;
pub mod writing;
