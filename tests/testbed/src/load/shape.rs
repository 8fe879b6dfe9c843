//! How usage moves over days: cycles, weekends, trends, noise and leaks.

use std::f64::consts::TAU;

use crate::random::Random;

const DAY: f64 = 86_400.0;

/// The course of one workload's usage. Its pods share it.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    phase: f64,
    depth: f64,
    weekend: f64,
    trend: f64,
    noise: f64,
    /// Seconds from one restart to the next, for a workload that leaks memory: one in twelve.
    pub(super) leak: Option<f64>,
    random: Random,
}

impl Shape {
    pub(super) fn of(seed: u64, workload: &str) -> Self {
        let mut random = Random::of(seed, workload);
        let leaks = random.share() < 1.0 / 12.0;
        let period = random.between(1.0, 4.0) * DAY;
        Self {
            phase: random.between(0.0, DAY),
            depth: random.choose(0.05, &[0.3, 0.5]),
            weekend: random.choose(0.0, &[0.0, 0.3]),
            trend: random.choose(0.0, &[0.0, 0.0, 0.4, -0.2]),
            noise: random.choose(0.03, &[0.1]),
            leak: leaks.then_some(period),
            random,
        }
    }

    /// Factors of about 1, one for each of `times`, in seconds since 1970.
    pub(super) fn factors(&mut self, times: &[i64]) -> Vec<f64> {
        let begin = times.first().copied().unwrap_or(0) as f64;
        let length = (times.last().copied().unwrap_or(0) as f64 - begin).max(1.0);
        let mut factors = Vec::with_capacity(times.len());
        for time in times.iter().map(|time| *time as f64) {
            let cycle = 1.0 + self.depth * ((time - self.phase) * TAU / DAY).sin();
            let trend = self.trend * ((time - begin) / length - 0.5);
            // The first day was a Thursday.
            let weekday = ((time / DAY).floor() as i64 + 3).rem_euclid(7);
            let week = if weekday >= 5 { 1.0 - self.weekend } else { 1.0 };
            let noise = 1.0 + self.noise * self.random.bell();
            factors.push(((cycle + trend) * week * noise).max(0.02));
        }
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_repeat_and_are_about_one() {
        let times: Vec<i64> = (0..14 * 288).map(|step| step * 300).collect();
        let factors = Shape::of(1, "shop/cart").factors(&times);
        assert_eq!(factors, Shape::of(1, "shop/cart").factors(&times));
        let mean = factors.iter().sum::<f64>() / factors.len() as f64;
        assert!((0.8..1.2).contains(&mean), "{mean}");
        assert!(factors.iter().all(|factor| *factor > 0.0));
    }

    #[test]
    fn some_workloads_leak() {
        let leaking = (0..600)
            .filter(|number| Shape::of(1, &format!("w{number}")).leak.is_some())
            .count();
        assert!((20..90).contains(&leaking), "{leaking}");
    }
}
