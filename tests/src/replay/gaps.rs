//! What was not recorded, said in terms of the recording.

use std::collections::BTreeMap;

use claw_core::report::Gap;

use crate::api::Held;

/// How the agent reports that the simulated API server does not tell.
const REFUSED: &str = "not allowed: ";

/// Puts one gap in the place of those about what the recording does not hold (`unknown`), and adds what the recorder told
/// unless the replay found it, too.
pub(super) fn settle(gaps: &mut Vec<Gap>, told: &[Gap], unknown: &BTreeMap<String, Held>) {
    let told_of = |name: &str| told.iter().any(|gap| gap.source == name);
    // What the recorder was refused, an agent beside it is refused, too, and says it in the same words.
    let same = |gap: &Gap| told.iter().any(|told| told.reason == gap.reason);
    gaps.retain(|gap| !gap.reason.contains(REFUSED) || told_of(&gap.source) || same(gap));
    let names = |held: Held| {
        let names = unknown
            .iter()
            .filter(|(name, known)| **known == held && !told_of(name));
        names
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let new: Vec<Gap> = told
        .iter()
        .filter(|told| {
            !gaps
                .iter()
                .any(|gap| gap.source == told.source || gap.reason == told.reason)
        })
        .cloned()
        .collect();
    gaps.extend(new);
    let (nothing, some) = (names(Held::Nothing), names(Held::Some));
    let mut reasons = Vec::new();
    if !nothing.is_empty() {
        reasons.push(format!(
            "the recording does not hold {nothing}: whether there are any is not known"
        ));
    }
    if !some.is_empty() {
        reasons.push(format!("of {some} the recording holds only some namespaces"));
    }
    if !reasons.is_empty() {
        gaps.push(Gap {
            source: "objects".to_owned(),
            reason: reasons.join("; "),
            remedy: "record the whole with `claw-agent collect`; in a bundle of your own, name in `kinds` of bundle.json what it holds in full"
                .to_owned(),
        });
    }
}
