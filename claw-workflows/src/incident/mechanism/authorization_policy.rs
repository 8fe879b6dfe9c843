//! A mesh's rules of who may call whom refuse somebody who should be let in.

use claw_core::entity::EntityRef;
use claw_k8s::model::{DynamicObject, Object, Workload};
use claw_metrics::logs::indicators::Indicator;
use serde_json::Value;

use super::mtls_mismatch::{calls, in_mesh, rules_for};
use super::ways_in::{list, text};
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, Target};
use crate::incident::facts::Facts;

/// An AuthorizationPolicy lets nobody in who calls from where a caller is, or shuts that caller out.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthorizationPolicyDenies;

impl Mechanism for AuthorizationPolicyDenies {
    fn id(&self) -> &'static str {
        "authorization_policy"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let rules = facts.case.objects.mesh.iter();
        if !rules.clone().any(|rule| rule.kind == "AuthorizationPolicy") {
            return Vec::new();
        }
        calls(facts)
            .into_iter()
            .filter_map(|(caller, callee)| candidate(facts, &caller, callee))
            .collect()
    }
}

/// Who calls, as rules see it.
struct Caller<'a> {
    namespace: &'a str,
    /// `ns/NAMESPACE/sa/ACCOUNT`, without the trust domain.
    principal: String,
}

impl Caller<'_> {
    /// Whether a rule's `from` surely means the caller: it asks for nothing else than who calls.
    fn is_surely_meant(&self, rule: &Value) -> bool {
        const JUDGED: [&str; 4] = ["namespaces", "principals", "notNamespaces", "notPrincipals"];
        let judged = |source: &Value| {
            let keys = source.as_object().map(serde_json::Map::keys);
            keys.is_some_and(|mut keys| keys.all(|key| JUDGED.contains(&key.as_str())))
        };
        self.fits_any(rule, judged)
    }

    /// Whether a rule's `from` may mean the caller. What depends on more than who calls may.
    fn is_meant(&self, rule: &Value) -> bool {
        self.fits_any(rule, |_| true)
    }

    /// Whether a rule without sources is given, or one of those that `test` accepts fits the caller.
    fn fits_any(&self, rule: &Value, test: impl Fn(&Value) -> bool) -> bool {
        let mut sources = list(rule, "from")
            .filter_map(|from| from.get("source"))
            .peekable();
        if sources.peek().is_none() {
            return true;
        }
        sources.filter(|source| test(source)).any(|source| {
            let fits = |key: &str, test: &dyn Fn(&str) -> bool| {
                let mut wanted = list(source, key).filter_map(Value::as_str).peekable();
                wanted.peek().is_none() || wanted.any(test)
            };
            let excluded = |key: &str, test: &dyn Fn(&str) -> bool| {
                list(source, key).filter_map(Value::as_str).any(test)
            };
            let namespace = |wanted: &str| like(wanted, self.namespace);
            let principal = |wanted: &str| {
                like(wanted, &format!("cluster.local/{}", self.principal))
                    || wanted.ends_with(&format!("/{}", self.principal))
            };
            fits("namespaces", &namespace)
                && fits("principals", &principal)
                && !excluded("notNamespaces", &namespace)
                && !excluded("notPrincipals", &principal)
        })
    }
}

/// Whether a pattern with a `*` at one end means a text.
fn like(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(end), _) => text.ends_with(end),
        (_, Some(start)) => text.starts_with(start),
        _ => pattern == text,
    }
}

/// The policies that keep the caller out.
fn denying<'a>(facts: &Facts<'a>, caller: &Caller<'_>, callee: &Workload) -> Vec<&'a DynamicObject> {
    let policies = rules_for(facts, "AuthorizationPolicy", callee);
    let action = |policy: &DynamicObject| match text(&policy.spec, "action") {
        "" => "ALLOW".to_owned(),
        action => action.to_owned(),
    };
    let whole = |rule: &Value| rule.get("to").is_none() && rule.get("when").is_none();
    let shut: Vec<&DynamicObject> = policies
        .iter()
        .copied()
        .filter(|policy| action(policy) == "DENY")
        // A rule about some paths only shuts nobody out of the rest.
        .filter(|policy| list(&policy.spec, "rules").any(|rule| whole(rule) && caller.is_surely_meant(rule)))
        .collect();
    if !shut.is_empty() {
        return shut;
    }
    let allowing: Vec<&DynamicObject> = policies
        .into_iter()
        .filter(|policy| action(policy) == "ALLOW")
        .collect();
    let allowed = allowing
        .iter()
        .any(|policy| list(&policy.spec, "rules").any(|rule| caller.is_meant(rule)));
    if allowed { Vec::new() } else { allowing }
}

fn candidate(facts: &Facts<'_>, caller: &EntityRef, callee: &Workload) -> Option<Candidate> {
    let to = callee.entity();
    let calling = facts.workload(caller)?;
    if !facts.pods_of(&to).iter().any(|pod| in_mesh(pod)) {
        return None;
    }
    let who = Caller {
        namespace: calling.metadata.ns(),
        principal: format!(
            "ns/{}/sa/{}",
            calling.metadata.ns(),
            calling.template().spec.account()
        ),
    };
    let edited = |policy: &&DynamicObject| {
        let edit = policy.metadata.last_edit().and_then(|edit| edit.time);
        edit.or(policy.metadata.creation_timestamp)
    };
    // Several add up; the newest one is the one that somebody thought of last.
    let policy = denying(facts, &who, callee).into_iter().max_by_key(edited)?;
    let entity = policy.entity();
    let complaint = facts.complaints().iter().find(|complaint| {
        complaint.workload == *caller
            && complaint.target == Target::Known(to.clone())
            && matches!(
                complaint.kind,
                Indicator::AccessDenied | Indicator::UpstreamError | Indicator::ConnectionReset
            )
    });
    let since = edited(&policy);
    let mut found = Candidate::new(
        "authorization_policy",
        entity.clone(),
        format!("{entity} does not let {caller} call {to}"),
    )
    .aspect(caller.to_string())
    .clue(
        "policy does not let the caller in",
        2.0,
        vec![facts.object(
            policy,
            since,
            format!("has no rule that lets {} call {to}", who.principal),
        )],
    )
    .hurting([caller.clone()])
    .since(since);
    found = match complaint {
        Some(complaint) => found.clue("caller is refused", 1.8, complaint.evidence(facts)),
        None => found.unseen(format!("whether calls from {caller} to {to} fail")),
    };
    let trouble = complaint.and_then(Complaint::since);
    if let Some(change) = recent_change::before_trouble(facts, &entity, trouble, |_| true) {
        found = found
            .clue("policy was changed", 1.0, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference))
            .since(Some(change.time));
    }
    let advice = Advice::new(
        format!("Let {caller} call {to} in {entity}, if that is meant"),
        "The proxy of the called side answers 403 until then",
    );
    let command = format!(
        "kubectl -n {} edit authorizationpolicy {}",
        policy.metadata.ns(),
        policy.metadata.name
    );
    Some(recent_change::doubt_old(facts, &policy.metadata, found).advise(advice.command(command)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::{AuthorizationPolicyDenies, like};
    use crate::incident::testing::of;

    fn denied(spec: &Value) -> bool {
        let proxied = json!([{"name": "app"}, {"name": "istio-proxy"}]);
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "web", json!([{"name": "app"}])),
                fixture::workload("shop", "cart", json!([{"name": "app"}])),
            ],
            "pods": [fixture::pod("shop", "web", proxied.clone()), fixture::pod("shop", "cart", proxied)],
            "services": [fixture::service("shop", "cart", json!({"port": 80}))],
            "mesh": [{"kind": "AuthorizationPolicy", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec}],
        }));
        fixture::call(&mut case, "web", "cart");
        !of(&AuthorizationPolicyDenies, &case).is_empty()
    }

    #[test]
    fn a_caller_that_no_rule_means_is_kept_out() {
        let from = |key: &str, value: &str| json!({"rules": [{"from": [{"source": {key: [value]}}]}]});
        assert!(!denied(&from("namespaces", "shop")));
        assert!(denied(&from("namespaces", "ops")));
        assert!(!denied(&from("principals", "cluster.local/ns/shop/sa/default")));
        assert!(denied(&from("principals", "cluster.local/ns/shop/sa/other")));
        assert!(!denied(&json!({"rules": [{}]})));
        // A policy without rules lets nobody in.
        assert!(denied(&json!({})));
        assert!(!denied(&json!({"selector": {"matchLabels": {"app": "other"}}})));
    }

    #[test]
    fn a_caller_that_is_shut_out_is_kept_out() {
        let deny = |rule: Value| json!({"action": "DENY", "rules": [rule]});
        let from = json!([{"source": {"namespaces": ["sh*"]}}]);
        assert!(denied(&deny(json!({"from": from}))));
        assert!(!denied(&deny(
            json!({"from": from, "to": [{"operation": {"paths": ["/admin"]}}]})
        )));
        assert!(!denied(&deny(
            json!({"from": [{"source": {"namespaces": ["ops"]}}]})
        )));
        // Whether it calls from there, or as that user, is not known.
        for key in ["ipBlocks", "remoteIpBlocks", "requestPrincipals"] {
            let source = json!({key: ["192.0.2.0/24"]});
            assert!(!denied(&deny(json!({"from": [{"source": source}]}))), "{key}");
            let both = json!({"from": [{"source": source}, {"source": {"namespaces": ["shop"]}}]});
            assert!(denied(&deny(both)), "{key}");
        }
        assert!(denied(&deny(json!({}))));
    }

    #[test]
    fn patterns_have_a_star_at_one_end() {
        assert!(like("*", "shop") && like("sh*", "shop") && like("*op", "shop") && like("shop", "shop"));
        assert!(!like("ops*", "shop") && !like("", "shop"));
    }
}
