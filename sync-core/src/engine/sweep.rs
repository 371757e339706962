//! The first listing of both sides in full, so that a record we do not know is known not to exist. The regular *sweep*, which
//! compares what is listed with what is believed, is in `repair`.
//!
//! Until both sides are listed a creation must look first. Pages are taken when nothing more urgent waits, and every
//! tenth call is theirs in any case. The listing goes on where it was after a restart. Records that are found are linked
//! as they come in, but nothing is created for them until both sides are known.

use super::dispatch::Job;
use super::intake::Fate;
use super::ledger::{Ledger, Open};
use crate::connector::{Answer, Cursor, Error};
use crate::decide::{Effect, Source};
use crate::journal::{Backfill, Planning};
use crate::model::{Class, Side};
use crate::quota::Call;
use crate::store::StoreError;

/// One call in so many is the listing's, whatever else waits.
const SHARE: u64 = 10;
/// Pairs planned for in one turn once the listing is complete.
const CHUNK: usize = 1_000;

impl Ledger {
    pub(super) fn is_listed(&self) -> bool {
        Side::BOTH.into_iter().all(|side| self.meta.backfill[side] == Backfill::Complete)
    }

    pub(super) fn can_list(&self, side: Side) -> bool {
        let unlisted = self.meta.backfill[side] != Backfill::Complete && !self.desks[side].listing;
        unlisted && self.is_open(side, Call::List)
    }

    pub(super) fn is_listings_turn(&self, side: Side) -> bool {
        self.can_list(side) && self.has_work(side) && self.desks[side].calls % SHARE == SHARE - 1
    }

    /// The next page to ask for, if any.
    pub(super) fn page(&mut self, side: Side) -> Option<Job> {
        if !self.has_work(side) || !self.can_list(side) {
            return None;
        }
        self.desks[side].listing = true;
        let from = match &self.meta.backfill[side] {
            Backfill::Listed(cursor) => Some(cursor.clone()),
            _ => None,
        };
        Some(Job::List { from })
    }

    /// Takes in a page of the listing.
    pub(super) async fn hear_page(
        &mut self,
        side: Side,
        answer: Result<Answer, Error>,
    ) -> Result<(), StoreError> {
        self.desks[side].listing = false;
        let Ok(answer) = answer else { return Ok(()) };
        let at = answer.as_of.unwrap_or(self.now);
        for record in &answer.records {
            let fate = self.take_record(side, record, (Source::Listed, at), Class::Sweep).await?;
            if let (Fate::Effect(pair, Effect::Changed, _), true) = (fate, self.policy.index_complete) {
                self.file(&pair).await?;
            }
        }
        self.listed(side, answer.next);
        Ok(())
    }

    /// A page was taken in; the next starts at `next`.
    fn listed(&mut self, side: Side, next: Option<Cursor>) {
        self.meta.backfill[side] = next.map_or(Backfill::Complete, Backfill::Listed);
        if self.is_listed() && !self.policy.index_complete {
            tracing::info!("both sides are listed in full: creations need no search from now on");
            self.policy.index_complete = true;
            self.meta.planning = Some(Planning::default());
        }
    }

    /// After both sides were listed: plans for all pairs, some each turn.
    pub(super) async fn refile_some(&mut self) -> Result<(), StoreError> {
        let Some(Planning { after }) = self.meta.planning.take() else { return Ok(()) };
        let pairs = self.journal.pairs_after(after.as_ref(), CHUNK).await?;
        self.meta.planning = pairs.last().map(|p| Planning { after: Some(p.id.clone()) });
        for pair in pairs {
            let id = pair.id.clone();
            // What was just read need not be read once more; what is in memory knows more.
            if !self.open.contains_key(&id) && self.hot.get(&id).is_none() {
                self.open.insert(id.clone(), Open::read(pair));
            }
            self.file(&id).await?;
        }
        Ok(())
    }
}
