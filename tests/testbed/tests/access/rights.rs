//! Each right of each tool: together they suffice, and without one of them its tool says so.

use std::collections::BTreeSet;

use claw_core::access::Access;
use claw_core::tool::ToolSpec;
use claw_k8s::access::rules;
use claw_testbed::suite::{Account, Part, Testbed, audit_events_of, wait_until};
use futures::stream::{self, StreamExt as _};
use serde_json::json;

use super::agent_under_test::{Reader, SOON, every_tool};
use super::inside;
use super::observation::{Answer, Observation, answers};
use super::right::Right;
use super::world::{Arguments, World};

/// Rights that are tried at a time.
const AT_A_TIME: usize = 4;

/// What does not count as reading the cluster: which rights there are is asked by whoever wants to know.
const QUESTIONS: &str = "selfsubjectaccessreviews.authorization.k8s.io";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn each_right_suffices_with_the_others_and_is_missed_without() {
    let testbed = Testbed::for_test().await;
    let tools = every_tool(&testbed).await;
    let world = World::new(&testbed, &tools).await;
    let usage = "/apis/metrics.k8s.io/v1beta1";
    let measured = testbed.api().status(usage).await.unwrap() == 200;
    if !measured {
        eprintln!("skipped: rights on usage, because metrics.k8s.io is absent");
    }
    let recorded = testbed.need(Part::AuditLog, "rights that are used").is_some();
    let (mut trials, mut rights, mut used, mut wrong) = (0, 0, 0, Vec::new());
    for tool in &tools.specs() {
        if tool.access.kubernetes.is_empty() {
            continue;
        }
        let trial = Trial::new(&testbed, &world, tool, measured);
        let (account, whole) = trial.whole().await;
        let before = trial.answers(&whole).await;
        if recorded {
            trial.compare_with_the_audit_log(&account).await;
        }
        let all = trial.rights();
        trials += 1;
        rights += all.len();
        used += all.iter().filter(|right| right.used).count();
        let tried = stream::iter(all.iter().enumerate())
            .map(|(number, right)| trial.without(number, right, (&whole, &before)))
            .buffer_unordered(AT_A_TIME);
        let failed = tried.filter_map(async |outcome| outcome.err());
        wrong.append(&mut failed.collect().await);
    }
    println!(
        "{rights} rights of {trials} tools: {used} are used, and each was missed by name; {} are granted besides",
        rights - used
    );
    assert!(trials > 0);
    assert!(wrong.is_empty(), "{} rights:\n{}", wrong.len(), wrong.join("\n"));
    // Of the same world, because two would not get the same kinds served.
    inside::compare(&testbed, &world, &tools).await;
}

/// One tool before the world.
struct Trial<'a> {
    testbed: &'a Testbed,
    world: &'a World,
    tool: &'a ToolSpec,
    arguments: Vec<Arguments>,
    /// Whether the cluster measures usage.
    measured: bool,
}

impl<'a> Trial<'a> {
    fn new(testbed: &'a Testbed, world: &'a World, tool: &'a ToolSpec, measured: bool) -> Self {
        let arguments = world.arguments(tool);
        assert!(!arguments.is_empty(), "no arguments fit {}: add some", tool.name);
        Self {
            testbed,
            world,
            tool,
            arguments,
            measured,
        }
    }

    /// The rights that can be seen to matter here.
    fn rights(&self) -> Vec<Right> {
        let mut all = Right::all(&self.tool.access);
        all.retain(|right| self.measured || right.group != "metrics.k8s.io");
        all
    }

    /// An account with exactly the role that is generated for `access`.
    async fn account(&self, suffix: &str, access: &Access) -> (Account, Reader) {
        let name = format!("{}{suffix}", self.tool.name.replace('_', "-"));
        let role = json!(rules([access]));
        let account = Account::create(self.testbed, &self.world.namespace, &name, &role)
            .await
            .unwrap();
        let reader = Reader::of(self.testbed, &account).await;
        (account, reader)
    }

    async fn observe(&self, reader: &Reader) -> Observation {
        Observation::of(self.testbed, reader, self.tool, &self.arguments, None).await
    }

    async fn answers(&self, reader: &Reader) -> Vec<Answer> {
        answers(self.testbed, reader, self.tool, &self.arguments).await
    }

    /// With its whole role the tool misses nothing.
    async fn whole(&self) -> (Account, Reader) {
        let (account, reader) = self.account("", &self.tool.access).await;
        let observed = wait_until(SOON, &format!("the role of {}", self.tool.name), async || {
            let observed = self.observe(&reader).await;
            let losses = format!("{:?}", observed.losses);
            Ok(if observed.losses.is_empty() {
                Ok(observed)
            } else {
                Err(losses)
            })
        })
        .await
        .unwrap();
        for (answer, arguments) in observed.answers.iter().zip(&self.arguments) {
            let said = format!("{} {}: {answer:?}", self.tool.name, arguments.given);
            let Answer::Given { gaps, .. } = answer else {
                panic!("{said}");
            };
            let denied = gaps.iter().any(|gap| gap.starts_with("not allowed"));
            assert!(!denied, "{said}");
            assert!(gaps.is_empty() || !arguments.exist || !self.measured, "{said}");
        }
        (account, reader)
    }

    /// What the API server was asked is what the tool declares to use.
    async fn compare_with_the_audit_log(&self, account: &Account) {
        let events = audit_events_of(self.testbed, &account.user(), &self.tool.name).await;
        let used: BTreeSet<String> = events
            .unwrap()
            .unwrap_or_default()
            .into_iter()
            .filter(|event| !event.resource.is_empty() && event.resource != QUESTIONS)
            .map(|event| format!("{} {}", event.verb, event.resource))
            .collect();
        let declared: BTreeSet<String> = self
            .rights()
            .iter()
            .filter(|right| right.used)
            .map(Right::to_string)
            .collect();
        assert_eq!(
            used, declared,
            "{}: what is used is what is declared",
            self.tool.name
        );
    }

    /// Without one right, beside the answers that there were with all. An error names it, and says what is not as it should be.
    async fn without(
        &self,
        number: usize,
        right: &Right,
        (whole, before): (&Reader, &[Answer]),
    ) -> Result<(), String> {
        let rest = right.taken_from(&self.tool.access);
        let (_account, reader) = self.account(&format!("-{number}"), &rest).await;
        // Roles take effect after a moment.
        let told = wait_until(SOON, "it is missed", async || {
            let part = self.observe(&reader).await;
            if part.compare(right, before).is_ok() {
                return Ok(Ok(()));
            }
            // A component may have said something about an object since.
            Ok(part.compare(right, &self.answers(whole).await))
        })
        .await;
        told.map_err(|error| format!("{} without {right}: {}", self.tool.name, error.line()))
    }
}
