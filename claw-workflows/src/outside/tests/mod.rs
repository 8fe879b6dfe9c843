//! What the tests of this folder share, and the executors under permits.

mod executors;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::execute::ActionId;
use claw_core::outside::PipelineRun;
use claw_core::tool::ToolContext;
use wiremock::{MockServer, Request};

pub(super) fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

pub(super) fn id() -> ActionId {
    ActionId("0123456789abcdef0123456789abcdef".to_owned())
}

pub(super) fn run() -> PipelineRun {
    PipelineRun {
        inputs: [("version".to_owned(), "1.2".to_owned())].into(),
    }
}

/// The request that the server got, if it is the only one.
pub(super) async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "one request");
    requests.remove(0)
}
