//! Create, update, patch, scale, evict and delete.

use super::*;

#[tokio::test]
async fn writes_move_versions_and_generations() {
    let server = serve(vec![deployment()]).await;
    let api: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    let before = api.get("cart").await.unwrap();
    let patch = |value: Value| Patch::Merge(value);
    let dry = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let tried = api
        .patch("cart", &dry, &patch(json!({"spec": {"replicas": 9}})))
        .await
        .unwrap();
    assert_eq!(tried.spec.replicas, Some(9));
    assert_eq!(
        api.get("cart").await.unwrap(),
        before,
        "a dry run changes nothing"
    );

    let params = PatchParams {
        field_manager: Some("claw".into()),
        ..PatchParams::default()
    };
    let scaled = api
        .patch(
            "cart",
            &params,
            &patch(json!({"spec": {"replicas": 3}, "status": {"replicas": 7}})),
        )
        .await
        .unwrap();
    assert_eq!(scaled.metadata.generation, Some(4));
    assert_eq!(
        scaled.status.as_ref().unwrap().replicas,
        Some(2),
        "status is written elsewhere"
    );
    let signed = scaled.metadata.managed_fields.as_ref().unwrap();
    assert_eq!(signed[0].manager.as_deref(), Some("claw"));
    assert_eq!(
        signed[0].fields_v1.as_ref().unwrap().0,
        json!({"f:spec": {"f:replicas": {}}})
    );
    let labelled = api
        .patch(
            "cart",
            &params,
            &patch(json!({"metadata": {"labels": {"a": "b"}}})),
        )
        .await
        .unwrap();
    assert_eq!(
        labelled.metadata.generation,
        Some(4),
        "labels are no specification"
    );
    let same = api
        .patch("cart", &params, &patch(json!({"spec": {"replicas": 3}})))
        .await
        .unwrap();
    assert_eq!(
        same.metadata.resource_version, labelled.metadata.resource_version,
        "nothing changed"
    );

    let (code, reason, message) = status(
        api.replace("cart", &PostParams::default(), &before)
            .await
            .unwrap_err(),
    );
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on deployments.apps \"cart\": the object has been modified; please apply your \
         changes to the latest version and try again"
    );
    let stale = patch(json!({"metadata": {"resourceVersion": "2000"}, "spec": {"replicas": 1}}));
    assert_eq!(
        status(api.patch("cart", &params, &stale).await.unwrap_err()).0,
        409
    );
    let other = patch(json!({"metadata": {"uid": "other"}}));
    assert!(
        status(api.patch("cart", &params, &other).await.unwrap_err())
            .2
            .contains("Precondition failed: UID")
    );

    let strategic =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "cart:2"}]}}}});
    let patched = api
        .patch("cart", &params, &Patch::Strategic(strategic))
        .await
        .unwrap();
    assert_eq!(patched.spec.template.spec.unwrap().containers.len(), 1);
    let path = "/apis/apps/v1/namespaces/shop/deployments/cart";
    let operations = r#"[{"op": "replace", "path": "/spec/replicas", "value": 9}, {"op": "test", "path": "/spec/paused", "value": 1}]"#;
    let json_patch = [("content-type", "application/json-patch+json")];
    let failed = http_probe::send(
        "PATCH",
        &format!("{}{path}", server.url()),
        &json_patch,
        operations,
    )
    .await;
    assert_eq!(failed.status, 422);
    let applied = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"}, "spec": {"paused": true}});
    let applied = api
        .patch("cart", &PatchParams::apply("owner"), &Patch::Apply(applied))
        .await
        .unwrap();
    assert_eq!(applied.spec.paused, Some(true));
    let status_patch = patch(json!({"status": {"readyReplicas": 1}, "spec": {"replicas": 50}}));
    let updated = api.patch_status("cart", &params, &status_patch).await.unwrap();
    assert_eq!(
        (updated.status.unwrap().ready_replicas, updated.spec.replicas),
        (Some(1), Some(3))
    );
}

#[tokio::test]
async fn the_scale_subresource_changes_replicas_only() {
    let server = serve(vec![deployment()]).await;
    let api: Api<Deployment> = Api::namespaced(server.client().unwrap(), "shop");
    let scale = api.get_scale("cart").await.unwrap();
    assert_eq!(scale.status.unwrap().selector.as_deref(), Some("app=cart"));
    let params = PatchParams::default();
    let scaled = api
        .patch_scale("cart", &params, &Patch::Merge(json!({"spec": {"replicas": 5}})))
        .await
        .unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(5));
    let now = api.get("cart").await.unwrap();
    assert_eq!((now.spec.replicas, now.metadata.generation), (Some(5), Some(4)));
    let stale = Patch::Merge(json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}));
    assert_eq!(
        status(api.patch_scale("cart", &params, &stale).await.unwrap_err()).0,
        409
    );
    let negative = Patch::Merge(json!({"spec": {"replicas": -1}}));
    assert_eq!(
        status(api.patch_scale("cart", &params, &negative).await.unwrap_err()).0,
        422
    );
}

#[tokio::test]
async fn objects_are_created_and_deleted() {
    let server = serve(vec![pod("a", "a")]).await;
    let client = server.client().unwrap();
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
    let config = |name: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": "v"}})).unwrap()
    };
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&dry, &config("c")).await.unwrap();
    assert_eq!(status(api.get("c").await.unwrap_err()).0, 404);
    let created = api.create(&PostParams::default(), &config("c")).await.unwrap();
    assert_eq!(
        created.metadata.creation_timestamp.unwrap().0.to_string(),
        "2026-03-01T10:00:00Z"
    );
    let uid = created.metadata.uid.unwrap();
    let (code, reason, message) = status(
        api.create(&PostParams::default(), &config("c"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, reason.as_str(), message.as_str()),
        (409, "AlreadyExists", "configmaps \"c\" already exists")
    );
    assert_eq!(
        status(
            api.create(&PostParams::default(), &config("Not_A_Name"))
                .await
                .unwrap_err()
        )
        .0,
        422
    );
    let elsewhere: Api<ConfigMap> = Api::namespaced(client.clone(), "nowhere");
    let (code, _, message) = status(
        elsewhere
            .create(&PostParams::default(), &config("c"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (code, message.as_str()),
        (404, "namespaces \"nowhere\" not found")
    );

    let wrong = DeleteParams::default().preconditions(kube::api::Preconditions {
        uid: Some("x".into()),
        resource_version: None,
    });
    assert_eq!(status(api.delete("c", &wrong).await.unwrap_err()).0, 409);
    api.delete("c", &DeleteParams::default().dry_run()).await.unwrap();
    let right = DeleteParams::default().preconditions(kube::api::Preconditions {
        uid: Some(uid),
        resource_version: None,
    });
    api.delete("c", &right).await.unwrap().right().expect("a status");
    assert_eq!(status(api.get("c").await.unwrap_err()).0, 404);

    let mut finalized = config("f");
    finalized.metadata.finalizers = Some(vec!["example.com/x".into()]);
    api.create(&PostParams::default(), &finalized).await.unwrap();
    api.delete("f", &DeleteParams::default()).await.unwrap();
    assert!(api.get("f").await.unwrap().metadata.deletion_timestamp.is_some());
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("f", &PatchParams::default(), &release).await.unwrap();
    assert_eq!(status(api.get("f").await.unwrap_err()).0, 404);

    let pods: Api<Pod> = Api::namespaced(client, "shop");
    assert!(
        pods.delete("a", &DeleteParams::default())
            .await
            .unwrap()
            .is_left(),
        "pods go gracefully"
    );
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn evictions_respect_disruption_budgets() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"namespace": "shop", "name": "cart"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "cart"}}}});
    let server = serve(vec![
        pod("a", "cart"),
        pod("b", "cart"),
        pod("c", "cart"),
        pod("x", "other"),
        budget.clone(),
    ])
    .await;
    let pods: Api<Pod> = Api::namespaced(server.client().unwrap(), "shop");
    let params = EvictParams::default();
    let dry = EvictParams {
        post_options: PostParams {
            dry_run: true,
            ..PostParams::default()
        },
        ..EvictParams::default()
    };
    pods.evict("a", &dry).await.unwrap();
    pods.evict("a", &params).await.unwrap();
    pods.evict("x", &params).await.unwrap();
    // The plain client would come again after 429: this is one request.
    let url = format!("{}/api/v1/namespaces/shop/pods/b/eviction", server.url());
    let refused = http_probe::post(&url, "application/json", r#"{"metadata":{"name":"b"}}"#).await;
    assert_eq!(refused.status, 429);
    let body = refused.json();
    assert_eq!(
        body["message"],
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(body["details"]["causes"][0]["reason"], "DisruptionBudget");
    assert_eq!(
        body["details"]["causes"][0]["message"],
        "The disruption budget cart needs 2 healthy pods and has 2 currently"
    );
    let mut second = budget;
    second["metadata"]["name"] = "again".into();
    server.cluster().put(second);
    assert_eq!(
        http_probe::post(&url, "application/json", r#"{"metadata":{"name":"b"}}"#)
            .await
            .status,
        500
    );
    let left = pods.list(&ListParams::default()).await.unwrap().items.len();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn evictions_of_pods_that_are_not_ready_do_not_use_up_the_budget() {
    let unready = |name: &str, app: &str| {
        let mut pod = pod(name, app);
        pod["status"]["conditions"][0]["status"] = "False".into();
        pod
    };
    let budget = |app: &str, least: u32, policy: &str| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"namespace": "shop", "name": app},
            "spec": {"minAvailable": least, "unhealthyPodEvictionPolicy": policy, "selector": {"matchLabels": {"app": app}}}})
    };
    let server = serve(vec![
        pod("fit", "a"),
        unready("sick", "a"),
        unready("ill", "b"),
        unready("given-up", "c"),
        budget("a", 1, "IfHealthyBudget"),
        budget("b", 1, "IfHealthyBudget"),
        budget("c", 1, "AlwaysAllow"),
    ])
    .await;
    for (name, status) in [
        ("fit", 429),
        ("sick", 201),
        ("fit", 429),
        ("ill", 429),
        ("given-up", 201),
    ] {
        let url = format!("{}/api/v1/namespaces/shop/pods/{name}/eviction", server.url());
        let body = json!({"metadata": {"name": name}}).to_string();
        let answer = http_probe::post(&url, "application/json", &body).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_budget_that_is_not_yet_counted_names_a_time() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"namespace": "shop", "name": "cart", "generation": 2},
        "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "cart"}}},
        "status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 0}});
    let server = serve(vec![pod("a", "cart"), budget]).await;
    let url = format!("{}/api/v1/namespaces/shop/pods/a/eviction", server.url());
    let refused = http_probe::post(&url, "application/json", r#"{"metadata":{"name":"a"}}"#).await;
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 10"), "{}", refused.head);
    assert_eq!(refused.json()["details"]["retryAfterSeconds"], 10);
}

#[tokio::test]
async fn strange_requests_are_refused_and_do_no_harm() {
    let server = serve(vec![pod("a", "x"), deployment()]).await;
    let base = server.url();
    let path = "/apis/apps/v1/namespaces/shop/deployments";
    for (method, path, kind, body, status) in [
        ("POST", path.to_owned(), "application/json", "not json", 400),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}"#,
            400,
        ),
        ("POST", path.to_owned(), "application/json", "{}", 422),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"metadata":{"name":"x","namespace":"other"}}"#,
            400,
        ),
        (
            "POST",
            path.to_owned(),
            "application/json",
            r#"{"metadata":{"name":"x","resourceVersion":"1"}}"#,
            400,
        ),
        (
            "POST",
            format!("{path}?dryRun=Some"),
            "application/json",
            r#"{"metadata":{"name":"x"}}"#,
            422,
        ),
        (
            "PUT",
            format!("{path}/cart"),
            "application/json",
            r#"{"metadata":{"name":"other"}}"#,
            400,
        ),
        ("PATCH", format!("{path}/cart"), "text/plain", "{}", 415),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/merge-patch+json",
            "[]",
            400,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/merge-patch+json",
            r#"{"metadata":{"name":"x"}}"#,
            400,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/json-patch+json",
            "{}",
            400,
        ),
        (
            "PATCH",
            format!("{path}/cart"),
            "application/apply-patch+yaml",
            "{}",
            422,
        ),
        (
            "PATCH",
            format!("{path}/none"),
            "application/merge-patch+json",
            "{}",
            404,
        ),
        ("BREW", path.to_owned(), "text/plain", "", 405),
        ("PUT", path.to_owned(), "application/json", "{}", 405),
        (
            "POST",
            format!("{path}/cart/nothing"),
            "application/json",
            "{}",
            404,
        ),
        ("GET", format!("{path}?limit=x"), "", "", 400),
        ("GET", format!("{path}?continue=x"), "", "", 400),
        ("GET", format!("{path}?resourceVersion=99999999"), "", "", 504),
        ("GET", format!("{path}?labelSelector=a+b"), "", "", 400),
        ("GET", format!("{path}?watch=true&resourceVersion=x"), "", "", 500),
        (
            "GET",
            "/api/v1/namespaces/shop/pods/a/log?tailLines=-1".to_owned(),
            "",
            "",
            422,
        ),
    ] {
        let answer =
            http_probe::send(method, &format!("{base}{path}"), &[("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        assert_eq!(answer.json()["kind"], "Status", "{method} {path}");
    }
    let nowhere = http_probe::send("GET", &format!("{base}/%ff%2f/%zz//"), &[], "").await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(
        server.cluster().get("Deployment", "shop", "cart").unwrap()["metadata"]["resourceVersion"],
        "2000"
    );
}
