//! The object before and after.

use claw_core::execute::ACTION_ANNOTATION;

use crate::walls::cel;

/// Its parts. Of an object that is made there is nothing before, of one that is deleted nothing after.
pub(super) fn add_to(add: &mut impl FnMut(&'static str, String)) {
    add(
        "before",
        "dyn(oldObject) == null ? dyn({}) : dyn(oldObject)".to_owned(),
    );
    add("after", "dyn(object) == null ? dyn({}) : dyn(object)".to_owned());
    let member = |of: &str, name: &str, absent: &str| {
        format!("has(variables.{of}.{name}) ? variables.{of}.{name} : dyn({absent})")
    };
    add("old_metadata", member("before", "metadata", "{}"));
    add("new_metadata", member("after", "metadata", "{}"));
    add("old_labels", member("old_metadata", "labels", "{}"));
    add("new_labels", member("new_metadata", "labels", "{}"));
    add("old_annotations", member("old_metadata", "annotations", "{}"));
    add("new_annotations", member("new_metadata", "annotations", "{}"));
    add("old_spec", member("before", "spec", "{}"));
    add("new_spec", member("after", "spec", "{}"));
    // The garbage collector deletes what belongs to something that is not there; finalizers hold that up.
    let same = |name: &str| {
        let of = |side: &str| member(side, name, "[]");
        format!("({}) == ({})", of("old_metadata"), of("new_metadata"))
    };
    add(
        "freed",
        format!(
            "request.operation == 'UPDATE' && variables.part == '' && !({} && {})",
            same("ownerReferences"),
            same("finalizers")
        ),
    );
    // The executor says there whose write it is.
    let ours = cel::text(ACTION_ANNOTATION);
    add(
        "same_metadata",
        format!(
            "!variables.freed && variables.old_labels == variables.new_labels && \
             variables.new_annotations.all(key, key == {ours} || \
             key in variables.old_annotations && variables.old_annotations[key] == variables.new_annotations[key]) && \
             variables.old_annotations.all(key, key == {ours} || key in variables.new_annotations)"
        ),
    );
}
