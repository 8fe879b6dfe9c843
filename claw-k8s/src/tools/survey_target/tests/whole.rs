//! The whole answer: what was seen, what was not, and what it took to see it.

use proptest::prelude::*;

use super::*;
use crate::tools::survey_target::plan::Plan;
use crate::tools::survey_target::scene::Scene;

fn scaled() -> Action {
    action(
        Verb::Patch,
        &deployment(json!({})),
        json!({"spec": {"replicas": 2}}),
    )
}

#[tokio::test]
async fn the_target_is_shown_as_it_is_now() {
    let (seen, asked) = asked(Fake::new(shop()), scaled()).await;
    let object = deployment(json!({}));
    let target = seen.target.unwrap();
    assert_eq!(
        (target.uid.as_str(), target.resource_version.as_str()),
        ("uid-cart", "42")
    );
    assert_eq!(
        (target.generation, &target.pre_image),
        (Some(2), &pre_image(&object))
    );
    assert_eq!(target.object, object);
    assert_eq!(seen.cluster.as_deref(), Some("cluster-1"));
    assert_eq!(seen.namespace_labels.unwrap()["env"], "staging");
    assert_eq!(
        (seen.is_working, seen.kept_by, seen.health),
        (Some(false), None, Health::Well)
    );
    assert!(asked.len() <= 8, "{asked:#?}");
    let lists: Vec<_> = asked.iter().filter(|what| what.starts_with("list")).collect();
    let narrow = |what: &&&String| what.contains(" shop ") || what.contains("nodes");
    assert!(lists.iter().all(|what| narrow(&what)), "{asked:#?}");
}

/// What another tool read a moment ago is not what a write is judged by.
#[tokio::test]
async fn everything_is_read_anew() {
    let fake = Fake::new(shop());
    let asked = fake.asked();
    let tool = SurveyTarget::new(fake.cluster());
    tool.call(&context(), scaled()).await.unwrap();
    let first = asked.lock().unwrap().clone();
    tool.call(&context(), scaled()).await.unwrap();
    let both = asked.lock().unwrap().clone();
    assert_eq!(both.len(), first.len() * 2, "{both:#?}");
}

#[tokio::test]
async fn what_could_not_be_read_is_told_and_never_nothing() {
    let whole = survey(Fake::new(shop()), scaled()).await;
    assert!(whole.radius.unseen.is_empty());
    for denied in [
        "deployments.apps",
        "replicasets.apps",
        "pods",
        "endpointslices.discovery.k8s.io",
        "poddisruptionbudgets.policy",
        "nodes",
        "namespaces",
    ] {
        let seen = survey(Fake::new(shop()).deny(denied), scaled()).await;
        let told = seen
            .radius
            .unseen
            .iter()
            .any(|what| what.starts_with("not allowed: "));
        assert!(told, "{denied}: {:?}", seen.radius.unseen);
        match denied {
            "pods" => assert_eq!(
                (seen.radius.pods, seen.radius.nodes, seen.radius.zones),
                (None, None, None)
            ),
            "replicasets.apps" => assert_eq!(seen.radius.pods, Some(1), "whatever is selected counts"),
            "namespaces" => assert_eq!((seen.cluster, seen.namespace_labels), (None, None)),
            "deployments.apps" => assert!(seen.target.is_none() && seen.radius.pods.is_none()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_target_that_is_gone_or_another_kind_is_no_harmless_one() {
    let gone: Vec<Value> = shop()
        .into_iter()
        .filter(|it| it["kind"] != "Deployment")
        .collect();
    let seen = survey(Fake::new(gone), scaled()).await;
    assert_eq!(
        (seen.target, seen.radius.unseen),
        (None, vec!["there is no Deployment shop/cart".to_owned()])
    );
    let mut strange = scaled();
    strange.target.kind = "Deploymint".to_owned();
    let seen = survey(Fake::new(shop()), strange).await;
    assert_eq!(
        seen.radius.unseen,
        ["the cluster serves no Deploymint in apps/v1"]
    );
}

#[tokio::test]
async fn what_is_created_reaches_itself() {
    let object = in_shop("v1", "ConfigMap", "new", json!({"data": {}}));
    let mut create = action(Verb::Create, &object, object.clone());
    (create.uid, create.resource_version) = (None, None);
    let seen = survey(Fake::new(shop()), create).await;
    let itself = BlastRadius::of(EntityRef::namespaced("ConfigMap", "shop", "new"));
    assert_eq!((seen.target, seen.radius), (None, itself));
    assert_eq!(seen.is_working, Some(false));
}

#[tokio::test]
async fn who_keeps_the_target_is_asked_and_not_guessed() {
    let kept = |meta: Value, more: Vec<Value>| async move {
        let object = deployment(json!({ "metadata": meta }));
        let objects = shop().into_iter().filter(|it| it["kind"] != "Deployment");
        let served = !more.is_empty();
        let fake = Fake::new(objects.chain([object.clone()]).chain(more));
        let fake = if served {
            fake.serve("argoproj.io", &["v1alpha1"])
        } else {
            fake
        };
        let (seen, asked) = asked(
            fake,
            action(Verb::Patch, &object, json!({"spec": {"replicas": 9}})),
        )
        .await;
        assert!(asked.len() <= 8, "{asked:#?}");
        (seen.kept_by, seen.radius.unseen.len())
    };
    let application = |name: &str, server: &str| {
        let kept = json!([{"kind": "Deployment", "group": "apps", "namespace": "shop", "name": name}]);
        let more = json!({"spec": {"destination": {"server": server}}, "status": {"resources": kept}});
        stored(
            "argoproj.io/v1alpha1",
            "Application",
            Some("argocd"),
            "shop",
            more,
        )
    };
    let here = "https://kubernetes.default.svc";
    let label = || json!({"labels": {"app.kubernetes.io/instance": "shop"}});
    let argo = (Some("Argo CD".to_owned()), 0);
    assert_eq!(
        kept(label(), vec![]).await,
        (None, 0),
        "Helm and people use it, too"
    );
    assert_eq!(kept(label(), vec![application("other", here)]).await, (None, 0));
    assert_eq!(kept(label(), vec![application("cart", here)]).await, argo);
    // Of a cluster that may be this one it is not known.
    let elsewhere = application("cart", "https://cluster.example.com");
    assert_eq!(kept(label(), vec![elsewhere]).await, (None, 1));
    let flux = json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}});
    assert_eq!(kept(flux, vec![]).await, (Some("Flux".to_owned()), 0));
    let helm = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "shop"}});
    assert_eq!(kept(helm, vec![]).await, (None, 0));
}

#[tokio::test]
async fn whether_it_is_at_work_is_known_or_said_to_be_unknown() {
    let of = |object: Value, more: Vec<Value>, verb: Verb| async move {
        let fake = Fake::new(
            shop()
                .into_iter()
                .filter(|it| it["kind"] != "Deployment")
                .chain([object.clone()])
                .chain(more),
        );
        survey(fake, action(verb, &object, json!({"spec": {"x": 1}})))
            .await
            .is_working
    };
    let natured =
        |nature: &str| deployment(json!({"metadata": {"annotations": {"claw.dev/nature": nature}}}));
    for (object, expected) in [
        (deployment(json!({})), Some(false)),
        (natured("Stateless"), Some(false)),
        (natured("consumer"), None),
        (natured("batch"), None),
        (natured("whatever"), None),
        (
            in_shop(
                "batch/v1",
                "CronJob",
                "night",
                json!({"status": {"active": [{"name": "night-1"}]}}),
            ),
            Some(true),
        ),
        (in_shop("batch/v1", "CronJob", "night", json!({})), Some(false)),
        (
            in_shop("batch/v1", "Job", "night", json!({"status": {"active": 1}})),
            Some(true),
        ),
        (
            in_shop("batch/v1", "Job", "night", json!({"status": {"succeeded": 1}})),
            Some(false),
        ),
        (
            pod(
                "job-1",
                "n1",
                json!({"metadata": {"ownerReferences": owned_by("Job", "night")}}),
            ),
            Some(true),
        ),
        (
            pod(
                "once",
                "n1",
                json!({"metadata": {"ownerReferences": null}, "spec": {"restartPolicy": "Never"}}),
            ),
            Some(true),
        ),
    ] {
        let said = format!("{object}");
        assert_eq!(of(object, vec![], Verb::Patch).await, expected, "{said}");
    }
    // On a node that goes somebody may be at work.
    let node = stored("v1", "Node", None, "n1", json!({}));
    let job = pod(
        "job-1",
        "n1",
        json!({"metadata": {"ownerReferences": owned_by("Job", "night")}}),
    );
    assert_eq!(of(node.clone(), vec![job], Verb::Delete).await, Some(true));
    assert_eq!(of(node, vec![], Verb::Delete).await, Some(false));
}

/// Everything that the tool may read, the tools for models may read as well, and it is read only.
#[test]
fn the_rights_are_within_those_of_the_other_tools() {
    let cluster = Fake::default().cluster();
    let all: Vec<Access> = crate::tools::all(&cluster)
        .iter()
        .map(|tool| tool.spec().access)
        .collect();
    let access = SurveyTarget::new(cluster).access();
    assert!(access.writes.is_empty());
    let (_, beyond) = crate::access::split(&access, &all);
    assert_eq!(beyond, Access::none());
}

fn scene() -> impl Strategy<Value = Scene> {
    let pods = proptest::collection::vec((0_u8..4, 0_u8..3, any::<bool>()), 0..12);
    let plan = prop_oneof![
        Just(Plan::nothing()),
        Just(Plan::everything()),
        (0_u32..8, 0_u32..8).prop_map(|(from, to)| Plan::down(from, to)),
    ];
    (pods, plan, 0_u32..2).prop_map(|(pods, plan, closed)| {
        let mut scene = Scene {
            plan,
            closed,
            ..Scene::of(EntityRef::namespaced("Deployment", "shop", "cart"))
        };
        for (number, (node, service, ready)) in pods.into_iter().enumerate() {
            add(&mut scene, number, node, service, ready);
        }
        scene
    })
}

fn add(scene: &mut Scene, number: usize, node: u8, service: u8, ready: bool) {
    let name = format!("p-{number}");
    let pod = pod(&name, &format!("n{node}"), json!({}));
    scene
        .pods
        .as_mut()
        .unwrap()
        .push(serde_json::from_value(pod).unwrap());
    let mut slice = slice(&format!("s-{service}"), &[&name]);
    slice["endpoints"][0]["conditions"]["ready"] = json!(ready);
    slice["endpoints"][0]["nodeName"] = json!(format!("n{node}"));
    slice["endpoints"][0]["zone"] = json!(format!("z{}", node / 2));
    scene.slices.push(serde_json::from_value(slice).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn one_pod_more_never_shrinks_the_radius(scene in scene(), node in 0_u8..4, service in 0_u8..3, ready in any::<bool>()) {
        let before = scene.radius();
        let mut scene = scene;
        let number = scene.pods.as_ref().unwrap().len();
        add(&mut scene, number, node, service, ready);
        let after = scene.radius();
        prop_assert!(after.pods >= before.pods && after.nodes >= before.nodes && after.zones >= before.zones);
        for (service, was) in &before.services {
            let is = after.services.get(service).copied().flatten();
            prop_assert!(is.zip(*was).is_some_and(|(is, was)| is.affected >= was.affected), "{service}");
        }
        // And none that is known at all makes known what was not.
        scene.pods = None;
        let unknown = scene.radius();
        prop_assert_eq!(unknown.pods.is_none(), !scene.plan.is_nothing());
    }

    #[test]
    fn no_more_may_go_than_there_are(scene in scene()) {
        let radius = scene.radius();
        let pods = scene.pods.as_ref().unwrap().len();
        prop_assert!(radius.zones <= radius.nodes);
        for endpoints in radius.services.values().flatten() {
            prop_assert!(endpoints.affected <= endpoints.ready && endpoints.affected as usize <= pods);
        }
    }
}
