//! The API servers.
//!
//! The same requests go to both, in the same order. Compared are the status code, kind and reason of each answer, and
//! the places in it that the step names.

mod access;
mod events;
mod evictions;
mod forms;
mod lists;
mod logs;
mod objects;
mod pair;
mod patches;
mod step;
mod versions;

use self::events::events;
use self::forms::forms;
use self::lists::{lists, selectors, watches};
use self::objects::{conflicts, creation, deletion, dry_runs, reads};
use self::pair::Pair;
use self::patches::{patches, scale};
use self::versions::versions;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_api_servers_answer_the_same() {
    let testbed = crate::testbed().await;
    let namespace = testbed.namespace("same").await.unwrap();
    let ns = namespace.name();
    let mut pair = Pair::start(&testbed, ns).await;
    let maps = format!("/api/v1/namespaces/{ns}/configmaps");
    let deployments = format!("/apis/apps/v1/namespaces/{ns}/deployments");
    creation(&mut pair, &maps).await;
    lists(&mut pair, ns, &maps).await;
    selectors(&mut pair, &maps).await;
    reads(&mut pair, ns, &maps).await;
    forms(&mut pair, &maps).await;
    patches(&mut pair, &maps, &deployments).await;
    conflicts(&mut pair, &maps).await;
    dry_runs(&mut pair, &maps).await;
    scale(&mut pair, &deployments).await;
    deletion(&mut pair, &maps).await;
    watches(&mut pair, &maps).await;
    events(&mut pair, ns).await;
    versions(&testbed, &namespace, &mut pair).await;
    pair.expect_known();
    pair.end("objects");
}
