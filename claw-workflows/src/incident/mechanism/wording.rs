//! What components say, whatever the letters.

/// Tells of `text` whether it holds any of several words, which are in lower case. Runtimes, drivers and registries differ in
/// capitals and agree in words.
pub(super) fn wording(text: &str) -> impl Fn(&[&str]) -> bool {
    let text = text.to_lowercase();
    move |words| words.iter().any(|word| text.contains(word))
}
