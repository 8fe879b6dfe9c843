//! By what GitOps controllers mark what they keep.

use serde_json::Value;

/// Beginnings of labels and annotations by which GitOps controllers mark what they keep.
const MARKS: [(&str, &str); 3] = [
    ("argocd.argoproj.io/", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/", "Flux"),
    ("helm.toolkit.fluxcd.io/", "Flux"),
];

/// The GitOps controller that keeps the object, by the marks that it put there: it takes back what is changed elsewhere.
///
/// Argo CD may be set up to mark what it keeps with the label `app.kubernetes.io/instance` alone, which others use as well: that
/// is no mark here, and its Applications have to be asked.
pub fn keeper(object: &Value) -> Option<&'static str> {
    let maps = ["/metadata/labels", "/metadata/annotations"];
    let maps = maps
        .into_iter()
        .filter_map(|place| object.pointer(place)?.as_object());
    let keys: Vec<&String> = maps.flat_map(|map| map.keys()).collect();
    let marked = |(mark, _): &&(&str, &str)| keys.iter().any(|key| key.starts_with(mark));
    MARKS.iter().find(marked).map(|(_, who)| *who)
}
