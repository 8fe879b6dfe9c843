//! Each right of each tool: together they suffice, and without one of them its tool says so.

use std::collections::BTreeSet;

use claw_core::tool::ToolSpec;
use claw_k8s::access::rules;
use claw_testbed::suite::{Account, Testbed, requests_of, wait_until};
use futures::stream::{self, StreamExt as _};
use serde_json::json;

use super::hands::{Reader, SOON, every_tool, testbed};
use super::look::{Answer, Look};
use super::right::Right;
use super::world::{Arguments, World};

/// Rights that are tried at a time.
const AT_A_TIME: usize = 4;

/// What does not count as a look at the cluster: which rights there are is asked by whoever wants to know.
const QUESTIONS: &str = "selfsubjectaccessreviews.authorization.k8s.io";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn each_right_suffices_with_the_others_and_is_missed_without() {
    let testbed = testbed().await;
    let tools = every_tool(&testbed).await;
    let world = World::new(&testbed, &tools).await;
    let measured = testbed
        .api()
        .status("/apis/metrics.k8s.io/v1beta1")
        .await
        .unwrap()
        == 200;
    if !measured {
        eprintln!("skipped: rights on usage, because metrics.k8s.io is absent");
    }
    let (mut rights, mut used, mut wrong) = (0, 0, Vec::new());
    let specs: Vec<ToolSpec> = tools
        .specs()
        .into_iter()
        .filter(|spec| !spec.access.kubernetes.is_empty())
        .collect();
    assert!(!specs.is_empty());
    for spec in &specs {
        let arguments = world.arguments(spec);
        assert!(!arguments.is_empty(), "no arguments fit {}: add some", spec.name);
        let whole = whole(&testbed, &world, spec, &arguments, measured).await;
        let all = Right::all(&spec.access).into_iter();
        let all: Vec<Right> = all
            .filter(|right| measured || right.group != "metrics.k8s.io")
            .collect();
        rights += all.len();
        used += all.iter().filter(|right| right.used).count();
        let tried = stream::iter(all.iter().enumerate())
            .map(|(number, right)| without(&testbed, &world, spec, &arguments, &whole, number, right))
            .buffer_unordered(AT_A_TIME);
        wrong.extend(
            tried
                .filter_map(async |outcome| outcome.err())
                .collect::<Vec<_>>()
                .await,
        );
    }
    println!(
        "{rights} rights of {} tools: {used} are used, and each was missed by name; {} are granted besides",
        specs.len(),
        rights - used
    );
    assert!(wrong.is_empty(), "{} rights:\n{}", wrong.len(), wrong.join("\n"));
}

/// With exactly the generated role a tool misses nothing, and uses what it declares to use.
async fn whole(
    testbed: &Testbed,
    world: &World,
    tool: &ToolSpec,
    arguments: &[Arguments],
    measured: bool,
) -> (Reader, BTreeSet<String>) {
    let name = tool.name.replace('_', "-");
    let role = json!(rules([&tool.access]));
    let account = Account::create(testbed, &world.namespace, &name, &role)
        .await
        .unwrap();
    let reader = Reader::of(testbed, &account).await;
    let look = wait_until(SOON, &format!("the role of {}", tool.name), async || {
        let look = Look::at(testbed, &reader, tool, arguments).await;
        let losses = format!("{:?}", look.losses);
        Ok(if look.losses.is_empty() {
            Ok(look)
        } else {
            Err(losses)
        })
    })
    .await
    .unwrap();
    for (answer, arguments) in look.answers.iter().zip(arguments) {
        let said = format!("{} {}: {answer:?}", tool.name, arguments.given);
        let Answer::Given { gaps, .. } = answer else {
            panic!("{said}");
        };
        let denied = gaps.iter().any(|gap| gap.starts_with("not allowed"));
        assert!(!denied, "{said}");
        assert!(gaps.is_empty() || !arguments.exist || !measured, "{said}");
    }
    let declared: BTreeSet<String> = Right::all(&tool.access)
        .iter()
        .filter(|right| right.used)
        .map(Right::to_string)
        .collect();
    if let Some(asked) = requests_of(testbed, &account.user(), "rights that are used")
        .await
        .unwrap()
    {
        let used: BTreeSet<String> = asked
            .iter()
            .filter(|asked| !asked.resource.is_empty() && asked.resource != QUESTIONS)
            .map(|asked| format!("{} {}", asked.verb, asked.resource))
            .collect();
        let declared: BTreeSet<String> = declared
            .iter()
            .filter(|right| measured || !right.ends_with("metrics.k8s.io"))
            .cloned()
            .collect();
        assert_eq!(used, declared, "{}: what is used is what is declared", tool.name);
    }
    (reader, declared)
}

/// Without one right. An error names it, and says what is not as it should be.
async fn without(
    testbed: &Testbed,
    world: &World,
    tool: &ToolSpec,
    arguments: &[Arguments],
    (whole, _): &(Reader, BTreeSet<String>),
    number: usize,
    right: &Right,
) -> Result<(), String> {
    let name = format!("{}-{number}", tool.name.replace('_', "-"));
    let role = json!(rules([&right.taken_from(&tool.access)]));
    let account = Account::create(testbed, &world.namespace, &name, &role)
        .await
        .unwrap();
    let reader = Reader::of(testbed, &account).await;
    // Roles take effect after a moment, and a component may say something about an object in between.
    let told = wait_until(SOON, "it is missed", async || {
        let part = Look::at(testbed, &reader, tool, arguments).await;
        let all = Look::at(testbed, whole, tool, arguments).await;
        Ok(part.compare(right, &all))
    })
    .await;
    told.map_err(|error| format!("{} without {right}: {}", tool.name, error.line()))
}
