//! Does blanking many records at once stop and ask, while everything else goes on?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use sync_core::Engine;
use sync_core::brake::LEAST;
use sync_core::clock::Clock;
use sync_core::connector::WriteBody;
use sync_core::model::{News, Properties, Side, Sighting, Value};

use stage::{Stage, created, live, person, webhook};

/// People known to both systems.
const PEOPLE: u64 = 50;

fn name(n: u64) -> String {
    format!("p{n}")
}

async fn everybody(stage: &Stage, engine: &Engine) {
    let now = stage.left.clock.now();
    for n in 0..PEOPLE {
        engine.accept(Side::Left, &webhook(&created(&name(n), "1", now))).await.unwrap();
    }
}

/// Somebody gives a person on the left another phone number, or none.
async fn edits(stage: &Stage, engine: &Engine, n: u64, phone: Option<&str>) {
    let mut record = person(&name(n), "");
    record.properties.insert("phone".to_owned(), phone.and_then(Value::new));
    let previous = Properties::from([("phone".to_owned(), Value::new("1"))]);
    let mut sighting = Sighting::created(record, stage.left.clock.now());
    sighting.previous = Some(previous);
    engine.accept(Side::Left, &webhook(&News::Seen(Box::new(sighting)))).await.unwrap();
}

/// Lets an engine run while something happens to it.
async fn lives<F: Future<Output = ()>>(engine: &Engine, what: F) {
    tokio::select! {
        () = live(engine, 60) => panic!("it takes too long"),
        () = what => {}
    }
}

fn blanked(stage: &Stage) -> u64 {
    let state = stage.right.state();
    let clears = |body: &WriteBody| matches!(body, WriteBody::Update { properties, .. } if properties.values().any(Option::is_none));
    state.written.iter().filter(|row| clears(&row.body)).count() as u64
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
}

/// All phone numbers are cleared: the brake holds.
async fn braked() -> Stage {
    let stage = Stage::new();
    let engine = stage.engine().await;
    everybody(&stage, &engine).await;
    lives(&engine, async {
        seconds(5).await;
        for n in 0..PEOPLE {
            edits(&stage, &engine, n, None).await;
        }
        seconds(5).await;
    })
    .await;
    let status = engine.status();
    assert_eq!(blanked(&stage), LEAST, "P12");
    assert_eq!(
        status.sides.right.brake.map(|brake| (brake.blanked, brake.waiting)),
        Some((LEAST, PEOPLE - LEAST))
    );
    assert_eq!(status.counts.pending, PEOPLE - LEAST, "P10: what waits is pending");
    assert_eq!(status.sides.left.brake, None, "the other side is its own");
    stage
}

#[tokio::test(start_paused = true)]
async fn does_everything_else_go_on_while_the_brake_holds() {
    let stage = braked().await;
    let engine = stage.engine().await;
    let before = stage.right.state().written.len();
    lives(&engine, async {
        seconds(5).await;
        assert_eq!(stage.right.state().written.len(), before, "it outlives a restart");
        edits(&stage, &engine, PEOPLE - 1, Some("2")).await;
        let now = stage.left.clock.now();
        engine.accept(Side::Left, &webhook(&created("new", "1", now))).await.unwrap();
        seconds(5).await;
    })
    .await;
    assert_eq!(stage.right.state().written.len(), before + 2, "the edit and the new record");
    assert_eq!(blanked(&stage), LEAST, "P12");
    let brake = engine.status().sides.right.brake.unwrap();
    assert_eq!(brake.waiting, PEOPLE - LEAST - 1, "whose number was typed anew waits no longer");
}

#[tokio::test(start_paused = true)]
async fn is_all_that_waited_done_once_a_person_says_that_it_is_meant() {
    let stage = braked().await;
    let engine = stage.engine().await;
    lives(&engine, async {
        assert_eq!(engine.release_brake().await.unwrap(), PEOPLE - LEAST);
        seconds(5).await;
        assert_eq!(engine.release_brake().await.unwrap(), 0, "there is nothing to release");
    })
    .await;
    assert_eq!(blanked(&stage), PEOPLE);
    let status = engine.status();
    assert_eq!((status.sides.right.brake, status.counts.pending), (None, 0), "P10");
    assert_eq!(status.counts.taken, status.counts.applied + status.counts.noop + status.counts.superseded);
}
