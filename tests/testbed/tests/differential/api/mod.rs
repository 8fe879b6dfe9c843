//! The API servers.
//!
//! The same requests go to both, in the same order. Compared are the status code, kind and reason of each answer, and
//! the places in it that the step names.

mod access;
mod lists;
mod objects;
mod pair;
mod patches;

use self::access::access;
use self::lists::{lists, selectors, watches};
use self::objects::{conflicts, creation, deletion, dry_runs, reads};
use self::pair::pair;
use self::patches::{patches, scale};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_api_servers_answer_the_same() {
    let testbed = crate::testbed().await;
    let namespace = testbed.namespace("same").await.unwrap();
    let ns = namespace.name();
    let (mut pair, _server) = pair(&testbed, ns).await;
    let maps = format!("/api/v1/namespaces/{ns}/configmaps");
    let deployments = format!("/apis/apps/v1/namespaces/{ns}/deployments");
    creation(&mut pair, &maps).await;
    lists(&mut pair, &maps).await;
    selectors(&mut pair, &maps).await;
    reads(&mut pair, ns, &maps).await;
    patches(&mut pair, &maps, &deployments).await;
    conflicts(&mut pair, &maps).await;
    dry_runs(&mut pair, &maps).await;
    scale(&mut pair, &deployments).await;
    deletion(&mut pair, &maps).await;
    access(&mut pair, ns).await;
    watches(&mut pair, &maps).await;
    println!("{} requests compared", pair.steps);
    assert!(pair.differences.is_empty(), "\n{}", pair.differences);
}
