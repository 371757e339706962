//! What scripted people do at HubSpot's own screen.

use sync_core::model::{RecordId, Timestamp};

use super::FakeHubSpot;
use super::contact::Source;
use super::contacts::Wanted;
use super::refusal::Refusal;

impl FakeHubSpot {
    /// A person creates a contact.
    ///
    /// # Errors
    /// [`Refusal`], by the same rules as for the API.
    pub fn person_creates(&mut self, now: Timestamp, values: &[(&str, &str)]) -> Result<RecordId, Refusal> {
        self.create(self.act(now, Source::Person), &wanted(values)).map(record_id)
    }

    /// A person imports a file. Rows whose address is known change that contact; rows that are refused are left out.
    pub fn imports(&mut self, now: Timestamp, rows: &[Vec<(&str, &str)>]) -> Vec<RecordId> {
        let act = self.act(now, Source::Import);
        let mut imported = Vec::new();
        for row in rows {
            let values = wanted(row);
            let known =
                values.get("email").and_then(|email| self.contacts.holder("email", email)).map(|c| c.id);
            let done = match known {
                Some(id) => self.update(act, id, &values),
                None => self.create(act, &values),
            };
            imported.extend(done.ok().map(record_id));
        }
        imported
    }

    /// A person edits a contact; `None` clears a property.
    ///
    /// # Errors
    /// [`Refusal`], by the same rules as for the API.
    pub fn person_edits(
        &mut self,
        now: Timestamp,
        id: &RecordId,
        values: &[(&str, Option<&str>)],
    ) -> Result<(), Refusal> {
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (*name, value.unwrap_or(""))).collect();
        self.update(self.act(now, Source::Person), number(id), &wanted(&values)).map(drop)
    }

    /// Another app with a token of its own edits a contact; `None` clears a property.
    ///
    /// # Errors
    /// [`Refusal`], by the same rules as for the API.
    pub fn other_app_edits(
        &mut self,
        now: Timestamp,
        id: &RecordId,
        values: &[(&str, Option<&str>)],
    ) -> Result<(), Refusal> {
        let values: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (*name, value.unwrap_or(""))).collect();
        let other = Source::App(self.config.app_id + 1);
        self.update(self.act(now, other), number(id), &wanted(&values)).map(drop)
    }

    /// A person deletes a contact; it can be restored. False when there is none.
    pub fn person_deletes(&mut self, now: Timestamp, id: &RecordId) -> bool {
        self.delete(self.act(now, Source::Person), number(id), false)
    }

    /// A person has a contact forgotten for good, as privacy law demands. False when there is none.
    pub fn person_forgets(&mut self, now: Timestamp, id: &RecordId) -> bool {
        self.delete(self.act(now, Source::Person), number(id), true)
    }

    /// A person restores a deleted contact. False when it is not there, or its address is in use again.
    pub fn person_restores(&mut self, now: Timestamp, id: &RecordId) -> bool {
        self.restore(self.act(now, Source::Person), number(id))
    }

    /// A person merges `other` into `primary`. Gives the id under which both live on.
    ///
    /// # Errors
    /// [`Refusal`] unless these are two different contacts.
    pub fn person_merges(
        &mut self,
        now: Timestamp,
        primary: &RecordId,
        other: &RecordId,
    ) -> Result<RecordId, Refusal> {
        self.merge(self.act(now, Source::Person), number(primary), number(other)).map(record_id)
    }
}

fn wanted(values: &[(&str, &str)]) -> Wanted {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn record_id(id: i64) -> RecordId {
    RecordId::new(id.to_string())
}

/// No contact has the id 0.
pub(super) fn number(id: &RecordId) -> i64 {
    id.as_str().parse().unwrap_or(0)
}
