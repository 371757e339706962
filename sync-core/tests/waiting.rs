//! Are purchases that wait for a person found again, all of them and no others?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use sync_core::journal::{Draft, Journal, Waiting};
use sync_core::model::{Activity, Side, Timestamp};
use sync_core::stores::MemoryStore;

const NOBODY: [&str; 0] = [];

fn waiting(id: &str) -> Waiting {
    let activity = Activity { id: id.to_owned(), at: Timestamp::from_secs(1), details: BTreeMap::default() };
    Waiting { side: Side::Right, activity }
}

async fn found(draft: &Draft, match_key: &str) -> Vec<String> {
    draft.waiting(match_key).await.unwrap().into_iter().map(|w| w.activity.id).collect()
}

#[tokio::test]
async fn are_all_that_wait_for_one_person_found_as_the_draft_would_leave_them() {
    let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
    let mut draft = Draft::new(journal.clone());
    for (person, id) in [("ann", "1"), ("ann", "2"), ("ann", "3"), ("anna", "4"), ("eve", "5")] {
        draft.put_waiting(person, &waiting(id));
    }
    journal.commit(draft.take()).await.unwrap();
    assert_eq!(found(&draft, "ann").await, ["1", "2", "3"]);
    assert_eq!(found(&draft, "bea").await, NOBODY, "although others wait behind her");
    draft.delete_waiting("ann", "1");
    draft.put_waiting("ann", &waiting("6"));
    draft.put_waiting("bea", &waiting("7"));
    draft.delete_waiting("eve", "5");
    assert_eq!(found(&draft, "ann").await, ["2", "3", "6"], "the first of those on disk was taken");
    assert_eq!(found(&draft, "bea").await, ["7"]);
    assert_eq!(found(&draft, "eve").await, NOBODY);
}
