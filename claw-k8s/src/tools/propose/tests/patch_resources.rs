use claw_core::quantity::Quantity;
use proptest::prelude::*;

use super::*;

fn input(containers: Value) -> Value {
    json!({"kind": "Deployment", "namespace": "shop", "name": "cart", "containers": containers, "reason": "it is killed"})
}

#[tokio::test]
async fn the_patch_is_the_present_list_with_other_resources() {
    let object = deployment(json!({}));
    let asked =
        input(json!([{"name": "app", "requests": {"cpu": null}, "limits": {"memory": "512Mi", "cpu": "1"}}]));
    let proposal = ask(Fake::new([object.clone()]), "patch_resources", asked)
        .await
        .unwrap();
    let mut list = object["spec"]["template"]["spec"]["containers"].clone();
    list[0]["resources"] =
        json!({"requests": {"memory": "128Mi"}, "limits": {"memory": "512Mi", "cpu": "1"}});
    assert_eq!(
        proposal.action.patch,
        json!({"spec": {"template": {"spec": {"containers": list}}}}),
        "and no list of init containers"
    );
    assert_eq!(
        proposal.action.expected,
        "Deployment shop/cart gives app requests.cpu none instead of 500m, app limits.cpu 1 instead of none, \
         app limits.memory 512Mi instead of 256Mi, app so requests its limit of cpu, 1, instead of 500m, and its 3 pods are replaced"
    );
    assert_eq!(
        proposal.diff,
        [
            "spec.template.spec.containers[app].resources.limits.cpu: (none) → \"1\"",
            "spec.template.spec.containers[app].resources.limits.memory: 256Mi → 512Mi",
            "spec.template.spec.containers[app].resources.requests.cpu: 500m → (none)",
        ]
    );
}

#[tokio::test]
async fn init_containers_and_templates_of_jobs_are_reached_too() {
    let asked = input(json!([{"name": "migrate", "limits": {"memory": "64Mi"}}]));
    let proposal = ask(Fake::new([deployment(json!({}))]), "patch_resources", asked)
        .await
        .unwrap();
    assert_eq!(
        proposal.action.patch,
        json!({"spec": {"template": {"spec": {"initContainers": [
            {"name": "migrate", "image": "cart:3", "resources": {"limits": {"memory": "64Mi"}}}]}}}})
    );
    let template = json!({"spec": {"containers": [{"name": "app", "image": "report:1"}]}});
    let job = json!({"spec": {"jobTemplate": {"spec": {"template": template}}}});
    let job = stored("batch/v1", "CronJob", Some("shop"), "cart", job);
    let asked = with(
        &input(json!([{"name": "app", "requests": {"cpu": "1"}}])),
        json!({"kind": "CronJob"}),
    );
    let proposal = ask(Fake::new([job.clone()]), "patch_resources", asked)
        .await
        .unwrap();
    assert_bound(&proposal, &job);
    let after = merged(&job, &proposal.action.patch);
    assert_eq!(
        after["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"],
        json!([{"name": "app", "image": "report:1", "resources": {"requests": {"cpu": "1"}}}])
    );
    assert!(proposal.action.expected.ends_with("pods of its next job have it"));
}

#[tokio::test]
async fn refuses_what_cannot_be_or_is_so() {
    for (containers, said) in [
        (json!([]), "name at least one container"),
        (json!([{"name": "app"}]), "name at least one container"),
        (
            json!([{"name": "", "limits": {"cpu": "1"}}]),
            "the container is empty",
        ),
        (
            json!([{"name": "app", "limits": {"cpu": "1"}}, {"name": "app", "limits": {"cpu": "2"}}]),
            "named twice",
        ),
        (
            json!([{"name": "web", "limits": {"cpu": "1"}}, {"name": "api", "limits": {"cpu": "1"}}, {"name": "app", "limits": {"cpu": "1"}}]),
            "has no container named api, web",
        ),
        (
            json!([{"name": "app", "limits": {"memory": "512 Mi"}}]),
            "`512 Mi` is not a quantity",
        ),
        (
            json!([{"name": "app", "limits": {"memory": ""}}]),
            "is not a quantity",
        ),
        (
            json!([{"name": "app", "limits": {"memory": "512m"}}]),
            "not a whole number",
        ),
        (
            json!([{"name": "app", "limits": {"cpu": "-1"}}]),
            "less than nothing",
        ),
        (
            json!([{"name": "app", "limits": {"": "1"}}]),
            "no name of a resource",
        ),
        (
            json!([{"name": "app", "requests": {"memory": "257Mi"}}]),
            "request more memory than",
        ),
        (
            json!([{"name": "app", "limits": {"memory": "127Mi"}}]),
            "request more memory than",
        ),
        (
            json!([{"name": "app", "limits": {"cpu": "0.4"}}]),
            "request more cpu than",
        ),
        (
            json!([{"name": "app", "limits": {"memory": "256Mi"}}]),
            "nothing to change",
        ),
        // The same in other words.
        (
            json!([{"name": "app", "requests": {"cpu": "0.5", "memory": "131072Ki"}, "limits": {"cpu": null}}]),
            "nothing to change",
        ),
        (
            json!([{"name": "app", "limits": {"memory": "1Gi"}, "claims": []}]),
            "unknown field `claims`",
        ),
    ] {
        let message = refusal(
            Fake::new([deployment(json!({}))]),
            "patch_resources",
            input(containers),
        )
        .await;
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[tokio::test]
async fn what_pods_request_because_nothing_is_requested_is_said() {
    let said = |resources: Value, asked: Value| async move {
        let mut object = deployment(json!({}));
        object["spec"]["template"]["spec"]["containers"][0]["resources"] = resources;
        let mut container = asked;
        container["name"] = json!("app");
        let asked = input(json!([container]));
        ask(Fake::new([object]), "patch_resources", asked)
            .await
            .unwrap()
            .action
            .expected
    };
    let limited = json!({"requests": {"cpu": "250m"}, "limits": {"cpu": "2"}});
    let text = said(limited.clone(), json!({"requests": {"cpu": null}})).await;
    assert!(
        text.contains("app so requests its limit of cpu, 2, instead of 250m"),
        "{text}"
    );
    // A limit alone is a request as well.
    let text = said(json!({}), json!({"limits": {"memory": "1Gi"}})).await;
    assert!(
        text.contains("app so requests its limit of memory, 1Gi, instead of none"),
        "{text}"
    );
    let text = said(
        json!({"limits": {"memory": "1Gi"}}),
        json!({"limits": {"memory": "2Gi"}}),
    )
    .await;
    assert!(
        text.contains("app so requests its limit of memory, 2Gi, instead of 1Gi"),
        "{text}"
    );
    for (resources, asked) in [
        (limited.clone(), json!({"limits": {"cpu": "3"}})),
        (
            limited,
            json!({"requests": {"cpu": null}, "limits": {"cpu": null}}),
        ),
        (json!({"limits": {"cpu": "1"}}), json!({"requests": {"cpu": "1"}})),
    ] {
        let text = said(resources, asked).await;
        assert!(!text.contains("so requests"), "{text}");
    }
}

#[tokio::test]
async fn says_where_pods_are_not_replaced() {
    let asked = input(json!([{"name": "app", "limits": {"memory": "1Gi"}}]));
    let paused = deployment(json!({"spec": {"paused": true}}));
    let proposal = ask(Fake::new([paused]), "patch_resources", asked).await.unwrap();
    assert_eq!(
        proposal.warnings,
        ["Deployment shop/cart is paused: no pod is replaced until it is resumed"]
    );
}

/// A workload without its resources.
fn without_resources(object: &Value) -> Value {
    let mut rest = object.clone();
    for list in ["containers", "initContainers"] {
        let items = rest["spec"]["template"]["spec"][list].as_array_mut().unwrap();
        for item in items {
            item.as_object_mut().unwrap().remove("resources");
        }
    }
    rest
}

fn amounts() -> impl Strategy<Value = Value> {
    let amount = prop_oneof![
        Just(Value::Null),
        (1..900_u32).prop_map(|n| json!(format!("{n}Mi")))
    ];
    prop::collection::btree_map("(cpu|memory|example.com/gpu)", amount, 0..3)
        .prop_map(|map| map.into_iter().collect::<Value>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn nothing_but_resources_changes_and_requests_stay_within_limits(
        containers in prop::collection::btree_map("(app|proxy|migrate)", (amounts(), amounts()), 1..3),
    ) {
        let asked: Vec<_> = containers.iter()
            .map(|(name, (requests, limits))| json!({"name": name, "requests": requests, "limits": limits})).collect();
        let object = deployment(json!({}));
        let answer = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
            .block_on(ask(Fake::new([object.clone()]), "patch_resources", input(json!(asked))));
        match answer {
            Err(error) => prop_assert_eq!(error.kind(), ToolErrorKind::InvalidInput),
            Ok(proposal) => {
                assert_bound(&proposal, &object);
                let after = merged(&object, &proposal.action.patch);
                prop_assert_eq!(without_resources(&after), without_resources(&object));
                let spec = &after["spec"]["template"]["spec"];
                for item in ["containers", "initContainers"].iter().flat_map(|list| spec[list].as_array().unwrap()) {
                    let quantity = |list: &str, key: &str| item["resources"][list][key].as_str()
                        .map(|text| text.parse::<Quantity>().unwrap());
                    for (key, asked) in [("cpu", "requests"), ("memory", "requests"), ("cpu", "limits"), ("memory", "limits")]
                        .into_iter().filter_map(|(key, list)| {
                            let name = item["name"].as_str()?;
                            let (requests, limits) = containers.get(name)?;
                            Some((key, (list, if list == "requests" { requests } else { limits }.get(key)?)))
                        }) {
                        let (list, wanted) = asked;
                        prop_assert_eq!(quantity(list, key), wanted.as_str().map(|text| text.parse().unwrap()));
                    }
                    for key in ["cpu", "memory", "example.com/gpu"] {
                        if let (Some(request), Some(limit)) = (quantity("requests", key), quantity("limits", key)) {
                            prop_assert!(request <= limit);
                        }
                    }
                }
            }
        }
    }
}
