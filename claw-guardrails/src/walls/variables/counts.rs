//! Numbers of replicas, and what bounds them. What is no number is -1; a scale leaves 0 out.

/// What is scaled, from how many to how many, and whether nothing besides is changed.
pub(super) fn add_to(add: &mut impl FnMut(&'static str, String)) {
    add(
        "scalable",
        "request.operation == 'UPDATE' && variables.part in ['', 'scale'] && (\
         request.resource.group == 'apps' && request.resource.resource in ['deployments', 'statefulsets', 'replicasets'] || \
         request.resource.group == '' && request.resource.resource == 'replicationcontrollers' || \
         request.resource.group == 'argoproj.io' && request.resource.resource == 'rollouts')"
            .to_owned(),
    );
    add(
        "autoscaler",
        "request.operation == 'UPDATE' && variables.part == '' && request.resource.group == 'autoscaling' && \
         request.resource.resource == 'horizontalpodautoscalers'"
            .to_owned(),
    );
    let number = |side: &str, name: &str, absent: &str| {
        format!("has(variables.{side}.{name}) ? int(variables.{side}.{name}) : {absent}")
    };
    let of_scale = "(variables.part == 'scale' ? 0 : -1)";
    add("old_replicas", number("old_spec", "replicas", of_scale));
    add("new_replicas", number("new_spec", "replicas", of_scale));
    let more = |old: &str, new: &str| format!("{old} >= 0 && {new} > {old}");
    add(
        "scale_up",
        format!(
            "variables.scalable && {}",
            more("variables.old_replicas", "variables.new_replicas")
        ),
    );
    for (old, new, name) in [
        ("old_least", "new_least", "minReplicas"),
        ("old_most", "new_most", "maxReplicas"),
    ] {
        add(old, number("old_spec", name, "-1"));
        add(new, number("new_spec", name, "-1"));
    }
    add(
        "adjusted",
        "variables.autoscaler && (variables.old_least != variables.new_least || variables.old_most != variables.new_most)"
            .to_owned(),
    );
    let lowered = |old: &str, new: &str| format!("{old} != {new} && !({})", more(old, new));
    add(
        "scale_down",
        format!(
            "variables.scalable && {} || variables.autoscaler && ({} || {})",
            lowered("variables.old_replicas", "variables.new_replicas"),
            lowered("variables.old_least", "variables.new_least"),
            lowered("variables.old_most", "variables.new_most"),
        ),
    );
    // Nothing but numbers of replicas is another one.
    add(
        "counts",
        "variables.scalable ? ['replicas'] : variables.autoscaler ? ['minReplicas', 'maxReplicas'] : ['']"
            .to_owned(),
    );
    add(
        "only_counts",
        "variables.scalable && variables.part == 'scale' || (variables.scalable || variables.autoscaler) && \
         variables.same_metadata && \
         variables.after.all(key, key in ['apiVersion', 'kind', 'spec', 'metadata', 'status'] || \
         key in variables.before && variables.before[key] == variables.after[key]) && \
         variables.before.all(key, key in ['apiVersion', 'kind', 'status'] || key in variables.after) && \
         variables.new_spec.all(key, key in variables.counts || \
         key in variables.old_spec && variables.old_spec[key] == variables.new_spec[key]) && \
         variables.old_spec.all(key, key in variables.counts || key in variables.new_spec)"
            .to_owned(),
    );
}
