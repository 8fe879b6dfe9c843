//! What people write down of namespaces and workloads, and what is not for the agent to write.

use claw_core::execute::ACTION_ANNOTATION;

use crate::policy::{Criticality, Environment, Nature, Policy};
use crate::walls::cel;

/// The label that the API server itself puts on namespaces.
const SERVERS_LABEL: &str = "kubernetes.io/metadata.name";

/// Environment, criticality and nature, and whether what they are read from is changed.
pub(super) fn add_to(add: &mut impl FnMut(&'static str, String), policy: &Policy) {
    let names = &policy.labels;
    let own = format!(
        "key.startsWith('claw.dev/') || key in {}",
        cel::texts([&names.criticality, &names.nature])
    );
    let moved = |old: &str, new: &str, which: &str| {
        format!(
            "(variables.{new}.exists(key, ({which}) && !(key in variables.{old} && variables.{old}[key] == variables.{new}[key])) || \
             variables.{old}.exists(key, ({which}) && !(key in variables.{new})))"
        )
    };
    let ours = cel::text(ACTION_ANNOTATION);
    let of_namespace = format!("key != {}", cel::text(SERVERS_LABEL));
    add(
        "relabelled",
        format!(
            "variables.changed && ({} || {} || variables.is_namespace && {})",
            moved("old_labels", "new_labels", &own),
            moved(
                "old_annotations",
                "new_annotations",
                &format!("key != {ours} && ({own})")
            ),
            moved("old_labels", "new_labels", &of_namespace),
        ),
    );
    add(
        "place_labels",
        "variables.is_namespace ? variables.old_labels : \
         dyn(namespaceObject) == null || !has(dyn(namespaceObject).metadata.labels) ? dyn({}) : \
         dyn(namespaceObject).metadata.labels"
            .to_owned(),
    );
    let known = names.meanings();
    let known = known
        .iter()
        .map(|(value, environment)| (value.as_str(), environment.name()));
    add(
        "environments",
        format!(
            "{labels}.filter(name, name in variables.place_labels)\
             .map(name, variables.place_labels[name].lowerAscii())\
             .map(value, value in {known} ? {known}[value] : 'production')",
            labels = cel::texts(names.of_environment()),
            known = cel::mapping(known),
        ),
    );
    let every: Vec<&str> = Environment::ALL.iter().map(|one| one.name()).collect();
    add("environment", worst("environments", &every, "'production'"));
    let said = |sides: &str, keys: [&str; 2]| {
        let of = |name: &str| {
            let name = cel::text(name);
            format!("[{sides}].filter(side, {name} in side).map(side, side[{name}].lowerAscii())")
        };
        keys.map(of).join(" + ")
    };
    let of_object = "variables.old_labels, variables.old_annotations";
    let of_both = format!("{of_object}, variables.place_labels");
    add("criticalities", said(&of_both, names.of_criticality()));
    let every: Vec<&str> = Criticality::ALL.iter().map(|one| one.name()).collect();
    add("criticality", worst("criticalities", &every, "'critical'"));
    add("natures", said(&of_both, names.of_nature()));
    let every: Vec<&str> = Nature::ALL.iter().map(|one| one.name()).collect();
    let of_kind = "(variables.kind in ['Job', 'CronJob'] ? 'batch' : 'stateful')";
    add("nature", worst("natures", &every, of_kind));
}

/// The most dangerous of the values in a list; what is no value counts as that. `names` are from the most harmless.
fn worst(list: &str, names: &[&str], absent: &str) -> String {
    let (most, milder) = names
        .split_last()
        .map_or(("", names), |(most, milder)| (*most, milder));
    let known = cel::texts(milder);
    let mut expression = format!(
        "size(variables.{list}) == 0 ? {absent} : variables.{list}.exists(value, !(value in {known})) ? {}",
        cel::text(most)
    );
    let least = milder.first().copied().unwrap_or(most);
    for name in milder.iter().skip(1).rev() {
        let name = cel::text(name);
        expression.push_str(&format!(
            " : variables.{list}.exists(value, value == {name}) ? {name}"
        ));
    }
    expression.push_str(&format!(" : {}", cel::text(least)));
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_values_counts() {
        assert_eq!(
            worst("seen", &["low", "mid", "high"], "'none'"),
            "size(variables.seen) == 0 ? 'none' : variables.seen.exists(value, !(value in ['low', 'mid'])) ? 'high' : \
             variables.seen.exists(value, value == 'mid') ? 'mid' : 'low'"
        );
    }
}
