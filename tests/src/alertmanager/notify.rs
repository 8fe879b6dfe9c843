//! Sends notifications.

use claw_core::http::{Client, HttpError};
use claw_core::tool::ToolContext;
use serde_json::Value;

/// A notification that was sent, and what the receiver said to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The body that was sent.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub answer: String,
}

/// Posts one notification to `url`, which is a whole address.
pub(super) async fn post(
    cx: &ToolContext,
    client: &Client,
    url: &str,
    body: Value,
) -> Result<Delivery, HttpError> {
    let answer = client.post(url).json(&body).send_any(cx).await?;
    Ok(Delivery {
        body,
        status: answer.status(),
        answer: answer.text(),
    })
}
