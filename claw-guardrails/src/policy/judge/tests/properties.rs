use proptest::prelude::*;

use super::*;

const CRITICALITIES: [&str; 5] = ["sandbox", "low", "high", "critical", "unheard-of"];
const NATURES: [&str; 5] = ["stateless", "consumer", "batch", "stateful", "unheard-of"];
const USUAL: [&str; 7] = ["production", "prod", "staging", "dev", "test", "Stage", "blue"];

type Labelled = std::collections::BTreeMap<String, String>;

/// Labels or annotations: what is read elsewhere too is read nowhere else.
fn said() -> impl Strategy<Value = Labelled> {
    let one_of = |values: &[&'static str]| prop::option::of(prop::sample::select(values.to_vec()));
    (
        one_of(&CRITICALITIES),
        one_of(&NATURES),
        one_of(&USUAL),
        any::<bool>(),
    )
        .prop_map(|(criticality, nature, environment, elsewhere)| {
            let mut said = Labelled::new();
            let mut say = |key: &str, value: Option<&str>| {
                said.extend(value.map(|value| (key.to_owned(), value.to_owned())));
            };
            say("claw.dev/criticality", criticality);
            say("claw.dev/nature", nature);
            say("env", environment);
            say("stage", environment.filter(|_| elsewhere));
            let both = criticality.is_some() && nature.is_some() && elsewhere;
            say("acme.example/tier", both.then_some("low"));
            said
        })
}

/// Actions of every sort on targets of every sort, and what is known of them.
fn situation() -> impl Strategy<Value = (Action, Facts)> {
    let kinds = prop::sample::select(vec![
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "CronJob"),
        ("batch/v1", "Job"),
        ("v1", "Pod"),
        ("v1", "Namespace"),
        ("v1", "Secret"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("claw.dev/v1", "Approval"),
    ]);
    let patches = prop::sample::select(vec![
        json!({"spec": {"replicas": 8}}),
        json!({"spec": {"replicas": 2}}),
        json!({"spec": {"minReplicas": 6}}),
        json!({"spec": {"maxReplicas": 300}}),
        json!({"spec": {"paused": true}}),
        json!({"metadata": {"labels": {"a": "b"}}}),
        json!({"metadata": {"annotations": {"claw.dev/nature": "stateless"}}}),
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "b"}]}}}}),
        json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "a", "resources": {"requests": {"cpu": "1m"}}}]}}}}),
        json!({"spec": {"template": {"spec": {"hostNetwork": true}}}}),
        json!({"subjects": [{"kind": "User", "name": "eve"}]}),
        json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"data": {"a": "b"}}),
    ]);
    let verbs = prop::sample::select(vec![
        Verb::Patch,
        Verb::Patch,
        Verb::Patch,
        Verb::Create,
        Verb::Delete,
        Verb::Evict,
    ]);
    let namespaces = prop::sample::select(vec!["shop", "pay", "kube-system", "claw"]);
    let moment = (
        prop::option::of(prop::sample::select(Activity::ALL)),
        prop::option::of(prop::sample::select(Reach::ALL)),
        prop::option::of(0..30_u32),
        prop::option::of(0..30_u32),
    );
    let scaled = prop::option::of((prop::sample::select(vec!["Deployment", "StatefulSet"]), said()));
    let texts = (said(), said(), prop::option::of(said()), prop::option::of(said()));
    (verbs, kinds, namespaces, patches, texts, moment, scaled).prop_map(
        |(verb, (api_version, kind), namespace, patch, texts, moment, scaled)| {
            let mut action = scale(8);
            action.verb = verb;
            action.api_version = api_version.to_owned();
            action.target = match kind {
                "Namespace" | "ClusterRole" => EntityRef::cluster(kind, "cart"),
                _ => EntityRef::namespaced(kind, namespace, "cart"),
            };
            action.patch = patch;
            let object = json!({
                "metadata": {"uid": "1", "labels": texts.0, "annotations": texts.1},
                "spec": {"replicas": 4, "minReplicas": 4, "maxReplicas": 9, "template": {"spec": {"containers": [
                    {"name": "web", "image": "a", "resources": {"requests": {"cpu": "1"}}}]}}},
                "status": {"currentReplicas": 5},
                "roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [],
            });
            let facts = Facts {
                object: (verb != Verb::Create).then_some(object),
                namespace_labels: texts.2,
                namespace_annotations: texts.3,
                scaled: scaled.map(|(kind, labels)| json!({"kind": kind, "metadata": {"labels": labels}})),
                replicas_at_start: moment.2,
                activity: moment.0,
                reach: moment.1,
                observed_days: moment.3,
            };
            (action, facts)
        },
    )
}

/// How strict an answer is; nothing to decide is the least.
fn strictness(policy: &Policy, action: &Action, facts: &Facts) -> Option<(Tier, u8)> {
    let decision = policy.judge(action, facts, NOW)?;
    Some((decision.tier, decision.approvers))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn no_key_of_a_policy_loosens_beyond_the_floors(
        policy in crate::policy::tests::policy(), (action, facts) in situation(),
    ) {
        let built_in = Policy::default().with_phase(policy.phase);
        prop_assert!(strictness(&policy, &action, &facts) >= strictness(&built_in, &action, &facts));
    }

    #[test]
    fn what_could_not_be_read_is_judged_no_more_mildly(
        policy in crate::policy::tests::policy(), (action, facts) in situation(), field in 0..8_usize,
    ) {
        let policy = Policy { overrides: Vec::new(), ..policy };
        let mut unread = facts.clone();
        match field {
            0 => unread.object = None,
            1 => unread.namespace_labels = None,
            2 => unread.namespace_annotations = None,
            3 => unread.scaled = None,
            4 => unread.replicas_at_start = None,
            5 => unread.activity = None,
            6 => unread.reach = None,
            _ => unread.observed_days = None,
        }
        let (known, unknown) = (strictness(&policy, &action, &facts), strictness(&policy, &action, &unread));
        prop_assert!(unknown >= known, "{known:?} {unknown:?}");
    }

    #[test]
    fn another_statement_about_the_same_never_loosens(
        policy in crate::policy::tests::policy(), (action, facts) in situation(), place in 0..3_usize,
        more in said(),
    ) {
        let mut policy = Policy { overrides: Vec::new(), ..policy };
        // A namespace may vouch for what its workloads say.
        policy.labels.least_criticality = Criticality::Sandbox;
        let before = strictness(&policy, &action, &facts);
        let mut facts = facts;
        let mut places = vec![];
        if let Some(object) = &facts.object {
            places.extend([object["metadata"]["labels"].clone(), object["metadata"]["annotations"].clone()]);
        }
        places.extend([json!(facts.namespace_labels), json!(facts.namespace_annotations)]);
        // What is said already anywhere is said once more, otherwise.
        let already = |key: &str| places.iter().any(|place| place.get(key).is_some());
        let more: Labelled = more.into_iter().filter(|(key, _)| already(key)).collect();
        let by_label = facts.namespace_labels.as_ref().is_some_and(|labels| labels.contains_key("env"));
        match place {
            0 => if let Some(object) = &mut facts.object {
                // In place of nothing: what is there already stays.
                for (key, value) in more {
                    let place = if object["metadata"]["labels"].get(&key).is_some() { "annotations" } else { "labels" };
                    if object["metadata"][place].get(&key).is_none() {
                        object["metadata"][place][key] = json!(value);
                    }
                }
            },
            1 => if let Some(labels) = &mut facts.namespace_labels {
                for (key, value) in more {
                    // The label of a namespace is what lowers an environment.
                    if by_label || !matches!(key.as_str(), "env" | "stage") {
                        labels.entry(key).or_insert(value);
                    }
                }
            },
            _ => if let Some(annotations) = &mut facts.namespace_annotations {
                for (key, value) in more {
                    annotations.entry(key).or_insert(value);
                }
            },
        }
        let after = strictness(&policy, &action, &facts);
        // What is said may be what the action would say.
        prop_assert!(after.is_none() || after >= before);
    }
}
