//! The import: N contacts into HubSpot at 10,000 a minute, against 100 Stripe calls a second, beside what is possible.

use std::time::Duration;

use sync_core::testing::fake::{Actor, What};

use crate::scenario::Play;

/// Contacts imported a second: 10,000 a minute.
const ARRIVAL: f64 = 10_000.0 / 60.0;
/// Stripe calls a second; one contact needs at least one.
const SERVICE: f64 = 100.0;
/// Visible within this many seconds is on time.
const PROMISE: f64 = 30.0;
/// Contacts in one go of the import.
const GO: usize = 100;

/// What no software can beat: one call for each contact, at the full rate from the first moment.
struct Optimum {
    makespan: f64,
    worst: f64,
    in_order: usize,
    any_order: usize,
}

impl Optimum {
    fn of(count: usize) -> Self {
        let n = count as f64;
        let arrival = n / ARRIVAL;
        let makespan = arrival.max(n / SERVICE);
        // The k-th contact arrives at k / ARRIVAL and is served, in order, at k / SERVICE.
        let lag = 1.0 / SERVICE - 1.0 / ARRIVAL;
        let in_order = (PROMISE / lag).min(n) as usize;
        let any_order = (SERVICE * (arrival + PROMISE)).min(n) as usize;
        Self { makespan, worst: n * lag, in_order, any_order }
    }
}

pub(crate) async fn play(play: &mut Play, count: usize) -> bool {
    let optimum = Optimum::of(count);
    println!("\nImporting {count} contacts at 10,000 a minute, against 100 Stripe calls a second");
    let bar = play.show.count(count);
    let from = play.world.stripe.with(|s, _| s.oracle().changes().len());
    let start = play.world.hubspot.with(|_, now| now);
    let began = tokio::time::Instant::now();
    let deadline = Duration::from_secs_f64(optimum.makespan * 1.5 + 60.0);
    let mut imported = 0;
    loop {
        let due = ((began.elapsed().as_secs_f64() * ARRIVAL) as usize).min(count);
        while imported < due {
            import(play, imported..(imported + GO).min(count));
            imported = (imported + GO).min(count);
        }
        let created = created(play, from).count();
        match &bar {
            Some(bar) => bar.set_position(created as u64),
            None if began.elapsed().as_millis() % 5_000 < 100 => println!("  {created}/{count}"),
            None => {}
        }
        if created == count || began.elapsed() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    report(play, from, start, (count, optimum))
}

fn import(play: &Play, rows: std::ops::Range<usize>) {
    let emails: Vec<String> = rows.map(|n| format!("import{n}@example.com")).collect();
    let rows: Vec<Vec<(&str, &str)>> = emails
        .iter()
        .map(|email| vec![("email", email.as_str()), ("firstname", "Imported"), ("lastname", "Person")])
        .collect();
    play.world.hubspot.with(|h, now| h.imports(now, &rows));
}

/// When each customer was created, and for which email.
fn created(play: &Play, from: usize) -> impl Iterator<Item = (String, sync_core::model::Timestamp)> {
    let changes = play.world.stripe.with(|s, _| s.oracle().changes()[from..].to_vec());
    changes.into_iter().filter_map(|c| {
        let ours = c.what == What::Created && matches!(c.actor, Actor::Api(_));
        let email = c.properties.get("email").cloned().flatten()?;
        ours.then_some((email, c.at))
    })
}

fn report(
    play: &Play,
    from: usize,
    start: sync_core::model::Timestamp,
    (count, optimum): (usize, Optimum),
) -> bool {
    let arrived: std::collections::BTreeMap<String, _> = play.world.hubspot.with(|h, _| {
        let imports =
            h.oracle().changes().iter().filter(|c| c.what == What::Created && c.actor == Actor::Import);
        imports.filter_map(|c| Some((c.properties.get("email").cloned().flatten()?, c.at))).collect()
    });
    let lags: Vec<f64> = created(play, from)
        .filter_map(|(email, at)| Some(at.since(*arrived.get(&email)?).as_secs_f64()))
        .collect();
    let makespan = created(play, from).map(|(_, at)| at.since(start).as_secs_f64()).fold(0.0, f64::max);
    let on_time = lags.iter().filter(|l| **l <= PROMISE).count();
    let worst = lags.iter().copied().fold(0.0, f64::max);
    println!("                          measured   optimum");
    println!("  makespan              {makespan:>9.1} s {:>7.1} s", optimum.makespan);
    println!("  worst wait            {worst:>9.1} s {:>7.1} s (oldest first)", optimum.worst);
    println!(
        "  on time (30 s)        {on_time:>9}   {:>7}   (oldest first; {} in the best of all orders)",
        optimum.in_order, optimum.any_order
    );
    println!("  created               {:>9}   {count:>7}", lags.len());
    lags.len() == count
}
