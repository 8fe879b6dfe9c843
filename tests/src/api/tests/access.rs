//! Roles, tokens, faults.

use super::*;

#[tokio::test]
async fn roles_decide_what_a_token_may_do() {
    let rbac = |kind: &str, name: &str, rest: Value| {
        let mut object =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let subjects = json!([{"kind": "ServiceAccount", "namespace": "claw", "name": "agent"}]);
    let reader = rbac(
        "ClusterRole",
        "reader",
        json!({"rules": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get"], "resourceNames": ["cart"]}]}),
    );
    let all = rbac(
        "ClusterRole",
        "all",
        json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]}}),
    );
    let mut part = rbac(
        "ClusterRole",
        "part",
        json!({"rules": [{"apiGroups": ["*"], "resources": ["pods/log"], "verbs": ["*"]}]}),
    );
    part["metadata"]["labels"] = json!({"to": "all"});
    let role_ref =
        |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let wide = rbac(
        "ClusterRoleBinding",
        "reader",
        json!({"subjects": subjects, "roleRef": role_ref("ClusterRole", "reader")}),
    );
    let mut narrow = rbac(
        "RoleBinding",
        "logs",
        json!({"subjects": subjects, "roleRef": role_ref("ClusterRole", "all")}),
    );
    narrow["metadata"]["namespace"] = "shop".into();
    let server = serve(vec![pod("a", "x"), deployment(), reader, all, part, wide, narrow]).await;
    server
        .cluster()
        .set_log("shop", "a", "main", false, Content::text("x\n"));
    server
        .cluster()
        .allow_token("secret", User::service_account("claw", "agent"));
    let client = server.client_with(Some("secret")).unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    pods.list(&ListParams::default()).await.unwrap();
    pods.logs("a", &LogParams::default()).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    deployments.get("cart").await.unwrap();
    client.apiserver_version().await.unwrap();
    let (code, reason, message) = status(deployments.list(&ListParams::default()).await.unwrap_err());
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        message,
        "deployments.apps is forbidden: User \"system:serviceaccount:claw:agent\" cannot list resource \"deployments\" in \
         API group \"apps\" in the namespace \"shop\""
    );
    let message = status(pods.delete("a", &DeleteParams::default()).await.unwrap_err()).2;
    assert!(message.starts_with("pods \"a\" is forbidden: User"), "{message}");

    let reviews: Api<SelfSubjectAccessReview> = Api::all(client);
    let ask = async |verb: &str, resource: &str, sub: &str, namespace: &str| {
        let review = serde_json::from_value(json!({"spec": {"resourceAttributes":
            {"verb": verb, "resource": resource, "subresource": sub, "namespace": namespace}}}))
        .unwrap();
        reviews
            .create(&PostParams::default(), &review)
            .await
            .unwrap()
            .status
            .unwrap()
    };
    let allowed = ask("list", "pods", "", "").await;
    assert!(allowed.allowed);
    assert_eq!(
        allowed.reason.unwrap(),
        "RBAC: allowed by ClusterRoleBinding \"reader\" of ClusterRole \"reader\" to ServiceAccount \"agent/claw\""
    );
    assert!(ask("get", "pods", "log", "shop").await.allowed);
    assert!(!ask("get", "pods", "log", "else").await.allowed);
    assert!(!ask("delete", "pods", "", "shop").await.allowed);

    server.cluster().revoke_token("secret");
    assert_eq!(
        status(pods.list(&ListParams::default()).await.unwrap_err()).0,
        401
    );
    server.cluster().act_as(Some(User::named("nobody")));
    assert_eq!(fetch(&server, "/api/v1/pods").await.status, 403);
    server.cluster().act_as(None);
    assert_eq!(fetch(&server, "/api/v1/pods").await.status, 200);
}

#[tokio::test]
async fn faults_have_the_shape_of_real_ones() {
    let server = serve(vec![pod("a", "x")]).await;
    let pods = "/api/v1/namespaces/shop/pods";
    server
        .faults()
        .add(Rule::new("/api/v1/**", Fault::too_many_requests(Duration::from_secs(3))).times(1));
    let refused = fetch(&server, pods).await;
    assert_eq!(
        (refused.status, &refused.json()["reason"]),
        (429, &json!("TooManyRequests"))
    );
    assert!(refused.head.contains("retry-after: 3"), "{}", refused.head);
    server
        .faults()
        .add(Rule::new("/api/v1/**", Fault::Switch(STALE)).times(1));
    server.cluster().put(pod("b", "x"));
    let version = |list: &Value| {
        list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let stale = fetch(&server, pods).await.json();
    let fresh = fetch(&server, pods).await.json();
    assert_eq!(
        (
            stale["items"].as_array().unwrap().len(),
            fresh["items"].as_array().unwrap().len()
        ),
        (1, 2)
    );
    assert!(version(&stale) < version(&fresh));
    let log = server.faults().exchanges();
    assert_eq!(log.len(), 3);
    assert_eq!(
        (log[0].status.unwrap().as_u16(), log[0].path.as_str()),
        (429, pods)
    );
}

#[tokio::test]
async fn a_kubeconfig_leads_to_the_server() {
    let server = serve(vec![pod("a", "x")]).await;
    server
        .cluster()
        .allow_token("t", User::named("admin").in_group("system:masters"));
    let config = kube::config::Kubeconfig::from_yaml(&server.kubeconfig(Some("t"))).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default())
        .await
        .unwrap();
    let pods: Api<Pod> = Api::all(kube::Client::try_from(config).unwrap());
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), 1);
}
