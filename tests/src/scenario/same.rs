//! Whether two reports give the same answer, whatever the things in them are called.

use claw_core::report::Report;

/// By how much confidences may differ: of pods that are alike, whose log is read goes by their names.
const NEARLY: f64 = 0.005;

/// Whether two reports have the same verdict and name the same mechanism, about as surely.
pub fn same_answer(one: &Report, other: &Report) -> bool {
    let first = |report: &Report| {
        let first = report.hypotheses.first();
        first.map_or((String::new(), 0.0), |first| {
            (first.mechanism.clone(), first.confidence)
        })
    };
    let ((mechanism, sure), (again, as_sure)) = (first(one), first(other));
    one.verdict == other.verdict && mechanism == again && (sure - as_sure).abs() <= NEARLY
}
