//! What Slack's error codes mean for the one who set the sink up.

/// What to do about an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Come back later.
    Wait,
    /// Try again: the fault is on Slack's side and may pass.
    Retry,
    /// Change something first.
    Fix(&'static str),
}

/// The remedy for an error code of a webhook or of the Web API.
pub(crate) fn remedy(code: &str) -> Remedy {
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Remedy::Wait,
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "rollup_error"
        | "timeout" => Remedy::Retry,
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Remedy::Fix("the token is not valid; install the app again and use its new bot token")
        }
        "missing_scope" | "no_permission" | "not_allowed_token_type" => {
            Remedy::Fix("the token lacks the scope chat:write; add it to the app and install it again")
        }
        "channel_not_found" => {
            Remedy::Fix("the channel does not exist or is private; use its id, and invite the app to it")
        }
        "not_in_channel" => Remedy::Fix(
            "invite the app to the channel, or give it the scope chat:write.public for public ones",
        ),
        "is_archived" | "channel_is_archived" => Remedy::Fix("the channel is archived; name another one"),
        "thread_not_found" | "message_not_found" | "invalid_thread_ts" | "cannot_reply_to_message" => {
            Remedy::Fix("the thread does not exist in that channel; check thread_ts")
        }
        "action_prohibited"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "posting_to_general_channel_denied"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "org_login_required"
        | "access_denied" => Remedy::Fix(
            "an administrator does not allow the app to post there; ask one, or name another channel",
        ),
        "no_service" | "no_service_id" | "no_team" | "no_active_hooks" | "invalid_token"
        | "team_disabled" => {
            Remedy::Fix("the webhook does not exist any more; make a new one and configure its address")
        }
        "msg_blocks_too_long"
        | "msg_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_payload"
        | "no_text" => Remedy::Fix("Slack does not accept the form of the message; report it as a defect"),
        _ => Remedy::Fix(
            "look the code up in Slack's documentation of chat.postMessage and of incoming webhooks",
        ),
    }
}

/// An error code as Slack writes them; other text is not repeated.
pub(crate) fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_code = !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_code.then_some(text)
}
