//! Taking arrivals out of the inbox, some each turn.

use super::ledger::Ledger;
use crate::model::Side;
use crate::store::StoreError;

/// Most arrivals taken in in one turn. Bounds the memory of a turn: each may open a pair.
const MAIL: usize = 32;
/// Most arrivals fetched at once. To read that many costs little more than to read one.
const SACK: usize = 128;
/// Most unknown records waiting to be read, per side. The inbox waits meanwhile.
const MAX_LOOKUPS: usize = 2_000;

impl Ledger {
    /// Whether there is something in the inbox, and room to wait for the records it may be about.
    pub(super) fn has_mail(&self) -> bool {
        let room = Side::BOTH.into_iter().all(|s| self.desks[s].lookups.len() < MAX_LOOKUPS);
        room && (!self.mail.is_empty() || self.mail_from < self.inbox.settled())
    }

    pub(super) async fn take_mail(&mut self) -> Result<(), StoreError> {
        if !self.has_mail() {
            return Ok(());
        }
        if self.mail.is_empty() {
            self.fetch_mail().await?;
        }
        for _ in 0..MAIL {
            let Some((number, arrival)) = self.mail.pop_front() else { break };
            self.hear(number, arrival.side, arrival.news).await?;
        }
        Ok(())
    }

    /// Fetches the next arrivals, from memory if they are at hand.
    async fn fetch_mail(&mut self) -> Result<(), StoreError> {
        let settled = self.inbox.settled();
        self.mail.extend(self.inbox.take(self.mail_from, SACK));
        if self.mail.is_empty() {
            let stored = self.journal.inbox(self.mail_from, SACK).await?;
            if stored.len() < SACK || stored.last().is_some_and(|(last, _)| *last >= settled) {
                // Numbers without a row were never acknowledged.
                self.mail_from = settled;
            }
            self.mail.extend(stored.into_iter().take_while(|(number, _)| *number < settled));
        }
        if let Some((last, _)) = self.mail.back() {
            self.mail_from = self.mail_from.max(last + 1);
        }
        Ok(())
    }
}
