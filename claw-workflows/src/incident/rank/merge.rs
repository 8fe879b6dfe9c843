//! One candidate for each mechanism and entity.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use claw_core::entity::EntityRef;

use crate::incident::candidate::Candidate;

/// Causes of one candidate that are written out; of more, only the number.
const MAX_CAUSES: usize = 4;
/// What a clue of a second fault of the same kind adds to the first: the entity is at fault with one of them already.
const SECOND: f64 = 0.25;

/// One candidate for each mechanism and entity. Clues about the same fault count once by name; a second fault of the same
/// kind (another Secret that is missing, too) keeps its cause, evidence and advice, and adds little weight.
pub(super) fn merge(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut sorted = candidates;
    sorted.sort_by(|a, b| {
        b.own_score()
            .total_cmp(&a.own_score())
            .then_with(|| a.cause.cmp(&b.cause))
    });
    let mut merged: BTreeMap<(&'static str, EntityRef), Merged> = BTreeMap::new();
    for candidate in sorted {
        match merged.entry((candidate.mechanism, candidate.entity.clone())) {
            Entry::Vacant(slot) => {
                slot.insert(Merged::new(candidate));
            }
            Entry::Occupied(mut slot) => slot.get_mut().join(candidate),
        }
    }
    merged.into_values().map(Merged::finish).collect()
}

struct Merged {
    kept: Candidate,
    aspects: Vec<String>,
    others: Vec<String>,
}

impl Merged {
    fn new(candidate: Candidate) -> Self {
        Self {
            aspects: vec![candidate.aspect.clone()],
            others: Vec::new(),
            kept: candidate,
        }
    }

    fn join(&mut self, candidate: Candidate) {
        let another = !self.aspects.contains(&candidate.aspect);
        if another {
            self.aspects.push(candidate.aspect.clone());
            self.others.push(candidate.cause.clone());
        }
        let share = if candidate.aspect == self.kept.aspect {
            1.0
        } else {
            SECOND
        };
        let kept = &mut self.kept;
        for mut clue in candidate.clues {
            match kept.clues.iter_mut().find(|known| known.name == clue.name) {
                Some(known) => {
                    for evidence in clue.evidence {
                        if !known.evidence.contains(&evidence) {
                            known.evidence.push(evidence);
                        }
                    }
                }
                None => {
                    clue.log_odds *= share;
                    kept.clues.push(clue);
                }
            }
        }
        // How sure a beginning is belongs to it.
        let earlier = candidate
            .onset
            .is_some_and(|onset| kept.onset.is_none_or(|known| onset < known));
        if earlier {
            (kept.onset, kept.uncertainty) = (candidate.onset, candidate.uncertainty);
        }
        kept.change = kept.change.take().or(candidate.change);
        for entity in candidate.hurts {
            if !kept.hurts.contains(&entity) {
                kept.hurts.push(entity);
            }
        }
        kept.unseen.extend(candidate.unseen);
        kept.unseen.sort();
        kept.unseen.dedup();
        if another {
            for advice in candidate.advice {
                if kept.advice.iter().all(|known| known.title != advice.title) {
                    kept.advice.push(advice);
                }
            }
        }
    }

    fn finish(self) -> Candidate {
        let Self { mut kept, others, .. } = self;
        for cause in others.iter().take(MAX_CAUSES - 1) {
            kept.cause.push_str("; also: ");
            kept.cause.push_str(cause);
        }
        let more = others.len().saturating_sub(MAX_CAUSES - 1);
        if more > 0 {
            kept.cause.push_str(&format!("; and {more} more"));
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;

    use super::merge;
    use crate::incident::candidate::Candidate;
    use crate::incident::testing::at;

    #[test]
    fn the_earlier_beginning_keeps_its_own_uncertainty() {
        let of = |weight: f64, since: Option<i64>, seconds: f64| {
            Candidate::new(
                "memory_limit",
                EntityRef::namespaced("Deployment", "shop", "cart"),
                "cause",
            )
            .clue("seen", weight, Vec::new())
            .since(since.map(at))
            .uncertain_by(seconds)
        };
        let merged = |a, b| {
            let one = merge(vec![a, b]).remove(0);
            (one.onset, one.uncertainty)
        };
        assert_eq!(
            merged(of(2.0, Some(60), 5.0), of(1.0, Some(0), 300.0)),
            (Some(at(0)), 300)
        );
        assert_eq!(
            merged(of(2.0, Some(0), 5.0), of(1.0, Some(60), 300.0)),
            (Some(at(0)), 5)
        );
        assert_eq!(
            merged(of(2.0, None, 5.0), of(1.0, Some(60), 300.0)),
            (Some(at(60)), 300)
        );
    }
}
