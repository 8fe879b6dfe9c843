//! On buttons in Slack.

use super::*;
use crate::approval::slack::sign;

/// A click as Slack sends it, and what an attacker makes of it.
pub(super) struct Sent {
    pub(super) payload: Value,
    /// In place of the payload as a form.
    body: Option<Vec<u8>>,
    /// What the signature is over, where that is something else.
    signed: Option<Vec<u8>>,
    secret: &'static str,
    /// When, in seconds after the request was made.
    pub(super) second: i64,
    timestamp: Option<String>,
    signature: Option<String>,
    twice: &'static str,
    without: &'static str,
}

impl Sent {
    pub(super) fn by_kim(world: &World) -> Self {
        let value = format!("req-1 {}", world.shown.digest);
        Self {
            payload: json!({
                "type": "block_actions",
                "user": {"id": "U0KIM", "username": "kim", "team_id": "T1"},
                "team": {"id": "T1", "domain": "shop"},
                "api_app_id": "A1",
                "channel": {"id": "C042", "name": "approvals"},
                "container": {"type": "message", "message_ts": "1.2", "channel_id": "C042"},
                "response_url": "http://127.0.0.1:9/never",
                "actions": [{"type": "button", "action_id": "claw_approve", "value": value, "action_ts": "1"}],
            }),
            body: None,
            signed: None,
            secret: SECRET,
            second: 60,
            timestamp: None,
            signature: None,
            twice: "",
            without: "",
        }
    }

    pub(super) fn set(&mut self, place: &str, value: Value) {
        *self.payload.pointer_mut(place).unwrap() = value;
    }

    pub(super) fn form(&self) -> Vec<u8> {
        form(&self.payload.to_string())
    }

    pub(super) fn request(&self) -> HttpRequest<Body> {
        let body = self.body.clone().unwrap_or_else(|| self.form());
        let seconds = BEGIN + self.second;
        let signature = sign(self.secret, seconds, self.signed.as_deref().unwrap_or(&body));
        let timestamp = self.timestamp.clone().unwrap_or_else(|| seconds.to_string());
        let signature = self.signature.clone().unwrap_or(signature);
        let mut request = HttpRequest::post("/slack/interactions");
        for (name, value) in [
            ("x-slack-request-timestamp", &timestamp),
            ("x-slack-signature", &signature),
        ] {
            let times = usize::from(self.without != name) + usize::from(self.twice == name);
            for _ in 0..times {
                request = request.header(name, value);
            }
        }
        request.body(Body::from(body)).unwrap()
    }
}

pub(super) fn form(payload: &str) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", payload);
    form.finish().into_bytes()
}

/// Whether a click leads to an approval.
pub(super) async fn clicked(change: impl FnOnce(&mut Sent)) -> bool {
    let mut world = World::new().await;
    let mut sent = Sent::by_kim(&world);
    change(&mut sent);
    world.go_to(60);
    status(&world, sent.request()).await;
    let votes = all_votes(&world).await;
    world.count(votes).is_some()
}

pub(super) async fn by_slack(attacks: &mut Attacks) {
    macro_rules! attack {
        ($name:literal, $change:expr) => {
            attacks.push(($name, clicked($change).await));
        };
    }
    assert!(clicked(|_| {}).await, "without an attack it is an approval");
    attack!("slack: no signature", |sent| sent.without = "x-slack-signature");
    attack!("slack: no timestamp", |sent| sent.without =
        "x-slack-request-timestamp");
    attack!("slack: wrong signature", |sent| sent.signature =
        Some(format!("v0={}", "0".repeat(64))));
    attack!("slack: signature of another secret", |sent| sent.secret =
        "another secret, as long");
    attack!("slack: signature over another body", |sent| sent.signed =
        Some(form("{}")));
    attack!("slack: yes in place of a signed no", |sent| {
        let approve = sent.form();
        sent.set("/actions/0/action_id", json!("claw_deny"));
        sent.signed = Some(sent.form());
        sent.body = Some(approve);
    });
    attack!("slack: signature of another version", |sent| {
        let signature = sign(SECRET, BEGIN + 60, &sent.form());
        sent.signature = Some(signature.replace("v0=", "v1="));
    });
    attack!("slack: signature in capitals", |sent| {
        let signature = sign(SECRET, BEGIN + 60, &sent.form());
        sent.signature = Some(signature.to_uppercase().replace("V0=", "v0="));
    });
    attack!("slack: beginning of a signature", |sent| {
        let signature = sign(SECRET, BEGIN + 60, &sent.form());
        sent.signature = Some(signature[..20].to_owned());
    });
    attack!("slack: signature twice", |sent| sent.twice = "x-slack-signature");
    attack!("slack: timestamp twice", |sent| sent.twice =
        "x-slack-request-timestamp");
    attack!("slack: old timestamp", |sent| sent.second = 60 - 301);
    attack!("slack: timestamp of the future", |sent| sent.second = 60 + 61);
    attack!("slack: old request under a new timestamp", |sent| {
        sent.second = -1000;
        sent.timestamp = Some((BEGIN + 60).to_string());
    });
    attack!("slack: timestamp that is no number", |sent| sent.timestamp =
        Some(format!("+{}", BEGIN + 60)));
    attack!("slack: no body", |sent| sent.body = Some(Vec::new()));
    attack!("slack: truncated body", |sent| {
        let mut body = sent.form();
        sent.signed = Some(body.clone());
        body.truncate(body.len() / 2);
        sent.body = Some(body);
    });
    attack!("slack: truncated body, signed", |sent| {
        let mut body = sent.form();
        body.truncate(body.len() - 9);
        sent.body = Some(body);
    });
    attack!("slack: huge body", |sent| {
        sent.payload["message"] = json!("x".repeat(300_000));
    });
    attack!("slack: deeply nested body", |sent| {
        let nested = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        sent.body = Some(form(&sent.payload.to_string().replacen(
            '{',
            &format!("{{\"a\":{nested},"),
            1,
        )));
    });
    attack!("slack: body that is no text", |sent| sent.body =
        Some(b"payload=%ff%fe".to_vec()));
    attack!("slack: user twice in the payload", |sent| {
        let eve = r#"{"user":{"id":"U0EVE","team_id":"T1"},"#;
        sent.body = Some(form(&sent.payload.to_string().replacen('{', eve, 1)));
    });
    attack!("slack: payload twice", |sent| {
        let form = sent.form();
        sent.body = Some([form.as_slice(), b"&", &form].concat());
    });
    attack!("slack: another field before the payload", |sent| {
        sent.body = Some([b"user=U0KIM&".as_slice(), &sent.form()].concat());
    });
    attack!("slack: another workspace", |sent| sent
        .set("/team/id", json!("T2")));
    attack!("slack: guest from another workspace", |sent| sent
        .set("/user/team_id", json!("T2")));
    attack!("slack: another app", |sent| sent.set("/api_app_id", json!("A2")));
    attack!("slack: another channel", |sent| {
        sent.set("/channel/id", json!("C666"));
        sent.set("/container/channel_id", json!("C666"));
    });
    attack!("slack: two channels", |sent| sent
        .set("/channel/id", json!("C666")));
    attack!("slack: another message", |sent| sent
        .set("/container/message_ts", json!("1.3")));
    attack!("slack: a button outside of messages", |sent| sent
        .set("/container/type", json!("view")));
    attack!("slack: a dialog in place of a click", |sent| sent
        .set("/type", json!("view_submission")));
    attack!("slack: two buttons", |sent| {
        let one = sent.payload["actions"][0].clone();
        sent.set("/actions", json!([one, one]));
    });
    attack!("slack: no button", |sent| sent.set("/actions", json!([])));
    attack!("slack: a button of another feature", |sent| sent
        .set("/actions/0/action_id", json!("approve")));
    attack!("slack: a menu in place of a button", |sent| sent
        .set("/actions/0/type", json!("static_select")));
    attack!("slack: another digest", |sent| {
        sent.set("/actions/0/value", json!(format!("req-1 {}", "0".repeat(64))));
    });
    attack!("slack: no digest", |sent| sent
        .set("/actions/0/value", json!("req-1")));
    attack!("slack: another request", |sent| {
        let value = sent.payload["actions"][0]["value"]
            .as_str()
            .unwrap()
            .replace("req-1", "req-2");
        sent.set("/actions/0/value", json!(value));
    });
    attack!("slack: a stranger", |sent| sent.set("/user/id", json!("U0EVE")));
    attack!("slack: a stranger who is called kim", |sent| sent
        .set("/user/id", json!("kim")));
    attack!("slack: kim in lower case", |sent| sent
        .set("/user/id", json!("u0kim")));
    attack!("slack: a look-alike of kim", |sent| sent
        .set("/user/id", json!("U0K\u{406}M")));
    attack!("slack: whoever has asked", |sent| sent
        .set("/user/id", json!("U0PAT")));
    attack!("slack: not asked yet", |sent| sent
        .set("/user/id", json!("U0MAX")));
}

pub(super) async fn by_slack_in_time(attacks: &mut Attacks) {
    // The same request again, for a request of the same name that asks for something else.
    let mut world = World::new().await;
    let sent = Sent::by_kim(&world);
    world.go_to(60);
    assert_eq!(status(&world, sent.request()).await, StatusCode::OK);
    let again = status(&world, sent.request()).await;
    let votes = all_votes(&world).await;
    let first = world.count(votes.clone()).is_some();
    assert!(first && votes.len() == 1);
    attacks.push(("slack: the same click again", again.is_success()));
    attacks.push(("slack: used twice", world.count(votes.clone()).is_some()));
    let mut another = binding();
    another.nonce = "another".to_owned();
    let mut anew = Request::new("req-1", another.clone(), terms(), at(0));
    for vote in votes {
        let _ = anew.vote(vote, at(60));
    }
    attacks.push((
        "slack: a vote for the request before",
        anew.take(&another, at(60)).is_ok(),
    ));
    let mut late = World::new().await;
    late.go_to(24 * HOUR);
    let mut sent = Sent::by_kim(&late);
    sent.second = 24 * HOUR;
    status(&late, sent.request()).await;
    let votes = all_votes(&late).await;
    attacks.push(("slack: after the end", late.count(votes).is_some()));
    let mut swapped = World::new().await;
    swapped.go_to(60);
    status(&swapped, Sent::by_kim(&swapped).request()).await;
    for vote in all_votes(&swapped).await {
        swapped.request.vote(vote, at(60)).unwrap();
    }
    let mut other = binding();
    other.patch = "another".to_owned();
    attacks.push((
        "the patch is swapped after the vote",
        swapped.request.take(&other, at(61)).is_ok(),
    ));
    let mut other = binding();
    other.uid = Some("uid-2".to_owned());
    attacks.push((
        "the object is made anew after the vote",
        swapped.request.take(&other, at(61)).is_ok(),
    ));
    let mut other = binding();
    other.outcome = "another".to_owned();
    attacks.push((
        "the server would do something else by then",
        swapped.request.take(&other, at(61)).is_ok(),
    ));
    assert!(swapped.request.take(&binding(), at(62)).is_ok());
}
