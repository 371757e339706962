//! What people do: each step as it is done at the emulated systems.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use http::Method;
use sync_core::model::entity::{FIRST_NAME, LAST_NAME};
use sync_core::model::{Properties, RecordId, Side, Value};
use sync_core::testing::fake::Fault;

use super::scenario::{HUBSPOT, How, Kind, STRIPE, Step, Target, What};
use super::world::{Order, TWIN_KEY, TWIN_PROPERTY, World};

/// Somebody who may be known to either system.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// The contact somebody entered.
    pub(super) contact: Option<RecordId>,
    /// The customer somebody entered.
    pub(super) customer: Option<String>,
    /// The address is not the first one any more, or never was right: nobody can tell that a second record is theirs.
    pub(super) readdressed: bool,
    /// Deleted or merged: only some promises can be checked from outside.
    pub(super) messy: bool,
}

impl Person {
    /// Whether somebody entered them on both sides.
    pub(super) fn is_doubled(&self) -> bool {
        self.contact.is_some() && self.customer.is_some()
    }

    /// The contact of this person, whoever made it.
    pub(super) fn contact_in(&self, hubspot: &FakeHubSpot) -> Option<RecordId> {
        if let Some(id) = &self.contact {
            return hubspot.contact(id).filter(|c| !c.is_archived()).map(|c| c.id());
        }
        let twin = self.customer.as_deref()?;
        hubspot.contacts().find(|c| c.property(TWIN_PROPERTY) == Some(twin)).map(|c| c.id())
    }

    /// The customer the engine made for this person, else the one somebody entered.
    pub(super) fn customer_in(&self, stripe: &FakeStripe) -> Option<String> {
        let twin = self.contact.as_ref().map(RecordId::as_str);
        let key = format!("metadata.{TWIN_KEY}");
        let ours = stripe.customers().find(|c| twin.is_some() && c.get(&key) == twin).map(|c| c.id.clone());
        let entered = self.customer.as_ref().and_then(|id| stripe.customer(id)).filter(|c| !c.deleted);
        ours.or_else(|| entered.map(|c| c.id.clone()))
    }
}

/// The first address of a person.
pub(super) fn address(person: usize) -> String {
    format!("p{person}@example.com")
}

/// An address that HubSpot will not take.
fn invalid_address(person: usize, n: u64) -> String {
    format!("p{person}.{n}@example{NO_SUCH_DOMAIN}")
}

/// Whether an address is one that HubSpot will not take.
pub(super) fn is_invalid(address: &str) -> bool {
    address.ends_with(NO_SUCH_DOMAIN)
}

const NO_SUCH_DOMAIN: &str = ".con";

/// Everybody, in a world.
pub(super) struct People {
    world: Arc<World>,
    pub(super) all: Vec<Person>,
    gone: bool,
}

impl People {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world, all: vec![Person::default(); 16], gone: false }
    }

    /// The numbers of those whom somebody entered on both sides.
    pub(super) fn doubled(&self) -> Vec<usize> {
        self.all
            .iter()
            .enumerate()
            .filter(|(_, person)| person.is_doubled())
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether any record was deleted.
    pub(super) fn is_anybody_gone(&self) -> bool {
        self.gone
    }

    /// Does what a step says. What is impossible is not done.
    pub(super) fn perform(&mut self, step: &Step) {
        self.world.trace.note(format!("step    {step:?}"));
        match step {
            Step::Create { person, side, invalid, filled, n } => {
                for there in Side::BOTH.into_iter().filter(|s| side.is_none_or(|side| side == *s)) {
                    self.create(*person, there, *invalid && side.is_some(), (*filled, *n));
                }
            }
            Step::Import { first, count, n } => self.import(*first..first + count, *n),
            Step::Edit { person, side, what, how, n } => self.edit(*person, *side, (*what, *how, *n)),
            Step::Pay { person, guest, n } => self.pay(*person, *guest, *n),
            Step::Delete { person, side } => self.delete(*person, *side),
            Step::Merge { into, other } => self.merge(*into, *other),
            Step::Fault { side, target, times, kind } => self.sabotage(*side, *target, *times, *kind),
            Step::Clock { ms, for_ms } => self.jump(*ms, Duration::from_millis(*for_ms)),
            Step::Outage { side, minutes } => {
                let minutes = Duration::from_secs(60 * minutes);
                match *side {
                    HUBSPOT => self.world.hubspot.go_dark(minutes),
                    STRIPE => self.world.stripe.go_dark(minutes),
                }
            }
            Step::Crash { polls: None, down_ms } => {
                self.world.order(Order::Crash(Duration::from_millis(*down_ms)));
            }
            Step::Crash { polls: Some(polls), down_ms } => {
                self.world.light_fuse(*polls, Duration::from_millis(*down_ms));
            }
            Step::Restart { down_ms } => self.world.order(Order::Restart(Duration::from_millis(*down_ms))),
            Step::Store { after, trouble } => self.world.store.plan(*after, *trouble),
        }
    }

    /// All faults end.
    pub(super) fn heal(&self) {
        self.world.trace.note("heal");
        self.world.hubspot.with(|h, _| {
            h.faults.clear();
            h.config.webhooks.drop_percent = 0;
        });
        self.world.stripe.with(|s, _| {
            s.faults.clear();
            s.config.webhooks.drop_percent = 0;
        });
        self.world.store.heal();
        self.world.fuse.store(0, Ordering::Relaxed);
    }

    fn create(&mut self, index: usize, side: Side, invalid: bool, (filled, n): ([bool; 3], u64)) {
        let person = &mut self.all[index];
        let (here, there) = match side {
            HUBSPOT => (person.contact.is_some(), person.customer.is_some()),
            _ => (person.customer.is_some(), person.contact.is_some()),
        };
        if here || (there && person.readdressed) {
            return;
        }
        let email = if invalid && side == STRIPE && !there {
            person.readdressed = true;
            invalid_address(index, n)
        } else {
            address(index)
        };
        let text = |given: bool, what| if given { typed(what, index, n, side) } else { String::new() };
        let (first, last) = (text(filled[0], What::First), text(filled[1], What::Last));
        let phone = text(filled[2], What::Phone);
        if side == STRIPE {
            let name = [first.as_str(), last.as_str()].join(" ").trim().to_owned();
            let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
            let id = self.world.stripe.with(|s, now| {
                s.person_creates(now, Some(&email), some(&name).as_deref(), some(&phone).as_deref())
            });
            person.customer = Some(id);
            return;
        }
        let values =
            [("email", email.as_str()), ("firstname", &first), ("lastname", &last), ("phone", &phone)];
        // Refused when the engine was faster.
        person.contact = self.world.hubspot.with(|h, now| h.person_creates(now, &values)).ok();
    }

    fn import(&mut self, people: std::ops::Range<usize>, n: u64) {
        for index in people {
            let person = &mut self.all[index];
            if person.readdressed || person.messy {
                continue;
            }
            let (email, phone) = (address(index), typed(What::Phone, index, n, HUBSPOT));
            let row = vec![("email", email.as_str()), ("phone", phone.as_str())];
            let known = self.world.hubspot.with(|h, now| {
                let known: Vec<RecordId> = h.contacts().map(|c| c.id()).collect();
                let ids = h.imports(now, &[row]);
                ids.into_iter().find(|id| !known.contains(id))
            });
            if person.contact.is_none() {
                person.contact = known;
            }
        }
    }

    fn edit(&mut self, index: usize, side: Side, (what, how, n): (What, How, u64)) {
        let person = &mut self.all[index];
        if what == What::Email && (person.is_doubled() || person.messy) {
            return;
        }
        let value = match how {
            How::Clear => None,
            How::Invalid if what == What::Email => Some(invalid_address(index, n)),
            How::Set | How::Invalid => Some(typed(what, index, n, side)),
        };
        let person = &self.all[index];
        let done = match side {
            HUBSPOT => self.world.hubspot.with(|h, now| {
                let id = person.contact_in(h);
                id.is_some_and(|id| h.person_edits(now, &id, &[(property(what), value.as_deref())]).is_ok())
            }),
            STRIPE => self.world.stripe.with(|s, now| {
                let Some(id) = person.customer_in(s) else { return false };
                let (name, value) = stripe_edit(s, &id, what, value);
                s.person_edits(now, &id, &[(name, value.as_deref())])
            }),
        };
        self.all[index].readdressed |= done && what == What::Email;
    }

    fn pay(&mut self, index: usize, guest: bool, n: u64) {
        let person = &self.all[index];
        let minor = 100 + i64::try_from(n).unwrap_or(0) * 37;
        self.world.stripe.with(|s, now| {
            if s.config.webhooks.url.is_none() {
                // Nobody would ever hear of it.
                return;
            }
            let customer = person.customer_in(s).filter(|_| !guest);
            let email = address(index);
            s.pays(now, customer.as_deref(), Some(&email), (minor, "usd"));
        });
    }

    fn delete(&mut self, index: usize, side: Side) {
        let person = &self.all[index];
        let done = match side {
            HUBSPOT => self
                .world
                .hubspot
                .with(|h, now| person.contact_in(h).is_some_and(|id| h.person_deletes(now, &id))),
            STRIPE => self
                .world
                .stripe
                .with(|s, now| person.customer_in(s).is_some_and(|id| s.person_deletes(now, &id))),
        };
        self.all[index].messy |= done;
        self.gone |= done;
    }

    fn merge(&mut self, into: usize, other: usize) {
        let (primary, second) = (&self.all[into], &self.all[other]);
        let done = self.world.hubspot.with(|h, now| {
            let ids = primary.contact_in(h).zip(second.contact_in(h)).filter(|(a, b)| a != b);
            ids.is_some_and(|(a, b)| h.person_merges(now, &a, &b).is_ok())
        });
        if done {
            self.all[into].messy = true;
            self.all[other].messy = true;
        }
    }

    fn jump(&self, ms: i64, stays: Duration) {
        let clock = self.world.engine_clock.clone();
        clock.jump(ms);
        if !stays.is_zero() {
            tokio::spawn(async move {
                tokio::time::sleep(stays).await;
                clock.jump(-ms);
            });
        }
    }

    fn sabotage(&self, side: Side, target: Target, times: u32, kind: Kind) {
        let fault = match kind {
            Kind::Refuse(status) => Fault::Refuse(status, None),
            Kind::FailAfter(status) => Fault::FailAfter(status),
            Kind::LoseAnswer => Fault::LoseAnswer,
            Kind::Drop => Fault::Drop,
            Kind::Slow(ms) => Fault::Slow(Duration::from_millis(ms)),
        };
        let contacts = "/crm/v3/objects/contacts";
        let (method, path) = match (side, target) {
            (_, Target::Any) => (None, ""),
            (HUBSPOT, Target::Lists) => (Some(Method::GET), contacts),
            (STRIPE, Target::Lists) => (Some(Method::GET), "/v1/customers"),
            (HUBSPOT, Target::Reads) => (Some(Method::POST), "/crm/v3/objects/contacts/batch/read"),
            (HUBSPOT, Target::Writes) => (None, contacts),
            (HUBSPOT, Target::Events) => (Some(Method::POST), "/events/"),
            (STRIPE, Target::Reads) => (Some(Method::GET), ""),
            (STRIPE, Target::Writes | Target::Events) => (Some(Method::POST), ""),
        };
        match side {
            HUBSPOT => self.world.hubspot.with(|h, _| h.faults.plan(method, path, times, fault)),
            STRIPE => self.world.stripe.with(|s, _| s.faults.plan(method, path, times, fault)),
        }
    }
}

/// What somebody types: something nobody ever typed before.
fn typed(what: What, person: usize, n: u64, side: Side) -> String {
    // No digits: a name with digits is taken for a company's.
    // What is entered on both sides at once is sometimes the same, sometimes not.
    let n = if side == STRIPE && n % 2 == 1 { n + 50 } else { n };
    let letters: String = format!("{n:02}").bytes().map(|b| char::from(b - b'0' + b'a')).collect();
    match what {
        What::First if n % 3 == 0 => format!("Fir{letters} Ann"),
        What::First => format!("Fir{letters}"),
        What::Last if n % 4 == 0 => format!("van Las{letters}"),
        What::Last => format!("Las{letters}"),
        What::Phone => format!("+1 555 01{n:04}"),
        What::Email if side == STRIPE && n % 5 == 0 => format!("P{person}.{n}@Example.com"),
        What::Email => format!("p{person}.{n}@example.com"),
    }
}

fn property(what: What) -> &'static str {
    match what {
        What::Email => "email",
        What::First => "firstname",
        What::Last => "lastname",
        What::Phone => "phone",
    }
}

/// Whoever edits a first or last name at Stripe retypes the whole name.
fn stripe_edit(
    stripe: &FakeStripe,
    id: &str,
    what: What,
    value: Option<String>,
) -> (&'static str, Option<String>) {
    let field = match what {
        What::Email => return ("email", value),
        What::Phone => return ("phone", value),
        What::First => FIRST_NAME,
        What::Last => LAST_NAME,
    };
    let mapping = connector_stripe::mapping();
    let shown = stripe.customer(id).map(|c| c.properties.clone()).unwrap_or_default();
    let mut native: Properties = mapping.properties().map(|p| (p.to_owned(), None)).collect();
    native.extend(shown.into_iter().map(|(name, value)| (name, Value::new(value))));
    let mut fields = mapping.get(&native);
    fields.insert(field, value.and_then(Value::new));
    let halves = [FIRST_NAME, LAST_NAME].map(|half| fields.get(&half).cloned().flatten());
    let words: Vec<&str> = halves.iter().flatten().map(Value::as_str).collect();
    ("name", Some(words.join(" ")).filter(|name| !name.is_empty()))
}
