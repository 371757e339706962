//! People who create, edit and buy, and what they said last.

use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use stage::World;
use sync_core::model::{RecordId, Timestamp};

use crate::chance::Chance;

/// Stripe's clock has whole seconds: two words of different sides that are closer than this came at the same time.
const TICK: Duration = Duration::from_secs(1);

/// Where something was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    HubSpot,
    Stripe,
    /// On both sides at once, by two people who do not know of each other.
    Both,
}

/// Everything that was typed into one field of one person.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<(Timestamp, At, String)>);

impl Words {
    fn say(&mut self, now: Timestamp, at: At, value: &str) {
        self.0.push((now, at, value.to_owned()));
    }

    /// What was typed last.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map_or("", |(_, _, value)| value)
    }

    /// What may stand in the end: the last word, or the other side's last word if no clock can tell which came later.
    pub(crate) fn may_stand(&self) -> Vec<&str> {
        let Some((last_at, last_side, last)) = self.0.last() else { return vec![""] };
        let other = self.0.iter().rev().find(|(_, side, _)| side != last_side);
        let as_late = other.filter(|(at, ..)| last_at.since(*at) < TICK);
        std::iter::once(last.as_str()).chain(as_late.map(|(_, _, value)| value.as_str())).collect()
    }

    /// Everything that ever stood there.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, _, value)| value.as_str())
    }
}

/// One person. Email and name are only ever edited where the person was created, the phone on both sides: so for email
/// and name the last word is beyond dispute.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) home: At,
    pub(crate) email: Words,
    pub(crate) name: Words,
    pub(crate) phone: Words,
}

/// Everybody, and what they paid.
pub(crate) struct People {
    /// While no webhook arrives, what is found at Stripe is dated by when it is found: nobody can say who was later.
    pub(crate) nobody_edits: bool,
    pub(crate) all: Vec<Person>,
    /// Payment id, and who paid.
    pub(crate) payments: Vec<(String, usize)>,
    /// Edits so far. No two edits type the same.
    pub(crate) edits: usize,
    chance: Chance,
}

impl People {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            nobody_edits: false,
            all: Vec::new(),
            payments: Vec::new(),
            edits: 0,
            chance: Chance::new(seed),
        }
    }

    /// Somebody does something.
    pub(crate) fn act(&mut self, world: &World) {
        match self.chance.below(100) {
            0..20 => self.created(world, At::HubSpot),
            20..35 => self.created(world, At::Stripe),
            35..40 => self.created(world, At::Both),
            40..75 if self.nobody_edits => self.created(world, At::HubSpot),
            40..60 => self.edited(world, Self::phones),
            60..70 => self.edited(world, Self::renames),
            70..75 => self.edited(world, Self::moves),
            75..80 => {
                self.created(world, At::Stripe);
                self.pays(world, self.all.len() - 1);
            }
            _ => {
                let who = self.anybody();
                self.pays(world, who);
            }
        }
    }

    /// Something that must be written to Stripe, or to HubSpot.
    pub(crate) fn act_for(&mut self, world: &World, far: At) {
        self.created(world, if far == At::Stripe { At::HubSpot } else { At::Stripe });
    }

    fn anybody(&mut self) -> usize {
        usize::try_from(self.chance.below(self.all.len() as u64)).unwrap_or(0)
    }

    fn created(&mut self, world: &World, home: At) {
        let n = self.all.len();
        let (email, last) = (format!("p{n}@example.com"), format!("Person{}", letters(n)));
        let [left, right] = [format!("+1555{n:07}"), format!("+1666{n:07}")];
        let mut person =
            Person { home, email: Words::default(), name: Words::default(), phone: Words::default() };
        let name = format!("Pat {last}");
        if home != At::HubSpot {
            let now = world.stripe.with(|s, now| {
                s.person_creates(now, Some(&email), Some(&name), Some(&right));
                now
            });
            person.phone.say(now, At::Stripe, &right);
        }
        if home != At::Stripe {
            let values =
                [("email", email.as_str()), ("firstname", "Pat"), ("lastname", &last), ("phone", &left)];
            let (created, now) = world.hubspot.with(|h, now| (h.person_creates(now, &values), now));
            assert!(created.is_ok(), "HubSpot refuses {values:?}: {created:?}");
            person.phone.say(now, At::HubSpot, &left);
        }
        person.email.say(Timestamp::EPOCH, home, &email);
        person.name.say(Timestamp::EPOCH, home, &name);
        self.all.push(person);
    }

    fn edited(&mut self, world: &World, edit: impl FnOnce(&mut Self, &World, usize)) {
        if self.all.is_empty() {
            return self.created(world, At::HubSpot);
        }
        let who = self.anybody();
        self.edits += 1;
        edit(self, world, who);
    }

    fn phones(&mut self, world: &World, who: usize) {
        // Who was created twice may have a second customer, whose edits do not count.
        let at = match self.all[who].home {
            At::Both => At::HubSpot,
            _ => *self.chance.one(&[At::HubSpot, At::Stripe]).unwrap_or(&At::HubSpot),
        };
        let phone = format!("+1777{:07}", self.edits);
        if let Some(now) = self.edit(world, who, at, [("phone", &phone), ("phone", &phone)]) {
            self.all[who].phone.say(now, at, &phone);
        }
    }

    fn renames(&mut self, world: &World, who: usize) {
        let last = format!("Renamed{}", letters(self.edits));
        let (at, name) = (self.home(who), format!("Pat {last}"));
        if let Some(now) = self.edit(world, who, at, [("lastname", &last), ("name", &name)]) {
            self.all[who].name.say(now, at, &name);
        }
    }

    fn moves(&mut self, world: &World, who: usize) {
        let (at, email) = (self.home(who), format!("moved{}@example.com", self.edits));
        if !self.may_move(who) {
            return self.renames(world, who);
        }
        if let Some(now) = self.edit(world, who, at, [("email", &email), ("email", &email)]) {
            self.all[who].email.say(now, at, &email);
        }
    }

    fn home(&self, who: usize) -> At {
        if self.all[who].home == At::Stripe { At::Stripe } else { At::HubSpot }
    }

    /// Edits the record with the person's email, if it is there yet; what is typed in HubSpot, and in Stripe.
    fn edit(&self, world: &World, who: usize, at: At, [left, right]: [(&str, &str); 2]) -> Option<Timestamp> {
        let email = self.all[who].email.last();
        if at == At::Stripe {
            return world.stripe.with(|s, now| {
                let id = customer(s, email)?;
                s.person_edits(now, &id, &[(right.0, Some(right.1))]).then_some(now)
            });
        }
        world.hubspot.with(|h, now| {
            let id = contact(h, email)?;
            h.person_edits(now, &id, &[(left.0, Some(left.1))]).ok().map(|()| now)
        })
    }

    /// Whether the email may change. Not of those who were created twice: if one record moves away before they are known
    /// to be one person's, they are two people's.
    fn may_move(&self, who: usize) -> bool {
        who.is_multiple_of(3) && self.all[who].home != At::Both
    }

    /// As a customer if there is one, otherwise as a guest who leaves an email that will not change.
    fn pays(&mut self, world: &World, who: usize) {
        let Some(person) = self.all.get(who) else { return };
        let email = person.email.last();
        let stays = !self.may_move(who);
        let payment = world.stripe.with(|s, now| {
            let customer = customer(s, email);
            let guest = Some(email).filter(|_| stays && customer.is_none());
            (customer.is_some() || guest.is_some())
                .then(|| s.pays(now, customer.as_deref(), guest, (1234, "usd")))
        });
        self.payments.extend(payment.map(|payment| (payment, who)));
    }
}

/// A number in letters. (A name with digits in it would be taken for a company's.)
fn letters(mut n: usize) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'a' + u8::try_from(n % 26).unwrap_or(0)));
        n /= 26;
        if n == 0 {
            return text;
        }
    }
}

fn contact(hubspot: &FakeHubSpot, email: &str) -> Option<RecordId> {
    hubspot.contacts().find(|c| c.property("email") == Some(email)).map(|c| c.id())
}

fn customer(stripe: &FakeStripe, email: &str) -> Option<String> {
    stripe.customers().find(|c| c.get("email") == Some(email)).map(|c| c.id.clone())
}
