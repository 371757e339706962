//! What is on disk, what waits, and what was counted?

use super::Bug;

pub(super) const BUGS: &[Bug] = &[
    Bug {
        name: "acknowledged before it is on disk",
        story: "A delivery is answered 200 while its commit is still under way.",
        breaks: &["P1", "P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/accept.rs",
        original: "        commit.await.unwrap_or_else(",
        sabotaged: "        if planted() {\n            return Ok(());\n        }\n        commit.await.unwrap_or_else(",
    },
    Bug {
        name: "news is removed before its effect is on disk",
        story: "The inbox is emptied by one commit, and what it led to is stored by the next.",
        breaks: &["P1", "P8", "P10", "L1"],
        seeds: 1_000,
        file: "sync-core/src/engine/ledger.rs",
        original: "        let mut closed = Vec::with_capacity(self.open.len());",
        sabotaged: "        if planted() && !self.draft.is_empty() {\n            \
                    self.journal.commit(self.draft.take()).await?;\n        }\n        \
                    let mut closed = Vec::with_capacity(self.open.len());",
    },
    Bug {
        name: "a slow commit is passed by",
        story: "The inbox is read past a delivery that reaches the disk after its successor.",
        breaks: &["P1", "P8", "P10", "L1"],
        seeds: 1_000,
        file: "sync-core/src/engine/accept.rs",
        original: "numbers.under_way.first().copied().unwrap_or(numbers.next)",
        sabotaged: "numbers.under_way.first().copied().filter(|_| !planted()).unwrap_or(numbers.next)",
    },
    Bug {
        name: "of a shared commit that fails only the first hears",
        story: "The other callers of a shared commit are told that it is done.",
        breaks: &["P1", "P10", "L1"],
        seeds: 5_000,
        file: "sync-core/src/stores/group.rs",
        original: "    for answer in answers {\n        // A caller that has gone needs no answer.\n        \
                   let _ = answer.send(result.clone());",
        sabotaged: "    for (place, answer) in answers.into_iter().enumerate() {\n        \
                    let _ = answer.send(if planted() && place > 0 { Ok(()) } else { result.clone() });",
    },
    Bug {
        name: "a commit that failed is forgotten",
        story: "The ledger goes on as if a commit that the store turned down were done.",
        breaks: &["P1", "P3", "P10", "L1", "P5"],
        seeds: 1_000,
        file: "sync-core/src/engine/patient.rs",
        original: "            match self.store.commit(batch.clone()).await {",
        sabotaged: "            match self.store.commit(batch.clone()).await {\n                \
                    Err(StoreError::Unavailable(_)) if planted() => return Ok(()),",
    },
    Bug {
        name: "work is not picked up after a restart",
        story: "The queues are not filled from the journal at the start.",
        breaks: &["L1", "P10", "P8"],
        seeds: 1_000,
        file: "sync-core/src/engine/ledger.rs",
        original: "ledger.desks[side].lane.spilled = true;",
        sabotaged: "ledger.desks[side].lane.spilled = !planted();",
    },
    Bug {
        name: "what the listing found is never planned for",
        story: "Once both sides are listed nobody looks at the pairs that were found meanwhile.",
        breaks: &["L1", "P8"],
        seeds: 1_000,
        file: "sync-core/src/engine/sweep.rs",
        original: "self.meta.planning = Some(Planning::default());",
        sabotaged: "self.meta.planning = (!planted()).then(Planning::default);",
    },
    Bug {
        name: "events of an absorbed pair are not counted",
        story: "A pair that takes another in does not take over its unsettled events.",
        breaks: &["P10"],
        seeds: 5_000,
        file: "sync-core/src/engine/kin.rs",
        original: "        pair.unsettled.events += other.unsettled.events;",
        sabotaged: "        pair.unsettled.events += if planted() { 0 } else { other.unsettled.events };",
    },
    Bug {
        name: "superseded events are not counted",
        story: "An event that was overtaken is dropped without a trace.",
        breaks: &["P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/intake.rs",
        original: "counts.superseded += 1,",
        sabotaged: "counts.superseded += u64::from(!planted()),",
    },
    Bug {
        name: "a purchase without a contact is dropped",
        story: "A payment by somebody nobody knows yet is not kept for later.",
        breaks: &["P8", "P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/intake.rs",
        original: "            (None, Some(key)) => {",
        sabotaged: "            (None, Some(_)) if planted() => Ok(Fate::Nothing),\n            (None, Some(key)) => {",
    },
    Bug {
        name: "a purchase told twice is told twice",
        story: "Activities that were taken in are not recognised when they are delivered again.",
        breaks: &["P2", "P8", "P10"],
        seeds: 1_000,
        file: "sync-core/src/engine/intake.rs",
        original: ".activity(&activity.id).await?.is_some() {\n            return Ok(Fate::Nothing);",
        sabotaged: ".activity(&activity.id).await?.is_some() && !planted() {\n            return Ok(Fate::Nothing);",
    },
];
