//! What every [`Store`] must do, as a suite that its author can run.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::store::{Batch, Precondition, Rows, Store, StoreError, Table};

/// How many tasks work at once in the checks of concurrency.
const TASKS: u8 = 16;

/// Runs every check on a store and tells the first that failed.
///
/// `open(name)` opens the store called `name`, which is empty the first time. The suite opens each name but one only
/// once; that one it drops without any farewell, as a crash does, and opens again, to find all that was acknowledged.
/// Run it on tokio's multi-thread runtime, or the checks of concurrency prove little.
///
/// Not checked here: power cuts and failing disks, which need a backend that can lie.
///
/// # Errors
/// What the store did wrong.
pub async fn store<S: Store>(open: impl AsyncFn(&str) -> S) -> Result<(), String> {
    named("changes", changes_apply_in_order(&open("changes").await).await)?;
    named("tables", tables_are_apart(&open("tables").await).await)?;
    named("bytes", any_bytes_are_kept(&open("bytes").await).await)?;
    named("scans", scans_are_ordered(&open("scans").await).await)?;
    named("preconditions", preconditions_guard(&open("preconditions").await).await)?;
    named("refusal", a_refused_batch_changes_nothing(&open("refusal").await).await)?;
    named("race", one_of_many_wins(Arc::new(open("race").await)).await)?;
    named("own commits", commits_are_seen_at_once(Arc::new(open("own commits").await)).await)?;
    named("isolation", scans_see_whole_batches(Arc::new(open("isolation").await)).await)?;
    named("reopen", acknowledged_survives(&open).await)
}

async fn changes_apply_in_order<S: Store>(store: &S) -> Result<(), String> {
    let mut batch = Batch::default();
    batch.put(Table::Pairs, "twice", "first");
    batch.put(Table::Pairs, "twice", "second");
    batch.put(Table::Pairs, "gone", "there");
    batch.delete(Table::Pairs, "gone");
    batch.delete(Table::Pairs, "back");
    batch.put(Table::Pairs, "back", "again");
    batch.delete(Table::Pairs, "never there");
    commit(store, batch).await?;
    holds(store, Table::Pairs, b"twice", Some(b"second")).await?;
    holds(store, Table::Pairs, b"gone", None).await?;
    holds(store, Table::Pairs, b"back", Some(b"again")).await?;

    let mut batch = Batch::default();
    batch.delete(Table::Pairs, "twice");
    commit(store, batch).await?;
    commit(store, Batch::default()).await?;
    holds(store, Table::Pairs, b"twice", None).await?;
    let rows = scan(store, Table::Pairs, b"", 10).await?;
    ensure(keys(&rows) == [b"back"], "a scan after a delete shows exactly what is left")
}

async fn tables_are_apart<S: Store>(store: &S) -> Result<(), String> {
    let mut batch = Batch::default();
    for table in Table::ALL {
        batch.put(table, "key", table.name());
    }
    commit(store, batch).await?;
    for table in Table::ALL {
        holds(store, table, b"key", Some(table.name().as_bytes())).await?;
        ensure(scan(store, table, b"", 10).await?.len() == 1, "a scan shows rows of its own table only")?;
    }
    Ok(())
}

async fn any_bytes_are_kept<S: Store>(store: &S) -> Result<(), String> {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1024 * 1024).collect();
    let mut batch = Batch::default();
    batch.put(Table::Inbox, every_byte.clone(), every_byte.clone());
    batch.put(Table::Inbox, "empty value", "");
    batch.put(Table::Inbox, "", "empty key");
    batch.put(Table::Inbox, "large", large.clone());
    commit(store, batch).await?;
    holds(store, Table::Inbox, &every_byte, Some(&every_byte)).await?;
    holds(store, Table::Inbox, b"empty value", Some(b"")).await?;
    holds(store, Table::Inbox, b"", Some(b"empty key")).await?;
    holds(store, Table::Inbox, b"large", Some(&large)).await?;
    let rows = scan(store, Table::Inbox, b"large", 1).await?;
    ensure(rows == [(Bytes::from("large"), Bytes::from(large))], "a scan keeps a large value")
}

async fn scans_are_ordered<S: Store>(store: &S) -> Result<(), String> {
    let sorted: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"\xff\xff"];
    ensure(scan(store, Table::Due, b"", 10).await?.is_empty(), "an empty table has no rows")?;
    for key in [3, 0, 7, 1, 6, 2, 5, 4] {
        put(store, Table::Due, sorted[key], b"v").await?;
    }
    ensure(
        keys(&scan(store, Table::Due, b"", 10).await?) == sorted,
        "rows come in the order of their bytes",
    )?;
    ensure(keys(&scan(store, Table::Due, b"", 3).await?) == sorted[..3], "no more than `limit` rows")?;
    ensure(scan(store, Table::Due, b"", 0).await?.is_empty(), "a limit of none gives none")?;
    ensure(keys(&scan(store, Table::Due, b"a", 10).await?) == sorted[5..], "`from` itself is included")?;
    ensure(keys(&scan(store, Table::Due, b"\x02", 2).await?) == sorted[5..7], "`from` need not be there")?;
    ensure(scan(store, Table::Due, b"\xff\xff\0", 10).await?.is_empty(), "nothing is after the last key")
}

async fn preconditions_guard<S: Store>(store: &S) -> Result<(), String> {
    put(store, Table::Index, b"set", b"value").await?;
    let absent = |key: &'static str| Precondition::Absent(Table::Index, Bytes::from(key));
    let equals = |key: &'static str, value: &'static str| {
        Precondition::Equals(Table::Index, Bytes::from(key), Bytes::from(value))
    };
    let cases = [
        ("absent, and it is", vec![absent("free")], true),
        ("absent, but it is there", vec![absent("set")], false),
        ("absent in another table", vec![Precondition::Absent(Table::Pairs, Bytes::from("set"))], true),
        ("equal, and it is", vec![equals("set", "value")], true),
        ("equal, but it is longer", vec![equals("set", "val")], false),
        ("equal to nothing, but it has a value", vec![equals("set", "")], false),
        ("equal, but it is absent", vec![equals("free", "value")], false),
        ("equal to nothing, but it is absent", vec![equals("free", "")], false),
        ("both hold", vec![absent("free"), equals("set", "value")], true),
        ("only the first holds", vec![absent("free"), equals("set", "other")], false),
        ("only the last holds", vec![equals("set", "other"), absent("free")], false),
    ];
    for (name, preconditions, expected) in cases {
        let result = store.commit(Batch { preconditions, changes: Vec::new() }).await;
        let wanted = if expected { Ok(()) } else { Err(StoreError::Precondition) };
        ensure(result == wanted, &format!("{name}: got {result:?}"))?;
    }
    Ok(())
}

async fn a_refused_batch_changes_nothing<S: Store>(store: &S) -> Result<(), String> {
    put(store, Table::Pairs, b"kept", b"old").await?;
    let mut batch = Batch::default();
    batch.preconditions.push(Precondition::Absent(Table::Pairs, Bytes::from("kept")));
    batch.put(Table::Pairs, "kept", "new");
    batch.put(Table::Due, "added", "new");
    ensure(store.commit(batch).await == Err(StoreError::Precondition), "the batch is refused")?;
    holds(store, Table::Pairs, b"kept", Some(b"old")).await?;
    holds(store, Table::Due, b"added", None).await?;

    let mut batch = Batch::default();
    batch.preconditions.push(Precondition::Absent(Table::Pairs, Bytes::from("mine")));
    batch.put(Table::Pairs, "mine", "new");
    ensure(store.commit(batch).await == Ok(()), "conditions are on the state before the batch")
}

async fn one_of_many_wins<S: Store>(store: Arc<S>) -> Result<(), String> {
    let results = at_once(&store, async |store, task| {
        let mut batch = Batch::default();
        batch.preconditions.push(Precondition::Absent(Table::Index, Bytes::from("prize")));
        batch.put(Table::Index, "prize", vec![task]);
        match store.commit(batch).await {
            Ok(()) => Ok(Some(task)),
            Err(StoreError::Precondition) => Ok(None),
            Err(error) => Err(format!("commit: {error}")),
        }
    });
    let winners: Vec<u8> = results.await?.into_iter().flatten().collect();
    ensure(
        winners.len() == 1,
        &format!("one of {TASKS} may take what must be absent, not {}", winners.len()),
    )?;
    holds(&store, Table::Index, b"prize", Some(&winners)).await
}

async fn commits_are_seen_at_once<S: Store>(store: Arc<S>) -> Result<(), String> {
    let checks = at_once(&store, async |store, task| {
        for round in 0..8 {
            put(&store, Table::Inbox, &[task], &[round]).await?;
            holds(&store, Table::Inbox, &[task], Some(&[round])).await?;
            let rows = scan(&store, Table::Inbox, &[task], 1).await?;
            ensure(rows == [(vec![task].into(), vec![round].into())], "a scan sees what was committed")?;
        }
        Ok(())
    });
    checks.await.map(drop)
}

async fn scans_see_whole_batches<S: Store>(store: Arc<S>) -> Result<(), String> {
    let checks = at_once(&store, async |store, task| {
        for round in 0..8 {
            let mut batch = Batch::default();
            for key in 0..20_u8 {
                batch.put(Table::Activities, vec![key], vec![task, round]);
            }
            commit(&store, batch).await?;
            let rows = scan(&store, Table::Activities, b"", 100).await?;
            ensure(rows.len() == 20, "a scan shows every row")?;
            ensure(rows.iter().all(|row| row.1 == rows[0].1), "a scan shows no batch in part")?;
        }
        Ok(())
    });
    checks.await.map(drop)
}

async fn acknowledged_survives<S: Store>(open: &impl AsyncFn(&str) -> S) -> Result<(), String> {
    for generation in 0..3_u8 {
        let store = open("reopen").await;
        if let Some(last) = generation.checked_sub(1) {
            holds(&store, Table::Meta, b"generation", Some(&[last])).await?;
            holds(&store, Table::Due, &[last], None).await?;
        }
        let rows = scan(&store, Table::Inbox, b"", 1000).await?;
        ensure(rows.len() == usize::from(generation) * 50, "every acknowledged row is there after a crash")?;
        for key in 0..50 {
            put(&store, Table::Inbox, &[generation, key], &[key; 100]).await?;
        }
        put(&store, Table::Due, &[generation], b"due").await?;
        let mut batch = Batch::default();
        batch.put(Table::Meta, "generation", vec![generation]);
        batch.delete(Table::Due, vec![generation]);
        commit(&store, batch).await?;
    }
    Ok(())
}

/// Runs `work` in [`TASKS`] tasks at once.
async fn at_once<S: Store, T: Send + 'static, W>(
    store: &Arc<S>,
    work: impl Fn(Arc<S>, u8) -> W,
) -> Result<Vec<T>, String>
where
    W: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut tasks: JoinSet<_> = (0..TASKS).map(|task| work(Arc::clone(store), task)).collect();
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(|error| format!("a task failed: {error}"))??);
    }
    Ok(results)
}

async fn put<S: Store>(store: &S, table: Table, key: &[u8], value: &[u8]) -> Result<(), String> {
    let mut batch = Batch::default();
    batch.put(table, key.to_vec(), value.to_vec());
    commit(store, batch).await
}

async fn commit<S: Store>(store: &S, batch: Batch) -> Result<(), String> {
    store.commit(batch).await.map_err(|error| format!("commit: {error}"))
}

async fn scan<S: Store>(store: &S, table: Table, from: &[u8], limit: usize) -> Result<Rows, String> {
    store.scan(table, from, limit).await.map_err(|error| format!("scan: {error}"))
}

async fn holds<S: Store>(store: &S, table: Table, key: &[u8], expected: Option<&[u8]>) -> Result<(), String> {
    let found = store.get(table, key).await.map_err(|error| format!("get: {error}"))?;
    ensure(found.as_deref() == expected, &format!("wrong value of key {:?}", key.escape_ascii().to_string()))
}

fn keys(rows: &Rows) -> Vec<&[u8]> {
    rows.iter().map(|(key, _)| key.as_ref()).collect()
}

fn ensure(condition: bool, claim: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("does not hold: {claim}")) }
}

fn named(check: &str, result: Result<(), String>) -> Result<(), String> {
    result.map_err(|error| format!("{check}: {error}"))
}
