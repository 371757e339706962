//! What happens in one simulation, as plain data: it can be printed, replayed and made smaller.

use std::fmt;

use sync_core::model::Side;

/// HubSpot's side of a pair.
pub const HUBSPOT: Side = Side::Left;
/// Stripe's side of a pair.
pub const STRIPE: Side = Side::Right;

/// One simulation. Its seed decides everything that is not written here: delays, duplicates, ids.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// How the world is.
    pub setup: Setup,
    /// What happens in it, in order.
    pub steps: Vec<Timed>,
}

/// How the world is.
#[derive(Debug, Clone)]
pub struct Setup {
    /// How far HubSpot's clock is ahead, in milliseconds.
    pub hubspot_skew_ms: i64,
    /// How far Stripe's clock is ahead, in milliseconds.
    pub stripe_skew_ms: i64,
    /// HubSpot answers batches as a whole, without naming bad rows.
    pub legacy_batches: bool,
    /// HubSpot posts every event alone.
    pub single: bool,
    /// HubSpot tells of each property of a new contact.
    pub fan_out: bool,
    /// Webhooks overtake one another.
    pub reorder: bool,
    /// Of 100 events, how many are told twice.
    pub duplicate_percent: u8,
    /// Of 100 events, how many are never told.
    pub lost_percent: u8,
    /// The engine asks what no webhook told. Where none is lost it must do without.
    pub asks: bool,
    /// Longest time from a change to its webhook.
    pub webhook_ms: u64,
    /// Longest time search stays behind.
    pub search_lag_ms: u64,
    /// Longest way to a system, and back.
    pub network_ms: u64,
    /// Longest time the store takes to commit.
    pub store_ms: u64,
    /// How many of the first steps happen before the engine is there and anybody is told of anything.
    pub before: usize,
}

/// A step, and how long after the one before it happens.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Milliseconds since the step before.
    pub wait_ms: u64,
    /// The step.
    pub step: Step,
}

/// Something happens. `n` is different in every step, so that every text somebody types is typed once.
#[derive(Debug, Clone)]
pub enum Step {
    /// Somebody enters a person.
    Create {
        /// Whom.
        person: usize,
        /// Where; `None`: on both sides at once.
        side: Option<Side>,
        /// An address HubSpot will not take.
        invalid: bool,
        /// Whether first name, last name and phone are filled in.
        filled: [bool; 3],
        /// Number of the step.
        n: u64,
    },
    /// Somebody imports people into HubSpot; those who are there already get another phone.
    Import {
        /// The first of them.
        first: usize,
        /// How many.
        count: usize,
        /// Number of the step.
        n: u64,
    },
    /// Somebody edits one field of a person.
    Edit {
        /// Whom.
        person: usize,
        /// Where.
        side: Side,
        /// Which field.
        what: What,
        /// What it becomes.
        how: How,
        /// Number of the step.
        n: u64,
    },
    /// A person pays.
    Pay {
        /// Who.
        person: usize,
        /// Without an account, with only an address for the receipt.
        guest: bool,
        /// Number of the step.
        n: u64,
    },
    /// Somebody deletes a person's record.
    Delete {
        /// Whose.
        person: usize,
        /// Where.
        side: Side,
    },
    /// Somebody merges two contacts.
    Merge {
        /// Who stays.
        into: usize,
        /// Who is absorbed.
        other: usize,
    },
    /// A system misbehaves.
    Fault {
        /// Which.
        side: Side,
        /// Only on calls of this kind.
        target: Target,
        /// How often.
        times: u32,
        /// How.
        kind: Kind,
    },
    /// A system is out of order. The faults do not end before it is back.
    Outage {
        /// Which.
        side: Side,
        /// For how long.
        minutes: u64,
    },
    /// The clock of the engine's machine jumps.
    Clock {
        /// How far ahead.
        ms: i64,
        /// It is put right after so many milliseconds; 0: it stays.
        for_ms: u64,
    },
    /// The engine ends without notice.
    Crash {
        /// Only after it was polled this often; at once if `None`.
        polls: Option<u32>,
        /// How long it is away.
        down_ms: u64,
    },
    /// The engine is stopped in an orderly way and started again.
    Restart {
        /// How long it is away.
        down_ms: u64,
    },
    /// A later commit of the store goes wrong.
    Store {
        /// How many commits go well before.
        after: u32,
        /// How it goes wrong.
        trouble: Trouble,
    },
}

/// A field of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The email address.
    Email,
    /// The first name.
    First,
    /// The last name.
    Last,
    /// The phone number.
    Phone,
}

/// What a field becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Another value.
    Set,
    /// Empty.
    Clear,
    /// A value HubSpot will not take (emails only; others are set).
    Invalid,
}

/// Which calls a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All.
    Any,
    /// Calls that list records.
    Lists,
    /// Calls that ask.
    Reads,
    /// Calls that change something.
    Writes,
    /// Custom events (at HubSpot; as `Writes` at Stripe).
    Events,
}

/// A misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Refused with this status before anything happens.
    Refuse(u16),
    /// Done, but answered with this status.
    FailAfter(u16),
    /// Done, but not answered.
    LoseAnswer,
    /// Neither done nor answered.
    Drop,
    /// Done, and answered after so many milliseconds.
    Slow(u64),
}

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Refused, without effect.
    Unavailable,
    /// Done, but reported as failed.
    Unreported,
    /// The engine ends before it is done.
    CrashBefore,
    /// The engine ends just after it is done.
    CrashAfter,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "{:?}", self.setup)?;
        for (index, Timed { wait_ms, step }) in self.steps.iter().enumerate() {
            writeln!(f, "{index:3}  +{wait_ms} ms  {step:?}")?;
        }
        Ok(())
    }
}
