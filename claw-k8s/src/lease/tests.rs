//! The elector alone: whatever is lost, delayed or set wrong, two processes never hold the lease at one time.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const TERM: Duration = Duration::from_secs(15);
const MARGIN: Duration = Duration::from_secs(5);

fn settings(change: impl FnOnce(&mut LeaseSettings)) -> Result<(), LeaseError> {
    let mut settings = LeaseSettings::new("claw", "agent", "agent-1");
    change(&mut settings);
    settings.check()
}

#[test]
fn settings_leave_time_to_renew() {
    settings(|_| {}).unwrap();
    for wrong in [
        settings(|it| it.identity = " ".to_owned()),
        settings(|it| it.identity = "x".repeat(300)),
        settings(|it| it.duration = Duration::from_millis(15_500)),
        settings(|it| it.duration = Duration::ZERO),
        settings(|it| it.every = Duration::ZERO),
        settings(|it| it.every = Duration::from_secs(5)),
        settings(|it| it.margin = Duration::MAX),
    ] {
        assert!(matches!(wrong, Err(LeaseError::Settings { .. })), "{wrong:?}");
    }
}

/// A process with a clock of its own, and what it would do.
struct Process {
    elector: Elector,
    name: &'static str,
    began: Duration,
    day: Timestamp,
}

impl Process {
    fn new(name: &'static str, began: u64, day: &str) -> Self {
        Self {
            elector: Elector::new("Lease claw/agent".to_owned(), name.to_owned(), TERM, MARGIN),
            name,
            began: Duration::from_secs(began),
            day: day.parse().unwrap(),
        }
    }

    fn moment(&self, time: Duration) -> Moment {
        Moment {
            elapsed: self.began + time,
            day: self.day.checked_add(time).unwrap(),
        }
    }
}

/// The lease as the API server has it, and true time.
#[derive(Default)]
struct World {
    record: Option<Record>,
    version: u64,
    time: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Way {
    Through,
    AnswerLost,
    Lost,
}

impl World {
    /// One step of a process, as [`Leadership::step`] makes it, with a delay on each way.
    fn step(&mut self, process: &mut Process, way: Way, delay: Duration) {
        let own = process.elector.own().cloned();
        if let Some(record) = own
            && self.write(process, &Move::Renew(record), way, delay)
        {
            return;
        }
        if matches!(way, Way::Lost) {
            return;
        }
        let record = self.record.clone();
        self.time += delay;
        let now = process.moment(self.time).elapsed;
        process.elector.observe(record, now);
        let next = process.elector.next(now);
        self.write(process, &next, way, delay);
    }

    /// Whether the step is over.
    fn write(&mut self, process: &mut Process, next: &Move, way: Way, delay: Duration) -> bool {
        let begun = process.moment(self.time);
        let (expected, transitions) = match next {
            Move::Create => (None, process.elector.next_epoch()),
            Move::Take(record) => (Some(record), process.elector.next_epoch()),
            Move::Renew(record) => (Some(record), record.transitions),
            Move::Wait(_) => return true,
        };
        if matches!(way, Way::Lost) {
            return true;
        }
        self.time += delay;
        if self.record.as_ref().map(|record| &record.version) != expected.map(|record| &record.version) {
            return false;
        }
        self.version += 1;
        let record = Record {
            uid: "u".to_owned(),
            version: self.version.to_string(),
            holder: Some(process.name.to_owned()),
            duration: TERM,
            transitions,
        };
        self.record = Some(record.clone());
        self.time += delay;
        if matches!(way, Way::Through) {
            process.elector.written(record, begun);
        }
        true
    }

    fn release(&mut self, process: &mut Process) {
        if let Some(record) = process.elector.resign()
            && let Some(stored) = &mut self.record
            && stored.version == record.version
        {
            self.version += 1;
            stored.version = self.version.to_string();
            stored.holder = None;
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Step(bool, Way, u64),
    Release(bool),
    /// The time of day is set by so many seconds.
    Set(bool, i64),
}

fn event() -> impl Strategy<Value = Event> {
    let way = prop_oneof![
        4 => Just(Way::Through),
        1 => Just(Way::AnswerLost),
        1 => Just(Way::Lost)
    ];
    prop_oneof![
        4 => (0_u64..8000).prop_map(Event::Pass),
        8 => (any::<bool>(), way, 0_u64..4000).prop_map(|(who, way, delay)| Event::Step(who, way, delay)),
        1 => any::<bool>().prop_map(Event::Release),
        1 => (any::<bool>(), -90_000_i64..90_000).prop_map(|(who, by)| Event::Set(who, by)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn two_never_hold_it_at_one_time(events in proptest::collection::vec(event(), 1..80)) {
        let mut world = World::default();
        let mut all = [Process::new("a", 7, "2026-03-01T10:00:00Z"), Process::new("b", 90_000, "1999-01-01T00:00:00Z")];
        let (mut highest, mut holder) = (0, "");
        for event in events {
            match event {
                Event::Pass(millis) => world.time += Duration::from_millis(millis),
                Event::Step(who, way, delay) => {
                    world.step(&mut all[usize::from(who)], way, Duration::from_millis(delay));
                }
                Event::Release(who) => world.release(&mut all[usize::from(who)]),
                Event::Set(who, by) => {
                    let day = &mut all[usize::from(who)].day;
                    *day = day.checked_add(jiff::SignedDuration::from_secs(by)).unwrap();
                }
            }
            let mut holding = Vec::new();
            for process in &all {
                if let Ok(epoch) = process.elector.check(process.moment(world.time)) {
                    holding.push((process.name, epoch));
                }
            }
            prop_assert!(holding.len() < 2, "{holding:?}");
            for (name, epoch) in holding {
                prop_assert!(epoch > highest || (epoch == highest && name == holder), "{name} {epoch} {highest}");
                (highest, holder) = (epoch, name);
            }
        }
    }
}

/// Of what goes as it should: one holds it, the other has it when the first is gone, and not before.
#[test]
fn it_goes_to_the_other_when_a_term_is_over() {
    let mut world = World::default();
    let mut a = Process::new("a", 0, "2026-03-01T10:00:00Z");
    let mut b = Process::new("b", 0, "2026-03-01T10:00:00Z");
    let holds = |process: &Process, world: &World| process.elector.check(process.moment(world.time));
    world.step(&mut a, Way::Through, Duration::ZERO);
    world.step(&mut b, Way::Through, Duration::ZERO);
    assert_eq!(holds(&a, &world), Ok(1));
    assert!(matches!(holds(&b, &world), Err(Lost::HeldByAnother { holder, .. }) if holder == "a"));
    for _ in 0..10 {
        world.time += Duration::from_secs(3);
        world.step(&mut a, Way::Through, Duration::ZERO);
        world.step(&mut b, Way::Through, Duration::ZERO);
        assert_eq!(holds(&a, &world), Ok(1), "it is renewed");
    }
    world.time += Duration::from_secs(11);
    assert!(
        matches!(holds(&a, &world), Err(Lost::Late { .. })),
        "five seconds before the end"
    );
    world.step(&mut b, Way::Through, Duration::ZERO);
    assert!(holds(&b, &world).is_err(), "the term of the other is not over");
    world.time += Duration::from_secs(4);
    world.step(&mut b, Way::Through, Duration::ZERO);
    assert_eq!(holds(&b, &world), Ok(2));
    world.step(&mut a, Way::Through, Duration::ZERO);
    assert!(matches!(holds(&a, &world), Err(Lost::HeldByAnother { holder, .. }) if holder == "b"));
    world.release(&mut b);
    assert!(matches!(holds(&b, &world), Err(Lost::NotHeld { .. })));
    world.step(&mut a, Way::Through, Duration::ZERO);
    assert_eq!(
        holds(&a, &world),
        Ok(3),
        "what was given back need not be waited for"
    );
}

#[test]
fn a_renewal_whose_answer_was_lost_is_found_again() {
    let mut world = World::default();
    let mut a = Process::new("a", 0, "2026-03-01T10:00:00Z");
    world.step(&mut a, Way::Through, Duration::ZERO);
    world.time += Duration::from_secs(3);
    world.step(&mut a, Way::AnswerLost, Duration::ZERO);
    world.time += Duration::from_secs(3);
    world.step(&mut a, Way::Through, Duration::ZERO);
    world.time += Duration::from_secs(9);
    assert_eq!(a.elector.check(a.moment(world.time)), Ok(1));
}

#[test]
fn a_machine_that_slept_has_lost_it() {
    let mut world = World::default();
    let mut a = Process::new("a", 0, "2026-03-01T10:00:00Z");
    world.step(&mut a, Way::Through, Duration::ZERO);
    let mut slept = a.moment(world.time);
    slept.day = slept.day.checked_add(Duration::from_secs(3600)).unwrap();
    assert!(matches!(a.elector.check(slept), Err(Lost::Late { .. })));
    slept.day = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(a.elector.check(slept), Ok(1), "set back it says nothing");
}

#[test]
fn a_lease_that_was_deleted_goes_on_where_it_was() {
    let mut world = World::default();
    let mut a = Process::new("a", 0, "2026-03-01T10:00:00Z");
    for epoch in 1..4 {
        world.step(&mut a, Way::Through, Duration::ZERO);
        assert_eq!(a.elector.check(a.moment(world.time)), Ok(epoch));
        world.record = None;
    }
}
