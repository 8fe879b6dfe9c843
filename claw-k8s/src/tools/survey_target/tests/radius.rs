//! How far actions reach, by kind and verb.

use super::*;

fn service(radius: &BlastRadius, name: &str) -> Option<Option<Endpoints>> {
    let service = EntityRef::namespaced("Service", "shop", name);
    radius.services.get(&service).copied()
}

/// Pods, nodes, zones, endpoints of the Service `cart`.
fn numbers(radius: &BlastRadius) -> (Option<u32>, Option<u32>, Option<u32>, Option<Option<Endpoints>>) {
    (radius.pods, radius.nodes, radius.zones, service(radius, "cart"))
}

#[tokio::test]
async fn scaling_down_ends_the_difference() {
    let radius = patched(json!({"spec": {"replicas": 2}})).await;
    assert_eq!(
        numbers(&radius),
        (Some(1), Some(1), Some(1), Some(endpoints(1, 3)))
    );
    assert_eq!(
        names(radius.objects.clone()),
        ["Deployment shop/cart", "ReplicaSet shop/cart-1"]
    );
    let budget = EntityRef::namespaced("PodDisruptionBudget", "shop", "cart");
    assert_eq!(radius.disruptions, [(budget, Some(1))].into());
    assert_eq!(radius.persistent_data, Some(false));
    assert!(radius.unseen.is_empty(), "{radius:?}");
    let radius = patched(json!({"spec": {"replicas": 0}})).await;
    assert_eq!(
        numbers(&radius),
        (Some(3), Some(2), Some(2), Some(endpoints(3, 3)))
    );
}

#[tokio::test]
async fn what_ends_no_pod_reaches_none() {
    for patch in [
        json!({"spec": {"replicas": 9}}),
        json!({"metadata": {"annotations": {"a": "b"}}}),
        json!({"spec": {"minReadySeconds": 5, "revisionHistoryLimit": 2}}),
    ] {
        let radius = patched(patch.clone()).await;
        assert_eq!(numbers(&radius), (Some(0), Some(0), Some(0), None), "{patch}");
        assert!(
            radius.disruptions.is_empty() && radius.unseen.is_empty(),
            "{patch}"
        );
    }
}

#[tokio::test]
async fn a_rolling_update_makes_all_anew_and_a_few_at_a_time() {
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "cart:2"}]}}}});
    let radius = patched(image.clone()).await;
    assert_eq!(
        numbers(&radius),
        (Some(3), Some(0), Some(0), None),
        "a quarter of three, rounded down, is missing at a time"
    );
    for (strategy, affected) in [
        (
            json!({"rollingUpdate": {"maxUnavailable": "50%"}}),
            Some(endpoints(1, 3)),
        ),
        (
            json!({"rollingUpdate": {"maxUnavailable": 2}}),
            Some(endpoints(2, 3)),
        ),
        (
            json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
            None,
        ),
        (json!({"type": "Recreate"}), Some(endpoints(3, 3))),
        (json!({"type": "ByHand"}), Some(endpoints(3, 3))),
    ] {
        let patch = merged(&image, &json!({"spec": {"strategy": strategy}}));
        let radius = patched(patch).await;
        assert_eq!(
            (radius.pods, service(&radius, "cart")),
            (Some(3), affected),
            "{strategy}"
        );
    }
    // New pods that the Service does not select are no endpoints.
    let labels = json!({"spec": {"template": {"metadata": {"labels": {"app": "cart", "v": "2"}}}}});
    assert_eq!(service(&patched(labels).await, "cart"), Some(endpoints(3, 3)));
    // What the spec says that is not known here may do anything.
    let radius = patched(json!({"spec": {"somethingNew": true}})).await;
    assert_eq!(
        (radius.pods, service(&radius, "cart")),
        (Some(3), Some(endpoints(3, 3)))
    );
}

/// A rollout passes over all nodes, and takes none of them away. What ends pods at once does.
#[tokio::test]
async fn a_rollout_counts_the_nodes_that_lose_pods_at_a_time() {
    let pods = (0..10).map(|number| pod(&format!("cart-1-{number}"), &format!("n{number}"), json!({})));
    let kept = shop()
        .into_iter()
        .filter(|it| it["kind"] != "Pod" && it["kind"] != "Node");
    let nodes = (0..10).map(|number| {
        let zone = format!("z{}", number % 3);
        let labels = json!({"metadata": {"labels": {"topology.kubernetes.io/zone": zone}}});
        stored("v1", "Node", None, &format!("n{number}"), labels)
    });
    let world: Vec<Value> = kept.chain(pods).chain(nodes).collect();
    let of = |kind: &str, name: &str| {
        let found = world
            .iter()
            .find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap().clone()
    };
    let mut cart = of("Deployment", "cart");
    cart["spec"]["replicas"] = json!(10);
    let world: Vec<Value> = world
        .iter()
        .map(|it| {
            if it["kind"] == "Deployment" {
                cart.clone()
            } else {
                it.clone()
            }
        })
        .collect();
    let reached = |act: Action| {
        let fake = Fake::new(world.clone());
        async {
            let radius = survey(fake, act).await.radius;
            assert!(radius.unseen.is_empty(), "{:?}", radius.unseen);
            (radius.pods, radius.nodes, radius.zones)
        }
    };
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}});
    for (strategy, nodes, zones) in [
        (
            json!({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
            0,
            0,
        ),
        (json!({"rollingUpdate": {"maxUnavailable": 1}}), 1, 1),
        (json!({}), 2, 2),
        (json!({"rollingUpdate": {"maxUnavailable": "90%"}}), 9, 3),
        (json!({"rollingUpdate": {"maxUnavailable": "100%"}}), 10, 3),
        (json!({"type": "Recreate"}), 10, 3),
    ] {
        let patch = merged(&restart, &json!({"spec": {"strategy": strategy}}));
        let found = reached(action(Verb::Patch, &cart, patch)).await;
        assert_eq!(found, (Some(10), Some(nodes), Some(zones)), "{strategy}");
    }
    // Scaling down and a rollout in one end what the one ends at once, and what the other lets be missing.
    let patch = merged(
        &restart,
        &json!({"spec": {"replicas": 6, "strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}),
    );
    let found = reached(action(Verb::Patch, &cart, patch)).await;
    assert_eq!(found, (Some(10), Some(5), Some(3)));
    let down = json!({"spec": {"replicas": 2}});
    let found = reached(action(Verb::Patch, &cart, down)).await;
    assert_eq!(found, (Some(8), Some(8), Some(3)));
    let found = reached(action(Verb::Delete, &cart, Value::Null)).await;
    assert_eq!(found, (Some(10), Some(10), Some(3)));
    let evicted = of("Pod", "cart-1-4");
    let found = reached(action(Verb::Evict, &evicted, Value::Null)).await;
    assert_eq!(found, (Some(1), Some(1), Some(1)));
    let node = of("Node", "n4");
    let cordon = json!({"spec": {"unschedulable": true}});
    for (act, pods) in [
        (action(Verb::Patch, &node, cordon), 0),
        (action(Verb::Delete, &node, Value::Null), 1),
    ] {
        assert_eq!(reached(act).await, (Some(pods), Some(1), Some(1)));
    }
}

#[tokio::test]
async fn deleting_a_workload_ends_all_of_it() {
    for object in [deployment(json!({})), set("cart-1", 3)] {
        let radius = survey(Fake::new(shop()), action(Verb::Delete, &object, Value::Null))
            .await
            .radius;
        assert_eq!(radius.pods, Some(3), "{radius:?}");
        assert_eq!(service(&radius, "cart"), Some(endpoints(3, 3)));
        assert_eq!(radius.persistent_data, Some(false));
    }
    // One whose owner is another is collected.
    let patch = json!({"metadata": {"ownerReferences": owned_by("App", "gone")}});
    assert_eq!(patched(patch).await.pods, Some(3));
}

#[tokio::test]
async fn evicting_a_pod_ends_that_one() {
    let object = pod("cart-1-a", "n1", json!({}));
    let radius = survey(Fake::new(shop()), action(Verb::Evict, &object, Value::Null))
        .await
        .radius;
    assert_eq!(
        numbers(&radius),
        (Some(1), Some(1), Some(1), Some(endpoints(1, 3)))
    );
    assert_eq!(
        (radius.disruptions.len(), radius.persistent_data),
        (1, Some(false))
    );
    // One that nobody makes anew takes its scratch space along.
    let bare = pod(
        "alone",
        "n1",
        json!({"metadata": {"ownerReferences": null}, "spec": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}),
    );
    let world = || Fake::new(shop().into_iter().chain([bare.clone()]));
    let radius = survey(world(), action(Verb::Evict, &bare, Value::Null))
        .await
        .radius;
    assert_eq!(radius.persistent_data, Some(true));
    let labelled = json!({"metadata": {"labels": {"app": "x"}}});
    let radius = survey(world(), action(Verb::Patch, &bare, labelled)).await.radius;
    assert_eq!((radius.pods, radius.persistent_data), (Some(1), Some(false)));
}

#[tokio::test]
async fn a_node_is_closed_or_loses_its_pods() {
    let object = stored("v1", "Node", None, "n2", json!({}));
    let on = |verb, patch| survey(Fake::new(shop()), action(verb, &object, patch));
    let cordoned = on(Verb::Patch, json!({"spec": {"unschedulable": true}}))
        .await
        .radius;
    assert_eq!(numbers(&cordoned), (Some(0), Some(1), Some(1), None));
    let opened = on(Verb::Patch, json!({"spec": {"unschedulable": false}}))
        .await
        .radius;
    assert_eq!(opened.nodes, Some(0));
    let taint = json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}});
    for radius in [
        on(Verb::Delete, Value::Null).await.radius,
        on(Verb::Patch, taint).await.radius,
    ] {
        assert_eq!(
            numbers(&radius),
            (Some(3), Some(1), Some(1), Some(endpoints(2, 3)))
        );
        assert_eq!(service(&radius, "other"), Some(endpoints(1, 1)));
        let felt = ["Node n2", "ReplicaSet shop/cart-1", "ReplicaSet shop/other-1"];
        assert_eq!(
            names(radius.objects),
            felt,
            "what makes its pods anew, in each namespace"
        );
    }
}

#[tokio::test]
async fn what_pods_are_configured_with_is_felt_by_them() {
    let map = in_shop("v1", "ConfigMap", "mode", json!({"data": {"mode": "a"}}));
    let world = || Fake::new(shop().into_iter().chain([map.clone()]));
    for act in [
        action(Verb::Delete, &map, Value::Null),
        action(Verb::Patch, &map, json!({"data": {"mode": "b"}})),
    ] {
        let radius = survey(world(), act).await.radius;
        assert_eq!(
            numbers(&radius),
            (Some(3), Some(2), Some(2), Some(endpoints(3, 3)))
        );
        assert_eq!(names(radius.objects), ["ConfigMap shop/mode"]);
    }
    let annotated = json!({"metadata": {"annotations": {"a": "b"}}});
    let radius = survey(world(), action(Verb::Patch, &map, annotated)).await.radius;
    assert_eq!(numbers(&radius), (Some(0), Some(0), Some(0), None));
}

#[tokio::test]
async fn what_traffic_takes_its_way_by_is_felt_by_its_services() {
    let object = |api: &str, kind: &str, spec: Value| in_shop(api, kind, "cart", json!({ "spec": spec }));
    let backend =
        json!({"rules": [{"http": {"paths": [{"path": "/", "backend": {"service": {"name": "cart"}}}]}}]});
    let route = json!({"rules": [{"backendRefs": [{"name": "cart", "port": 80}]}]});
    let policy = json!({"podSelector": {"matchLabels": {"app": "cart"}}});
    for (object, changed) in [
        (
            object("v1", "Service", json!({"selector": {"app": "cart"}})),
            json!({"selector": {"app": "x"}}),
        ),
        (
            object("networking.k8s.io/v1", "Ingress", backend),
            json!({"rules": []}),
        ),
        (
            object("gateway.networking.k8s.io/v1", "HTTPRoute", route),
            json!({"rules": []}),
        ),
        (
            object("networking.k8s.io/v1", "NetworkPolicy", policy),
            json!({"ingress": []}),
        ),
    ] {
        let kind = object["kind"].clone();
        let world = || {
            let fake = Fake::new(shop().into_iter().chain([object.clone()]));
            fake.serve("gateway.networking.k8s.io", &["v1"])
        };
        for act in [
            action(Verb::Delete, &object, Value::Null),
            action(Verb::Patch, &object, json!({ "spec": changed })),
        ] {
            let radius = survey(world(), act).await.radius;
            assert_eq!(
                (radius.pods, service(&radius, "cart")),
                (Some(0), Some(endpoints(3, 3))),
                "{kind}"
            );
            assert_eq!(
                (service(&radius, "other"), radius.unseen),
                (None, vec![]),
                "{kind}"
            );
        }
    }
    // A new policy cuts off as well.
    let new = object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        json!({"podSelector": {}}),
    );
    let radius = survey(Fake::new(shop()), action(Verb::Create, &new, new.clone()))
        .await
        .radius;
    assert_eq!(service(&radius, "other"), Some(endpoints(1, 1)));
}

#[tokio::test]
async fn an_autoscaler_reaches_what_it_scales() {
    let hpa = |least: i64, most: i64| {
        in_shop(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "cart",
            json!({"spec": {"minReplicas": least, "maxReplicas": most,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}}}),
        )
    };
    let object = hpa(2, 5);
    let with = |spec: Value| {
        let fake = Fake::new(shop().into_iter().chain([object.clone()]));
        survey(fake, action(Verb::Patch, &object, json!({ "spec": spec })))
    };
    for (spec, pods) in [
        (json!({"maxReplicas": 9}), 0),
        (json!({"minReplicas": 3}), 0),
        (json!({"maxReplicas": 2}), 1),
        (json!({"minReplicas": 1}), 1),
        (json!({"minReplicas": 1, "maxReplicas": 1}), 2),
        (json!({"metrics": [{"type": "Resource"}]}), 1),
    ] {
        let radius = with(spec.clone()).await.radius;
        assert_eq!(radius.pods, Some(pods), "{spec}");
        assert!(
            names(radius.objects).contains(&"Deployment shop/cart".to_owned()),
            "{spec}"
        );
    }
    let fake = Fake::new(shop().into_iter().chain([object.clone()]));
    let radius = survey(fake, action(Verb::Delete, &object, Value::Null))
        .await
        .radius;
    assert_eq!(
        (radius.pods, radius.objects.len()),
        (Some(0), 1),
        "what it scales stays"
    );
    let new = hpa(1, 2);
    let radius = survey(Fake::new(shop()), action(Verb::Create, &new, new.clone()))
        .await
        .radius;
    assert_eq!(radius.pods, Some(2));
}

#[tokio::test]
async fn data_that_is_lost_is_told() {
    let claim = |name: &str| {
        in_shop(
            "v1",
            "PersistentVolumeClaim",
            name,
            json!({"spec": {"volumeName": "pv-1"}}),
        )
    };
    let volume = |policy: &str| {
        stored(
            "v1",
            "PersistentVolume",
            None,
            "pv-1",
            json!({"spec": {"persistentVolumeReclaimPolicy": policy}}),
        )
    };
    let object = claim("data");
    for (policy, lost) in [("Delete", true), ("Retain", false)] {
        let world = || Fake::new(shop().into_iter().chain([claim("data"), volume(policy)]));
        let radius = survey(world(), action(Verb::Delete, &object, Value::Null))
            .await
            .radius;
        assert_eq!(radius.persistent_data, Some(lost), "{policy}");
        let radius = survey(world(), action(Verb::Delete, &volume(policy), Value::Null))
            .await
            .radius;
        assert_eq!(radius.persistent_data, Some(lost), "{policy}");
        let unread = survey(
            world().deny("persistentvolumes"),
            action(Verb::Delete, &object, Value::Null),
        )
        .await;
        assert_eq!(unread.radius.persistent_data, None);
    }
    let set = |policy: Value| {
        in_shop(
            "apps/v1",
            "StatefulSet",
            "db",
            json!({"spec": {"replicas": 3, "selector": {"matchLabels": {"app": "db"}},
            "persistentVolumeClaimRetentionPolicy": policy, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}),
        )
    };
    let claims = || (0..3).map(|number| claim(&format!("data-db-{number}")));
    for (policy, scaled, deleted) in [
        (json!(null), 0, 0),
        (json!({"whenScaled": "Delete", "whenDeleted": "Retain"}), 2, 0),
        (json!({"whenDeleted": "Delete"}), 0, 3),
    ] {
        let object = set(policy.clone());
        let world = || Fake::new(shop().into_iter().chain(claims()).chain([object.clone()]));
        for (act, lost) in [
            (
                action(Verb::Patch, &object, json!({"spec": {"replicas": 1}})),
                scaled,
            ),
            (action(Verb::Delete, &object, Value::Null), deleted),
        ] {
            let radius = survey(world(), act).await.radius;
            let found = radius
                .objects
                .iter()
                .filter(|it| it.kind == "PersistentVolumeClaim")
                .count();
            assert_eq!(
                (found, radius.persistent_data),
                (lost, Some(lost > 0)),
                "{policy}"
            );
        }
    }
}

#[tokio::test]
async fn with_a_namespace_everything_goes() {
    let object = stored(
        "v1",
        "Namespace",
        None,
        "shop",
        json!({"metadata": {"labels": {"env": "staging"}}}),
    );
    let seen = survey(Fake::new(shop()), action(Verb::Delete, &object, Value::Null)).await;
    assert_eq!(seen.radius.pods, Some(4));
    assert_eq!(seen.radius.unseen.len(), 1, "{:?}", seen.radius.unseen);
    assert_eq!(seen.namespace_labels.unwrap()["env"], "staging");
}

#[tokio::test]
async fn a_kind_that_is_not_known_reaches_without_end() {
    for (api, kind) in [
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
        ),
        ("storage.k8s.io/v1", "StorageClass"),
    ] {
        let object = stored(api, kind, None, "x", json!({"rules": []}));
        let fake =
            Fake::new(shop().into_iter().chain([object.clone()])).serve("rbac.authorization.k8s.io", &["v1"]);
        let radius = survey(fake, action(Verb::Patch, &object, json!({"rules": [1]})))
            .await
            .radius;
        assert!(
            !radius.unseen.is_empty() && radius.pods.is_none(),
            "{kind}: {radius:?}"
        );
    }
    let secret = in_shop("v1", "Secret", "keys", json!({"data": {"a": "aHVudGVyMg=="}}));
    let fake = Fake::new(shop().into_iter().chain([secret.clone()]));
    let (seen, asked) = asked(fake, action(Verb::Delete, &secret, Value::Null)).await;
    assert!(
        !seen.radius.unseen.is_empty() && seen.target.is_none(),
        "{seen:?}"
    );
    assert!(asked.iter().all(|what| !what.contains("secrets")), "{asked:?}");
}
