//! Does the engine keep what it accepted, whatever the disk does?

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write,
};
use sync_core::journal::{Arrival, Journal};
use sync_core::mapping::Mapping;
use sync_core::model::{Author, Class, Entity, News, RecordId, Side, Timestamp};
use sync_core::store::StoreError;
use sync_core::{AcceptError, Engine};
use tokio::task::JoinSet;

use crate::disk::{Disk, Image};
use crate::open;

/// A system whose webhooks are the id of a record and nothing else, and that holds no record.
struct Empty(Description);

#[async_trait]
impl Connector for Empty {
    fn describe(&self) -> &Description {
        &self.0
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        let id = RecordId::new(String::from_utf8_lossy(delivery.body()));
        let (author, class) = (Author::Other, Class::Edit);
        Ok(vec![News::Changed { id, at: now, author, class, property: None }])
    }

    async fn read(&self, _: &Query) -> Result<Answer, Error> {
        Ok(Answer::default())
    }

    async fn write(&self, _: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        Err(Error::Unavailable { reason: "read only".to_owned(), retry_after: None })
    }
}

async fn engine(disk: &Disk) -> Engine {
    Engine::builder(Entity::person())
        .left(Empty(Description::default()), Mapping::new())
        .right(Empty(Description::default()), Mapping::new())
        .store(open(disk).unwrap())
        .build()
        .await
        .unwrap()
}

async fn accept(engine: &Engine, id: usize) -> Result<usize, AcceptError> {
    engine.accept(Side::Left, &Delivery::new(Bytes::from(id.to_string()))).await
}

/// The ids in the inbox that is found on a disk with this content.
async fn accepted(image: Image) -> Vec<String> {
    let journal = Journal::open(Arc::new(open(&Disk::with(image)).unwrap())).await.unwrap();
    let rows = journal.inbox(0, usize::MAX).await.unwrap();
    let id = |(_, arrival): &(u64, Arrival)| match &arrival.news {
        News::Changed { id, .. } => id.to_string(),
        other => panic!("{other:?}"),
    };
    rows.iter().map(id).collect()
}

#[tokio::test]
async fn is_nothing_accepted_before_a_sync_that_covers_it() {
    let disk = Disk::default();
    let engine = engine(&disk).await;
    for id in 0..20 {
        accept(&engine, id).await.unwrap();
        let unsynced_lost = disk.after_power_cut(disk.operations(), || false);
        let found = accepted(unsynced_lost).await;
        assert!(found.contains(&id.to_string()), "{id} was accepted before it was durable: {found:?}");
    }
}

#[tokio::test]
async fn do_many_deliveries_share_syncs_and_is_none_accepted_too_early() {
    let disk = Disk::default();
    let engine = engine(&disk).await;
    let lone = {
        let before = disk.syncs();
        accept(&engine, 1_000).await.unwrap();
        disk.syncs() - before
    };
    let before = disk.syncs();
    let stalled = disk.stall();
    let mut deliveries = JoinSet::new();
    for id in 0..64 {
        let (engine, disk) = (engine.clone(), disk.clone());
        deliveries.spawn(async move {
            accept(&engine, id).await.unwrap();
            (id, disk.operations())
        });
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(stalled);
    let told = deliveries.join_all().await;
    let syncs = disk.syncs() - before;
    // The first may go alone, and there may be a checkpoint. One at a time it would be 64.
    assert!(syncs <= 16 * lone, "{syncs} syncs for 64 deliveries, {lone} for one");
    for (id, operations) in told {
        let found = accepted(disk.after_power_cut(operations, || false)).await;
        assert!(found.contains(&id.to_string()), "{id}");
    }
}

#[tokio::test]
async fn does_what_was_accepted_survive_a_power_cut_at_any_operation() {
    let disk = Disk::default();
    let engine = engine(&disk).await;
    let mut told = vec![disk.operations()];
    for id in 0..8 {
        accept(&engine, id).await.unwrap();
        told.push(disk.operations());
    }
    let mut random = 1_u64;
    let mut coin = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 63 == 1
    };
    for cut in told[0]..=disk.operations() {
        let promised = told.iter().filter(|at| **at <= cut).count() - 1;
        for image in [disk.after_power_cut(cut, || false), disk.after_power_cut(cut, &mut coin)] {
            let found = accepted(image).await;
            assert!(found.len() >= promised, "cut at {cut}: {} of {promised}", found.len());
            assert!(found.iter().enumerate().all(|(n, id)| *id == n.to_string()), "cut at {cut}: {found:?}");
        }
    }
}

#[tokio::test]
async fn is_a_delivery_refused_when_the_disk_fails_at_any_operation_and_taken_afterwards() {
    let probe = Disk::default();
    let probing = engine(&probe).await;
    let before = probe.operations();
    accept(&probing, 0).await.unwrap();
    // Without the mark, which nobody waits for.
    let operations = probe.operations() - before - 1;

    for good in 0..operations {
        let disk = Disk::default();
        let engine = engine(&disk).await;
        disk.fail_after(good);
        let refused = accept(&engine, 1).await;
        assert!(
            matches!(refused, Err(AcceptError::Store(StoreError::Unavailable(_)))),
            "{good}: {refused:?}"
        );
        assert!(accept(&engine, 2).await.is_err(), "the disk still fails");
        assert!(engine.status().store_trouble.is_some());
        disk.heal();
        accept(&engine, 3).await.unwrap();
        let found = accepted(disk.after_power_cut(disk.operations(), || false)).await;
        assert!(found.contains(&"3".to_owned()), "{good}: {found:?}");
    }
}

#[tokio::test]
async fn is_a_delivery_refused_when_the_disk_is_full_and_taken_when_it_has_room_again() {
    let disk = Disk::default();
    let engine = engine(&disk).await;
    disk.fill();
    let large = async |n: usize| {
        let body = format!("{n}{}", "x".repeat(20_000));
        engine.accept(Side::Left, &Delivery::new(Bytes::from(body))).await
    };
    let mut taken = 0;
    let refusal = loop {
        match large(taken).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, AcceptError::Store(StoreError::Unavailable(_))), "{refusal:?}");
    disk.heal();
    large(taken).await.unwrap();
    let found = accepted(disk.after_power_cut(disk.operations(), || false)).await;
    assert!(found.len() > taken, "{} of {taken}", found.len());
}

#[tokio::test]
async fn does_the_engine_go_on_without_a_restart_when_a_failing_disk_is_well_again() {
    let disk = Disk::default();
    let engine = engine(&disk).await;
    accept(&engine, 1).await.unwrap();
    disk.fail_after(0);
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run(std::future::pending()).await }
    });
    let mut status = engine.watch();
    status.wait_for(|s| s.store_trouble.is_some()).await.unwrap();
    assert!(accept(&engine, 2).await.is_err(), "the disk still fails");
    disk.heal();
    accept(&engine, 3).await.unwrap();
    status.wait_for(|s| s.counts.taken >= 2 && s.store_trouble.is_none()).await.unwrap();
    assert!(!running.is_finished());
    running.abort();
}
