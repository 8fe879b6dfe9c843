//! How far numbers that are computed from few requests are off by chance.
//!
//! A number that rests on `n` requests of an interval would differ from the next interval's although nothing changed. By how
//! much, the requests of the usual time tell: taken together they are many.

use jiff::Timestamp;

use super::quantiles::{Buckets, add, histogram_quantile};
use crate::series::interval;
use crate::stats;

/// So many intervals are taken together: tails show, and an earlier incident stays among its own.
const TOGETHER: usize = 10;
/// A number of requests is not known better than by half a request.
const LEAST: f64 = 0.5;

/// How many requests the moments of a series rest on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// In an interval: the usual number or that of the rest, whichever is less.
    each: f64,
}

impl Moments {
    /// `rates` are requests per second, in order of time.
    pub(super) fn of(
        rates: impl Iterator<Item = (Timestamp, f64)>,
        usual: &dyn Fn(Timestamp) -> bool,
    ) -> Self {
        let rates: Vec<(Timestamp, f64)> = rates.collect();
        let seconds = interval(&rates).map_or(0.0, |gap| gap.as_secs_f64());
        let of = |wanted: bool| {
            // Nothing rests on an interval without requests.
            let some = rates.iter().filter(|(_, rate)| *rate > 0.0);
            let some = some.filter(|(time, _)| usual(*time) == wanted);
            stats::median(&some.map(|(_, rate)| rate * seconds).collect::<Vec<_>>())
        };
        let each = [of(true), of(false)].into_iter().flatten().reduce(f64::min);
        Self {
            each: each.unwrap_or(0.0),
        }
    }
}

/// One standard deviation of the quantile `q`: the rank of a quantile varies by the square root of `n q (1 - q)`, and the
/// distance between the values at both ends of that is twice the deviation. 0 where nothing tells it.
pub(super) fn of_quantile<'b>(q: f64, usual: impl Iterator<Item = &'b Buckets>, counted: Moments) -> f64 {
    if counted.each <= 0.0 {
        return 0.0;
    }
    let off = (q * (1.0 - q) / counted.each).sqrt();
    let usual: Vec<&Buckets> = usual.collect();
    let widths: Vec<f64> = usual
        .chunks(TOGETHER)
        .filter_map(|some| {
            let mut all = Buckets::new();
            for &(bound, rate) in some.iter().copied().flatten() {
                add(&mut all, bound, rate);
            }
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let low = histogram_quantile((q - off).max(0.0), &all)?;
            let high = histogram_quantile((q + off).min(1.0), &all)?;
            Some((high - low) / 2.0)
        })
        .collect();
    stats::median(&widths).unwrap_or(0.0)
}

/// One standard deviation of the share of requests that fail, where `failed` of `all` usually do: binomial, and no less than
/// what half a request makes.
pub(super) fn of_share(failed: f64, all: f64, counted: Moments) -> f64 {
    if counted.each <= 0.0 {
        return 0.0;
    }
    let share = if all > 0.0 {
        (failed / all).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (share * (1.0 - share) / counted.each)
        .sqrt()
        .max(LEAST / counted.each)
}

#[cfg(test)]
mod tests {
    use claw_core::report::Window;
    use jiff::Timestamp;

    use crate::classify::Measure;
    use crate::series::{Labels, Series};
    use crate::signal::{DetectOptions, Signal, detect_all};

    /// The trouble begins after 40 minutes.
    const BEGAN: i64 = 40;

    /// A counter that grows by so much each minute.
    fn counter(name: &str, label: (&str, &str), each: impl Fn(i64) -> f64) -> Series {
        let labels = [("__name__", name), ("app", "ads"), label];
        let labels: Labels = labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let points = (0..BEGAN + 10).scan(0.0, |sum, minute| {
            *sum += each(minute);
            Some((Timestamp::from_second(minute * 60).unwrap(), *sum))
        });
        Series::new(labels, points.collect())
    }

    fn found(series: &[Series]) -> Vec<Signal> {
        let incident = Window {
            start: Timestamp::from_second(BEGAN * 60).unwrap(),
            end: Timestamp::from_second((BEGAN + 10) * 60).unwrap(),
        };
        detect_all(series, &incident, None, &DetectOptions::default())
    }

    /// Whether the 99th percentile moved where of 120 requests a minute, and `times` as many, about one takes longer than 10 ms
    /// but `slow` in trouble, up to a `bound`.
    fn is_late(times: f64, slow: f64, bound: f64) -> bool {
        let beyond = |minute: i64| if minute < BEGAN { 1.0 } else { slow };
        let faster = |minute: i64, than: f64| match minute < BEGAN {
            true => than >= 50.0,
            false => than >= bound,
        };
        let buckets =
            [("10", 10.0), ("50", 50.0), ("1000", 1e3), ("+Inf", f64::INFINITY)].map(|(le, than)| {
                counter("latency_milliseconds_bucket", ("le", le), |minute| {
                    times
                        * if faster(minute, than) {
                            120.0
                        } else {
                            120.0 - beyond(minute)
                        }
                })
            });
        let late = found(&buckets);
        late.iter()
            .any(|signal| signal.stat() == crate::classify::Stat::Quantile(0.99))
    }

    #[test]
    fn a_quantile_of_few_requests_moves_by_chance() {
        assert!(!is_late(1.0, 2.0, 50.0));
        assert!(is_late(100.0, 2.0, 50.0), "of many requests that is a change");
        assert!(is_late(1.0, 20.0, 1000.0), "and so is much of few");
    }

    /// Whether a share of failures is told of so many requests in a minute and failures among them.
    fn fails(all: impl Fn(i64) -> f64, failed: impl Fn(i64) -> f64) -> bool {
        let series = [
            counter("requests_total", ("code", "200"), |minute| {
                all(minute) - failed(minute)
            }),
            counter("requests_total", ("code", "500"), &failed),
        ];
        found(&series)
            .iter()
            .any(|signal| signal.measure == Measure::Errors)
    }

    #[test]
    fn a_failure_of_few_requests_is_no_share() {
        let some = |times: f64| {
            let failed =
                move |minute: i64| f64::from(u8::from((BEGAN + 3..BEGAN + 6).contains(&minute))) * times;
            fails(|_| 6.0 * times, failed)
        };
        assert!(!some(1.0));
        assert!(some(100.0));
        // One request in ten minutes, and it fails once.
        let rare = |minute: i64| f64::from(u8::from(minute % 10 == 5));
        let once = |minute: i64| if minute > BEGAN { rare(minute) } else { 0.0 };
        assert!(!fails(rare, once));
    }

    #[test]
    fn a_service_of_few_requests_that_fails_altogether_is_seen() {
        let all_fail = |minute: i64| f64::from(u8::from(minute >= BEGAN));
        assert!(fails(|_| 1.0, all_fail));
        // One of many requests, of which a few are left.
        let falls = |minute: i64| if minute < BEGAN { 100.0 } else { 1.0 };
        assert!(fails(falls, all_fail));
    }
}
