//! What goes wrong between an agent and everything that it asks, as by chance: the same for each seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::clock::{Clock as _, ManualClock, Monotonic as _};
use jiff::SignedDuration;

/// Numbers that look like chance, the same for each seed.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        // xorshift64: <https://www.jstatsoft.org/article/view/v008i14>
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// 429: nothing was done.
    Busy,
    /// A cut connection, or a 504: nothing was done.
    Lost,
    /// It was done, and no answer comes.
    LostAfter,
    /// No room: nothing was kept.
    Full,
    /// It was kept, and no room was left to say so.
    FullAfter,
    /// An older version of the object is read.
    Stale,
}

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Cluster,
    Documents,
    Audit,
}

/// By how many seconds the clock is wrong: what a time server corrects, what a person sets, and a machine that was asleep.
const WRONG: [i64; 9] = [-86_400, -3_700, -70, -2, 0, 2, 70, 3_700, 86_400];

/// The weather of one world: it outlives agents. It clears up in the end, so that everything that is begun can be ended.
#[derive(Clone, Debug)]
pub(super) struct Weather(Arc<Mutex<Skies>>);

#[derive(Debug)]
struct Skies {
    chance: Chance,
    clock: Arc<ManualClock>,
    /// How many more troubles there will be.
    left: u32,
    /// How many more calls to one side are lost: a partition.
    cut: BTreeMap<Side, u64>,
    jumps: bool,
    wrong: SignedDuration,
    met: BTreeMap<String, u64>,
}

impl Weather {
    pub(super) fn calm(clock: Arc<ManualClock>) -> Self {
        Self(Arc::new(Mutex::new(Skies {
            chance: Chance::of(0),
            clock,
            left: 0,
            cut: BTreeMap::new(),
            jumps: false,
            wrong: SignedDuration::ZERO,
            met: BTreeMap::new(),
        })))
    }

    /// From now on so many troubles, with the clock among them or without.
    pub(super) fn turn(&self, seed: u64, troubles: u32, jumps: bool) {
        let mut skies = self.0.lock().unwrap();
        skies.chance = Chance::of(seed);
        skies.left = troubles;
        skies.jumps = jumps;
    }

    /// No more of it.
    pub(super) fn clear_up(&self) {
        let mut skies = self.0.lock().unwrap();
        skies.left = 0;
        skies.cut.clear();
    }

    /// How often each kind of trouble came.
    pub(super) fn met(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().met.clone()
    }

    /// What goes wrong with a call, of what can.
    pub(super) fn meets(&self, side: Side, kinds: &[Trouble]) -> Option<Trouble> {
        let mut skies = self.0.lock().unwrap();
        let skies = &mut *skies;
        if let Some(cut) = skies.cut.get_mut(&side).filter(|cut| **cut > 0) {
            *cut -= 1;
            *skies.met.entry(format!("{side:?} cut off")).or_default() += 1;
            return Some(Trouble::Lost);
        }
        if skies.left == 0 {
            return None;
        }
        if skies.jumps && skies.chance.below(40) == 0 {
            skies.left -= 1;
            let wrong = SignedDuration::from_secs(skies.chance.one_of(&WRONG));
            let by = wrong - std::mem::replace(&mut skies.wrong, wrong);
            let now = skies.clock.now();
            skies.clock.set(now.checked_add(by).unwrap());
            let which = if by.is_negative() { "back" } else { "forward" };
            *skies.met.entry(format!("Clock {which}")).or_default() += 1;
        }
        if skies.left == 0 || skies.chance.below(12) > 0 {
            return None;
        }
        skies.left -= 1;
        let trouble = skies.chance.one_of(kinds);
        if trouble == Trouble::Lost && skies.chance.below(3) == 0 {
            skies.cut.insert(side, 1 + skies.chance.below(6));
        }
        *skies.met.entry(format!("{side:?} {trouble:?}")).or_default() += 1;
        Some(trouble)
    }

    /// How long it has really been.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().clock.elapsed()
    }
}
