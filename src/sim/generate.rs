//! From a seed to a scenario.

use sync_core::model::Side;

use super::chance::{below, chance};
use super::scenario::{HUBSPOT, How, Kind, STRIPE, Scenario, Setup, Step, Target, Timed, Trouble, What};

/// Most people in a scenario.
const MOST_PEOPLE: u64 = 4;
/// Most steps of a scenario.
const MOST_STEPS: u64 = 30;

/// What may happen in a scenario, besides people being busy.
struct Mood {
    seed: u64,
    people: usize,
    faults: bool,
    crashes: bool,
    store: bool,
    invalid: bool,
    deletes: bool,
    merges: bool,
    /// Nothing but edits, and answers that are late or lost: they meet on their way.
    crossing: bool,
    /// All edits are of one field of one or two people: everything meets everything.
    focus: Option<What>,
    /// Half of all scenarios happen within seconds, where everything races; the others take their time.
    longest_wait_ms: u64,
}

impl Scenario {
    /// The scenario that a seed stands for.
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        let may = |purpose, percent| chance(seed, purpose, 0, percent);
        let focus = [What::Phone, What::Phone, What::First, What::Last][index(below(seed, "focus", 1, 4))];
        let crossing = may("crossing", 8);
        let focus = (crossing || may("focus", 20)).then_some(focus);
        let people = 1 + index(below(seed, "people", 0, MOST_PEOPLE));
        let mood = Mood {
            seed,
            crossing,
            focus,
            people: if focus.is_some() { people.min(2) } else { people },
            faults: may("faults", 50),
            crashes: may("crashes", 40),
            store: may("store trouble", 30),
            invalid: may("invalid", 20),
            deletes: may("deletes", 15),
            merges: may("merges", 10),
            longest_wait_ms: [60, 1_200, 4_000][index(below(seed, "pace", 0, 3))],
        };
        let count = 2 + below(seed, "steps", 0, MOST_STEPS - 1);
        let mut steps: Vec<Timed> = (0..count).map(|n| mood.timed(n)).collect();
        let setup = setup(seed);
        // A slow start: much happens before the engine knows who is there.
        if mood.faults && setup.before > 0 && may("slow start", 50) {
            let step = Step::Fault {
                side: mood.side(count),
                target: Target::Lists,
                times: 1 + mood.small("times", count, 4),
                kind: Kind::Refuse(503),
            };
            steps.insert(setup.before.min(steps.len()), Timed { wait_ms: 0, step });
        }
        Self { seed, setup, steps }
    }
}

fn setup(seed: u64) -> Setup {
    let skew = |purpose| {
        let most = [0, 1_500, 100_000][index(below(seed, purpose, 0, 3))];
        i64::try_from(below(seed, purpose, 1, 2 * most + 1)).unwrap_or(0) - most.cast_signed()
    };
    let one_of = |purpose, of: [u64; 3]| of[index(below(seed, purpose, 0, 3))];
    let lost_percent = [0, 0, 0, 5, 30][index(below(seed, "lost", 0, 5))];
    Setup {
        hubspot_skew_ms: skew("hubspot clock"),
        stripe_skew_ms: skew("stripe clock"),
        legacy_batches: chance(seed, "legacy", 0, 25),
        single: chance(seed, "single", 0, 25),
        fan_out: chance(seed, "fan out", 0, 75),
        reorder: chance(seed, "reorder", 0, 70),
        duplicate_percent: u8::try_from(one_of("duplicates", [0, 10, 50])).unwrap_or(0),
        lost_percent,
        asks: lost_percent > 0 || chance(seed, "asks", 0, 40),
        webhook_ms: one_of("webhooks", [30, 800, 6_000]),
        search_lag_ms: one_of("search", [0, 2_000, 20_000]),
        network_ms: one_of("network", [2, 40, 400]),
        store_ms: one_of("store", [0, 0, 15]),
        before: if chance(seed, "before", 0, 25) { index(below(seed, "before", 1, 6)) } else { 0 },
    }
}

impl Mood {
    fn timed(&self, n: u64) -> Timed {
        let long = chance(self.seed, "long wait", n, 10);
        let most = if long { 8_000 } else { self.longest_wait_ms };
        let together = chance(self.seed, "together", n, 25);
        let wait_ms = if together { 0 } else { below(self.seed, "wait", n, most) };
        Timed { wait_ms, step: self.step(n) }
    }

    fn step(&self, n: u64) -> Step {
        match self.draw("kind", n, 100) {
            // Somebody must be there first.
            _ if n == 0 => self.create(n),
            kind if self.crossing => self.meet(kind, n),
            0..22 => self.create(n),
            22..26 => Step::Import { first: self.person(n), count: 1 + self.below("import", n, 3), n },
            26..62 => self.edit(n),
            62..76 => Step::Pay { person: self.person(n), guest: self.chance("guest", n, 25), n },
            76..78 if self.deletes => Step::Delete { person: self.person(n), side: self.side(n) },
            78..84 if self.merges && (self.focus.is_some() || self.draw("kind", n, 100) < 80) => {
                Step::Merge { into: self.person(n), other: self.below("other", n, MOST_PEOPLE) }
            }
            80..90 if self.faults => self.fault(n),
            90..94 if self.crashes => {
                let polls = [None, Some(1 + self.small("polls", n, 40))];
                Step::Crash { polls: polls[self.below("when", n, 2)], down_ms: self.down(n) }
            }
            94..96 if self.crashes => Step::Restart { down_ms: self.down(n) },
            96..100 if self.store => self.store_trouble(n),
            _ => self.edit(n),
        }
    }

    fn meet(&self, kind: u64, n: u64) -> Step {
        match kind {
            0..15 => self.create(n),
            15..25 if self.merges => {
                Step::Merge { into: self.person(n), other: self.below("other", n, MOST_PEOPLE) }
            }
            25..55 => self.late(n),
            _ => self.edit(n),
        }
    }

    fn late(&self, n: u64) -> Step {
        let target = [Target::Reads, Target::Writes][self.below("target", n, 2)];
        let kind = match self.draw("fault", n, 3) {
            0 => Kind::LoseAnswer,
            _ => Kind::Slow(self.draw("slow", n, 12_000)),
        };
        Step::Fault { side: self.side(n), target, times: 1, kind }
    }

    fn create(&self, n: u64) -> Step {
        let side =
            [Some(HUBSPOT), Some(STRIPE), Some(HUBSPOT), Some(STRIPE), None][self.below("where", n, 5)];
        let filled = ["first", "last", "phone"].map(|field| self.chance(field, n, 60));
        let invalid = self.invalid && self.chance("bad address", n, 40);
        Step::Create { person: self.person(n), side, invalid, filled, n }
    }

    fn edit(&self, n: u64) -> Step {
        let what = [What::Email, What::First, What::First, What::Last, What::Last, What::Phone]
            [self.below("what", n, 6)];
        let what = self.focus.unwrap_or(what);
        let how = match self.draw("how", n, 100) {
            0..75 => How::Set,
            75..92 => How::Clear,
            _ if self.invalid => How::Invalid,
            _ => How::Set,
        };
        Step::Edit { person: self.person(n), side: self.side(n), what, how, n }
    }

    fn fault(&self, n: u64) -> Step {
        if self.chance("clock", n, 5) {
            let ms: i64 = [-3_600_000, 7_200_000, -100_000, 100_000, -3_000, 3_000][self.below("jump", n, 6)];
            // With a clock that is more than five minutes wrong no signature is valid.
            let stays = ms.abs() < 300_000 && self.chance("stays", n, 50);
            let for_ms = if stays { 0 } else { 1 + self.draw("put right", n, 20_000) };
            return Step::Clock { ms, for_ms };
        }
        if self.chance("outage", n, 3) {
            // An hour of calls that fail takes its time to play, too.
            let minutes = match self.draw("minutes", n, 10) {
                0..6 => 1,
                6..9 => 10,
                _ => 60,
            };
            return Step::Outage { side: self.side(n), minutes };
        }
        let target = [Target::Any, Target::Reads, Target::Writes, Target::Writes, Target::Events]
            [self.below("target", n, 5)];
        let status = [429, 500, 503, 502, 423, 401][self.below("status", n, 6)];
        let kind = match self.draw("fault", n, 10) {
            0..3 => Kind::Refuse(status),
            3..5 => Kind::FailAfter([500, 502, 504][self.below("status after", n, 3)]),
            5..7 => Kind::LoseAnswer,
            7 => Kind::Drop,
            _ => Kind::Slow(self.draw("slow", n, 25_000)),
        };
        Step::Fault { side: self.side(n), target, times: 1 + self.small("times", n, 3), kind }
    }

    fn store_trouble(&self, n: u64) -> Step {
        let troubles = [Trouble::Unavailable, Trouble::Unreported, Trouble::CrashBefore, Trouble::CrashAfter];
        Step::Store { after: self.small("after", n, 8), trouble: troubles[self.below("trouble", n, 4)] }
    }

    fn person(&self, n: u64) -> usize {
        index(self.draw("person", n, u64::try_from(self.people).unwrap_or(1)))
    }

    fn side(&self, n: u64) -> Side {
        Side::BOTH[self.below("side", n, 2)]
    }

    fn down(&self, n: u64) -> u64 {
        1_200 + self.draw("down", n, 4_000)
    }

    fn draw(&self, purpose: &str, n: u64, bound: u64) -> u64 {
        below(self.seed, purpose, n, bound)
    }

    fn below(&self, purpose: &str, n: u64, bound: u64) -> usize {
        index(self.draw(purpose, n, bound))
    }

    fn small(&self, purpose: &str, n: u64, bound: u64) -> u32 {
        u32::try_from(self.draw(purpose, n, bound)).unwrap_or(0)
    }

    fn chance(&self, purpose: &str, n: u64, percent: u64) -> bool {
        chance(self.seed, purpose, n, percent)
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
