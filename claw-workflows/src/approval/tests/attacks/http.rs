//! On the HTTP endpoint.

use super::*;

/// Whether a request of `token` leads to an approval.
pub(super) async fn posted(second: i64, request: impl FnOnce(&World) -> HttpRequest<Body>) -> bool {
    let mut world = World::new().await;
    let request = request(&world);
    world.go_to(second);
    status(&world, request).await;
    let votes = all_votes(&world).await;
    world.count(votes).is_some()
}

pub(super) const DECISION: &str = "/approvals/req-1/decision";

pub(super) fn decision(world: &World) -> Value {
    json!({"verdict": "approve", "digest": world.shown.digest})
}

pub(super) fn sends(authorization: &str, path: &str, body: impl Into<Body>) -> HttpRequest<Body> {
    HttpRequest::post(path)
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

pub(super) async fn by_http(attacks: &mut Attacks) {
    let bearer = |token: &str| format!("Bearer {token}");
    let kim = bearer(KIM);
    let kim = kim.as_str();
    macro_rules! attack {
        ($name:literal, $request:expr) => {
            attacks.push(($name, posted(60, $request).await));
        };
    }
    let good = |world: &World| sends(kim, DECISION, decision(world).to_string());
    assert!(posted(60, good).await, "without an attack it is an approval");
    attack!("http: no token", |world| {
        let request = HttpRequest::post(DECISION).header("content-type", "application/json");
        request.body(Body::from(decision(world).to_string())).unwrap()
    });
    for (name, authorization) in [
        ("http: a wrong token", bearer(&"x".repeat(36))),
        ("http: an empty token", "Bearer ".to_owned()),
        ("http: a token in capitals", bearer(&KIM.to_uppercase())),
        ("http: the beginning of a token", bearer(&KIM[..35])),
        ("http: a token and more", bearer(&format!("{KIM} "))),
        ("http: a name in place of a token", bearer("kim")),
        (
            "http: a digest in place of a token",
            bearer(&claw_core::digest::sha256(KIM.as_bytes())),
        ),
        ("http: another scheme", format!("Basic {KIM}")),
        ("http: no scheme", KIM.to_owned()),
        ("http: the agent's own token", bearer(WEBHOOK)),
        ("http: not asked yet", bearer(MAX)),
        ("http: whoever has asked", bearer(PAT)),
    ] {
        let request = |world: &World| sends(&authorization, DECISION, decision(world).to_string());
        attacks.push((name, posted(60, request).await));
    }
    attack!("http: two tokens", |world| {
        let mut request = sends(&bearer(MAX), DECISION, decision(world).to_string());
        request
            .headers_mut()
            .append("authorization", kim.parse().unwrap());
        request
    });
    attack!("http: a cookie in place of a token", |world| {
        let mut request = sends("", DECISION, decision(world).to_string());
        request
            .headers_mut()
            .insert("cookie", format!("token={KIM}").parse().unwrap());
        request
    });
    attack!("http: a token in the address", |world| {
        sends(
            "",
            &format!("{DECISION}?access_token={KIM}"),
            decision(world).to_string(),
        )
    });
    attack!("http: another's name in the body", |world| {
        let mut body = decision(world);
        body["by"] = json!("kim");
        sends(&bearer(MAX), DECISION, body.to_string())
    });
    attack!("http: another's name in a header", |world| {
        let mut request = sends(&bearer(MAX), DECISION, decision(world).to_string());
        request
            .headers_mut()
            .insert("x-remote-user", "kim".parse().unwrap());
        request
    });
    attack!("http: verdict twice", |world| {
        let digest = &world.shown.digest;
        let body = format!(r#"{{"verdict":"deny","digest":"{digest}","verdict":"approve"}}"#);
        sends(kim, DECISION, body)
    });
    attack!("http: digest twice", |world| {
        let digest = &world.shown.digest;
        let body = format!(
            r#"{{"verdict":"approve","digest":"{}","digest":"{digest}"}}"#,
            "0".repeat(64)
        );
        sends(kim, DECISION, body)
    });
    for (name, body) in [
        (
            "http: another digest",
            json!({"verdict": "approve", "digest": "0".repeat(64)}),
        ),
        ("http: no digest", json!({"verdict": "approve"})),
        (
            "http: a digest that is null",
            json!({"verdict": "approve", "digest": null}),
        ),
        (
            "http: a list of digests",
            json!({"verdict": "approve", "digest": ["0"]}),
        ),
    ] {
        attacks.push((name, posted(60, |_| sends(kim, DECISION, body.to_string())).await));
    }
    attack!("http: the beginning of the digest", |world| {
        let body = json!({"verdict": "approve", "digest": world.shown.digest[..16]});
        sends(kim, DECISION, body.to_string())
    });
    attack!("http: the digest in capitals", |world| {
        let body = json!({"verdict": "approve", "digest": world.shown.digest.to_uppercase()});
        sends(kim, DECISION, body.to_string())
    });
    attack!("http: a verdict in capitals", |world| {
        sends(
            kim,
            DECISION,
            decision(world).to_string().replace("approve", "APPROVE"),
        )
    });
    attack!("http: more than a decision", |world| {
        sends(kim, DECISION, format!("{} {{}}", decision(world)))
    });
    attack!("http: truncated body", |world| {
        let mut body = decision(world).to_string();
        body.truncate(body.len() - 1);
        sends(kim, DECISION, body)
    });
    attack!("http: huge body", |world| {
        sends(kim, DECISION, format!("{}{}", decision(world), " ".repeat(5000)))
    });
    attack!("http: the form of another page", |world| {
        let mut request = good(world);
        request
            .headers_mut()
            .insert("content-type", "text/plain".parse().unwrap());
        request
    });
    attack!("http: a decision by GET", |world| {
        let mut request = good(world);
        *request.method_mut() = axum::http::Method::GET;
        request
    });
    attack!("http: another request", |world| {
        sends(kim, "/approvals/req-2/decision", decision(world).to_string())
    });
    attack!("http: a request out of the way", |world| {
        sends(
            kim,
            "/approvals/..%2Fslack%2Freq-1/decision",
            decision(world).to_string(),
        )
    });
    let late = |world: &World| sends(kim, DECISION, decision(world).to_string());
    attacks.push(("http: after the end", posted(24 * HOUR, late).await));
}
