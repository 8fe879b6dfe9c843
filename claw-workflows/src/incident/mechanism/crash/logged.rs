//! Programs that end again and again, of which nothing but their logs is known.

use claw_k8s::model::Terminated;

use super::cause::Cause;
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::mechanism::recent_change;
use crate::incident::mechanism::said::{Said, said};

/// So many ends are a loop.
const AGAIN: u64 = 2;

/// One candidate for each unit whose pods were not read and that logged several times that it ends.
pub(super) fn candidates(facts: &Facts<'_>) -> Vec<Candidate> {
    said(facts, |pattern| pattern.fatal && pattern.exception.is_some())
        .iter()
        .filter(|said| facts.pods_of(&said.workload).is_empty())
        .filter(|said| said.pods().into_iter().all(|pod| facts.pod(pod).is_none()))
        .filter_map(|said| candidate(facts, said))
        .collect()
}

fn candidate(facts: &Facts<'_>, said: &Said<'_>) -> Option<Candidate> {
    let ends: u64 = said.entries.iter().map(|(_, pattern)| pattern.count).sum();
    if ends < AGAIN {
        return None;
    }
    let (_, often) = said.entries.iter().max_by_key(|(_, pattern)| pattern.count)?;
    let end = Terminated {
        exit_code: 1,
        ..Terminated::default()
    };
    let cause = Cause::of(&end, Some(often))?;
    let workload = &said.workload;
    let mut found = Candidate::new(
        cause.id(),
        workload.clone(),
        format!("{workload} {}: {}", cause.words(), clip(&often.sample, 200)),
    )
    .clue("program ends again and again", 2.4, said.evidence(facts))
    .since(said.since(facts))
    .hurting(said.pods().into_iter().cloned())
    .derived(cause.derived())
    .unseen("the state of its containers");
    if let Some((change, _)) = recent_change::of_unit(facts, workload, found.onset) {
        found = found
            .clue("changed before", 1.2, vec![facts.change_evidence(change)])
            .brought_by(Some(&change.reference));
        found.derived *= 0.5;
    }
    Some(found.advise(Advice::new(
        format!("{} in {workload}", cause.remedy()),
        "The program ends by itself",
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Crash;
    use crate::incident::logs::digest;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{at, of};
    use claw_core::entity::EntityRef;

    fn blamed(ends: usize, text: &str, with_pod: bool) -> Vec<String> {
        let mut case = fixture::case(json!({}));
        if with_pod {
            case.objects.pods.push(
                serde_json::from_value(fixture::pod("shop", "seats", json!([{"name": "app"}]))).unwrap(),
            );
        }
        let log: String = (0..ends).map(|_| text).collect();
        case.logs.push(digest(
            EntityRef::namespaced("Pod", "shop", "seats-7d9f8b6c5-x1"),
            "app".to_owned(),
            false,
            log.as_bytes(),
            at(-3600),
            None,
            false,
        ));
        let found = of(&Crash, &case);
        found
            .iter()
            .map(|found| format!("{} {}", found.mechanism, found.entity.name))
            .collect()
    }

    const NODE: &str = "/app/src/plan.js:12\n    const rows = hall.rows.map((row) => row.length);\n                           ^\n\n\
        TypeError: Cannot read properties of undefined (reading 'map')\n    at plan (/app/src/plan.js:12:28)\n\nNode.js v20.11.0\n";
    const JAVA: &str = "Exception in thread \"main\" java.lang.IllegalStateException: no plan\n\tat com.acme.Main.main(Main.java:9)\n";

    #[test]
    fn a_program_that_ends_over_an_exception_again_and_again_crashes() {
        for text in [
            NODE,
            JAVA,
            "panic: no plan\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:9 +0x1d\n",
        ] {
            assert_eq!(
                blamed(3, text, false),
                ["application_crash seats-7d9f8b6c5-x1"],
                "{text}"
            );
            // Once it may have been anything; with its pod known, the state of its container says more.
            assert!(blamed(1, text, false).is_empty(), "{text}");
            assert!(blamed(3, text, true).is_empty(), "{text}");
        }
    }

    #[test]
    fn exceptions_that_a_program_handles_are_no_crash() {
        let handled = "2026-05-01T09:59:00Z ERROR request failed\njava.lang.IllegalStateException: no plan\n\tat com.acme.Plan.of(Plan.java:9)\n";
        assert!(blamed(9, handled, false).is_empty());
        let node = NODE.replace("Node.js v20.11.0\n", "");
        assert!(blamed(9, &node, false).is_empty());
    }
}
