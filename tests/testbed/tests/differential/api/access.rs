//! What the user may do.

use serde_json::json;

use super::pair::{JSON, Pair, step};

pub(super) async fn access(pair: &mut Pair, ns: &str) {
    for (name, verb, resource) in [
        ("may list pods", "list", "pods"),
        ("may delete namespaces", "delete", "namespaces"),
    ] {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": ns, "verb": verb, "resource": resource}}});
        pair.same(
            step(
                name,
                "POST",
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                &["/status/allowed"],
            )
            .body(JSON, review),
        )
        .await;
    }
}
