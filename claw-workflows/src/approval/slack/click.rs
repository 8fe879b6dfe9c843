//! What Slack sends when a button is clicked.

use claw_guardrails::approval::Verdict;
use jiff::Timestamp;
use serde::Deserialize;

use super::message::{APPROVE, DENY};

/// Longest id of anything, in bytes.
const LONGEST: usize = 64;

/// A click on one of our buttons. All of it is what Slack says, but for the request and its digest, which we gave Slack to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Click {
    /// The workspace.
    pub(super) team: String,
    /// The workspace that the voter belongs to.
    pub(super) home: String,
    pub(super) app: String,
    pub(super) channel: String,
    pub(super) ts: String,
    /// The voter, by their id.
    pub(super) by: String,
    pub(super) verdict: Verdict,
    /// The request.
    pub(super) id: String,
    pub(super) digest: String,
    pub(super) at: Timestamp,
}

/// A body that is no click on one of our buttons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is no click on a button of an approval: {0}")]
pub(super) struct NoClick(&'static str);

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    team: Id,
    api_app_id: String,
    channel: Id,
    container: Container,
    actions: Vec<Pressed>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: String,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Container {
    #[serde(rename = "type")]
    kind: String,
    message_ts: String,
    channel_id: String,
}

#[derive(Deserialize)]
struct Pressed {
    #[serde(rename = "type")]
    kind: String,
    action_id: String,
    value: String,
}

/// Reads the body of a request that was signed at `at`.
pub(super) fn parse(body: &[u8], at: Timestamp) -> Result<Click, NoClick> {
    let mut fields = form_urlencoded::parse(body);
    let (Some((name, payload)), None) = (fields.next(), fields.next()) else {
        return Err(NoClick("it has another field than `payload`, or several"));
    };
    if name != "payload" {
        return Err(NoClick("it has no field `payload`"));
    }
    // Fields that are there twice are an error; those that are not known are many, and nothing depends on them.
    let payload: Payload =
        serde_json::from_str(&payload).map_err(|_| NoClick("its payload is not what a click is"))?;
    let [pressed] = payload.actions.as_slice() else {
        return Err(NoClick("it is on several buttons, or on none"));
    };
    if payload.kind != "block_actions" || payload.container.kind != "message" || pressed.kind != "button" {
        return Err(NoClick("it is something else that was done in Slack"));
    }
    if payload.container.channel_id != payload.channel.id {
        return Err(NoClick("it is in two channels"));
    }
    let verdict = match pressed.action_id.as_str() {
        APPROVE => Verdict::Approve,
        DENY => Verdict::Deny,
        _ => return Err(NoClick("the button is another one")),
    };
    let (id, digest) = pressed
        .value
        .split_once(' ')
        .ok_or(NoClick("the button says nothing"))?;
    let ids = [
        &payload.user.id,
        &payload.user.team_id,
        &payload.team.id,
        &payload.api_app_id,
        &payload.channel.id,
        &payload.container.message_ts,
    ];
    let good = |id: &&String| {
        (1..=LONGEST).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    };
    if !ids.iter().all(good) {
        return Err(NoClick("an id in it is none"));
    }
    Ok(Click {
        team: payload.team.id,
        home: payload.user.team_id,
        app: payload.api_app_id,
        channel: payload.channel.id,
        ts: payload.container.message_ts,
        by: payload.user.id,
        verdict,
        id: id.to_owned(),
        digest: digest.to_owned(),
        at,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&body, Timestamp::UNIX_EPOCH);
            let _ = parse(&[b"payload=".as_slice(), &body].concat(), Timestamp::UNIX_EPOCH);
        }
    }
}
