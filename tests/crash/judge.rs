//! What is demanded in the end. Only the emulators' own records count, and that the engine's own sums add up.

use std::time::Duration;

use stage::{Card, Truth, World};
use sync_core::model::entity::PHONE;
use sync_core::testing::fake::{Change, FakeSystem};
use tokio::time::{Instant, sleep};

use crate::moments::{Crashes, calls, is_made_by_us, is_write};
use crate::people::{At, People, Person};

const GLANCE: Duration = Duration::from_millis(100);
/// Most complaints shown.
const SHOWN: usize = 20;

/// Waits until every person, word and payment is where it should be and the engine has nothing left to do.
pub(crate) async fn in_step(crashes: &Crashes, patience: Duration) -> Result<(), String> {
    let deadline = Instant::now() + patience;
    loop {
        let mut complaints = complaints(&crashes.people, &Truth::of(&crashes.world));
        complaints.extend(unfinished(crashes).await?);
        if complaints.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(shortened(&complaints));
        }
        sleep(GLANCE).await;
    }
}

/// P6: a quiet system writes nothing, and stays as it should be.
pub(crate) async fn quiet(crashes: &Crashes, time: Duration) -> Result<(), String> {
    let before = calls(&crashes.world, At::Both, is_write);
    sleep(time).await;
    let written = calls(&crashes.world, At::Both, is_write) - before;
    let complaints = complaints(&crashes.people, &Truth::of(&crashes.world));
    match (written, complaints.is_empty()) {
        (0, true) => Ok(()),
        (0, false) => Err(shortened(&complaints)),
        _ => Err(format!("P6: {written} writes while all was quiet")),
    }
}

/// P9: no kill buys calls beyond the limits.
pub(crate) fn budgets(world: &World) -> Result<(), String> {
    let second = Duration::from_secs(1);
    let hubspot = world.hubspot.with(|h, _| h.calls().most_in_any(second));
    let stripe = world.stripe.with(|s, _| s.calls().most_in_any(second));
    if hubspot <= 15 && stripe <= 100 {
        return Ok(());
    }
    Err(format!("P9: {hubspot} calls to HubSpot (limit 15) and {stripe} to Stripe (limit 100) in one second"))
}

fn shortened(complaints: &[String]) -> String {
    let shown = complaints.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    format!("{} complaints\n{shown}", complaints.len())
}

fn complaints(people: &People, truth: &Truth) -> Vec<String> {
    let mut found: Vec<String> = people.all.iter().flat_map(|person| about(person, truth)).collect();
    let stray = |card: &&Card| !people.all.iter().any(|p| p.email.last() == card.email());
    let strays = truth.contacts.iter().chain(&truth.customers).filter(stray);
    let about =
        |card: &Card| format!("P3: {} belongs to nobody; its story:{}", card.email(), story(truth, &[card]));
    found.extend(strays.map(about));
    found.extend(people.payments.iter().filter_map(|(id, who)| untold(id, &people.all[*who], truth)));
    if truth.events.len() > people.payments.len() {
        found.push("P8: more custom events than payments".to_owned());
    }
    found
}

/// P1, P3 and P5 for one person.
fn about(person: &Person, truth: &Truth) -> Vec<String> {
    let email = person.email.last();
    let mut found = Vec::new();
    for (system, changes) in [("HubSpot", &truth.hubspot), ("Stripe", &truth.stripe)] {
        let made = changes.iter().filter(|change| is_made_for(change, person)).count();
        if made > 1 {
            found.push(format!("P3: {email} was created {made} times in {system}"));
        }
    }
    let of =
        |cards: &'_ [Card]| -> Vec<Card> { cards.iter().filter(|c| c.email() == email).cloned().collect() };
    let (contacts, customers) = (of(&truth.contacts), of(&truth.customers));
    // Who was created on both sides at once may be met by our record before the person's own one is heard of.
    let most = if person.home == At::Both { 2 } else { 1 };
    let [contact] = contacts.as_slice() else {
        found.push(format!("P1/P3: {email} has {} contacts", contacts.len()));
        return found;
    };
    if customers.is_empty() || customers.len() > most {
        found.push(format!("P1/P3: {email} ({:?}) has {} customers", person.home, customers.len()));
        return found;
    }
    let mut stand = customers.iter().map(|customer| as_said(person, [contact, customer], truth));
    if stand.clone().all(|result| result.is_err()) {
        found.extend(stand.next().and_then(Result::err));
    }
    found
}

/// Both records show what was said last.
fn as_said(person: &Person, cards: [&Card; 2], truth: &Truth) -> Result<(), String> {
    let email = person.email.last();
    for (what, words, shown) in [
        ("name", &person.name, cards.map(|card| card.full_name.as_str())),
        ("phone", &person.phone, cards.map(|card| card.text(&PHONE))),
    ] {
        if shown[0] != shown[1] || !words.may_stand().contains(&shown[0]) {
            let last = words.may_stand();
            return Err(format!(
                "P1/P5: {email}: {what} is {shown:?}, the last word {last:?}; {}",
                story(truth, &cards)
            ));
        }
    }
    Ok(())
}

/// All that happened to some records, for whoever has to find out why.
fn story(truth: &Truth, cards: &[&Card]) -> String {
    let changes = truth.hubspot.iter().chain(&truth.stripe);
    let of_cards = changes.filter(|change| cards.iter().any(|card| card.id == change.record));
    let told =
        of_cards.map(|c| format!("\n    {} {:?} {:?} {:?}", c.at.as_millis(), c.what, c.actor, c.properties));
    told.collect()
}

fn is_made_for(change: &Change, person: &Person) -> bool {
    let email = change.properties.get("email").and_then(Option::as_deref).unwrap_or_default();
    is_made_by_us(change) && person.email.all().any(|known| known == email)
}

/// P8 for one payment.
fn untold(payment: &str, person: &Person, truth: &Truth) -> Option<String> {
    let told: Vec<&str> = truth.events.iter().filter(|e| e[1] == payment).map(|e| e[0].as_str()).collect();
    let contact = truth.contact(person.email.last()).map(|card| card.id.as_str());
    let right = told.len() == 1 && told.first().copied() == contact;
    (!right).then(|| format!("P8: {payment} of {contact:?} was told of {told:?}"))
}

/// What is still under way, and P10: the counts add up to what was taken.
async fn unfinished(crashes: &Crashes) -> Result<Vec<String>, String> {
    let status = crashes.world.api("status").await.map_err(|e| e.to_string())?;
    let count = |key: &str| status["counts"][key].as_u64().unwrap_or(u64::MAX);
    let fates = ["applied", "superseded", "noop", "quarantined", "pending"];
    let sum = fates.iter().map(|fate| count(fate)).fold(0, u64::saturating_add);
    let letters = crashes.world.api("dead-letters").await.map_err(|e| e.to_string())?;
    let letters = letters["dead_letters"].as_array().map_or(0, Vec::len) as u64;
    let heard = crashes.world.posted().borrow().events as u64 + crashes.gibberish;
    let on_the_way = crashes.world.hubspot.with(|h, _| h.waiting_events())
        + crashes.world.stripe.with(|s, _| usize::from(s.next_due().is_some()));
    // What is least urgent may wait for company still: records that have to be told of their twins.
    let none = |side: &str, what: &str| status["sides"][side][what] == 0;
    let idle = ["left", "right"].into_iter().all(|side| none(side, "waiting") && none(side, "under_way"));
    let demands = [
        (idle, "calls are to be made"),
        (count("taken") == sum, "P10: the counts do not add up"),
        (count("taken") >= heard, "P1: fewer events taken than acknowledged"),
        (count("pending") == 0, "P10: events are pending"),
        (count("quarantined") == crashes.gibberish, "P10: not just what nobody can understand is set aside"),
        (letters == crashes.gibberish, "P10: not just what nobody can understand is listed"),
        (on_the_way == 0, "webhooks are under way"),
    ];
    let unmet = demands.into_iter().filter(|(met, _)| !met);
    Ok(unmet
        .map(|(_, what)| format!("{what}: {heard} acknowledged, {letters} listed, {}", status["counts"]))
        .collect())
}
