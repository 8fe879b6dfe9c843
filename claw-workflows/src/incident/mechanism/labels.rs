//! The labels of a series, as it is written.

use claw_metrics::signal::Signal;

/// The value of a label of the series that a signal is about, or of the one that it was made from.
pub(super) fn label_of<'s>(signal: &'s Signal, name: &str) -> Option<&'s str> {
    label(&signal.metric, name).or_else(|| label(&signal.source, name))
}

/// The value of a label in a series as it is written.
fn label<'s>(metric: &'s str, name: &str) -> Option<&'s str> {
    let (_, labels) = metric.split_once('{')?;
    labels.trim_end_matches('}').split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn labels_are_read_from_a_written_series() {
        let metric = "lag{topic=\"mails\",group=\"a-b\"}";
        assert_eq!(label(metric, "group"), Some("a-b"));
        assert_eq!(label(metric, "queue"), None);
        assert_eq!(label("lag", "group"), None);
    }
}
