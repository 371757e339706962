//! What HubSpot's answers to reads and writes mean. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::HeaderMap;
use serde::de::DeserializeOwned;
use sync_core::connector::{Answer, Cursor, Error, Query, Receipt, Remaining, Write, WriteBody};
use sync_core::http::{Response, date};
use sync_core::model::{Record, RecordId, Timestamp};

use crate::failure::{self, Asked, failed, unreadable};
use crate::record::{Reader, time};
use crate::request::Place;
use crate::wire::{Contact, Failure, Results};

/// Results a single search gives; asking beyond them is an error (HubSpot API guide, search).
const SEARCH_CAP: u32 = 10_000;
/// The window of the daily limit.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Records in a page of a search.
const PAGE: u32 = 100;

/// The outcome of each row of a write, in the order of the rows.
pub(crate) type Outcomes = Vec<Result<Receipt, Error>>;

/// How many calls HubSpot says are left (HubSpot API guide, usage guidelines). Searches tell of the day only, and OAuth
/// apps are not told of it.
pub(crate) fn remaining(headers: &HeaderMap) -> Vec<Remaining> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let interval =
        number("x-hubspot-ratelimit-interval-milliseconds").map(|ms| Duration::from_millis(ms.into()));
    let short = number("x-hubspot-ratelimit-remaining").zip(interval);
    let daily = number("x-hubspot-ratelimit-daily-remaining").zip(Some(DAY));
    short.into_iter().chain(daily).map(|(calls, per)| Remaining { calls, per }).collect()
}

impl Reader<'_> {
    /// Understands the answer to a read.
    pub(crate) fn answer(&self, query: &Query, response: &Response) -> Result<Answer, Error> {
        let as_of = date(response.headers());
        if matches!(query, Query::Find(_)) {
            let found: Option<Contact> = match failure::is_missing(response) {
                true => None,
                false => Some(body(Asked::Read, response)?),
            };
            let as_of = no_older_than(as_of, found.as_slice());
            let records = found.into_iter().map(|contact| self.record(contact)).collect();
            return Ok(Answer { records, as_of, ..Answer::default() });
        }
        let results: Results = body(Asked::Read, response)?;
        if results.errors.iter().any(|e| e.category.as_deref().is_some_and(|c| c != "OBJECT_NOT_FOUND")) {
            // Saying nothing of a record would mean that it is gone; of these we only know that they were not read.
            return Err(Error::Unavailable {
                reason: "some records could not be read".to_owned(),
                retry_after: None,
            });
        }
        let next = next_page(query, &results);
        let as_of = no_older_than(as_of, &results.results);
        let mut records: Vec<Record> =
            results.results.into_iter().map(|contact| self.record(contact)).collect();
        if let Query::Ids(ids) = query {
            keep_one_each(&mut records);
            answer_for_asked(&mut records, ids);
        }
        Ok(Answer { records, news: Vec::new(), next, as_of })
    }

    /// Understands the answer to a write.
    pub(crate) fn outcomes(&self, rows: &[Write], response: &Response) -> Result<Outcomes, Error> {
        let asked = asked(rows);
        let at = date(response.headers());
        match asked {
            Asked::Emit if response.status().is_success() || failure::is_repeat(response) => {
                Ok(vec![Ok(Receipt { record: None, at })])
            }
            Asked::Batch => Ok(self.align(rows, body(asked, response)?, at)),
            _ => match body::<Contact>(asked, response) {
                Ok(contact) => Ok(vec![Ok(self.receipt(contact, at))]),
                // These speak of the row; all others of the call.
                Err(error @ (Error::Refused { .. } | Error::Exists { .. } | Error::Missing)) => {
                    Ok(vec![Err(error)])
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Brings results, which come in any order, into the order of the rows.
    fn align(&self, rows: &[Write], results: Results, at: Option<Timestamp>) -> Outcomes {
        let keys = Keys::of(rows, self.twin);
        let mut outcomes: Vec<Option<Result<Receipt, Error>>> = vec![None; rows.len()];
        let mut strays = Vec::new();
        for contact in results.results {
            let row = keys.row_of(&contact, self.twin);
            let receipt = Ok(self.receipt(contact, at));
            match row.and_then(|row| outcomes.get_mut(row)) {
                Some(outcome) => *outcome = Some(receipt),
                None => strays.push(receipt),
            }
        }
        for error in &results.errors {
            let rows = keys.rows_of(error);
            if rows.is_empty() {
                strays.push(Err(failure::row(error)));
            }
            for row in rows {
                outcomes[row].get_or_insert_with(|| Err(failure::row(error)));
            }
        }
        let unanswered = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        // What is left over belongs together only when there is just one of each.
        let mut stray = if unanswered == 1 && strays.len() == 1 { strays.pop() } else { None };
        let silent = || Error::Ambiguous { reason: "no answer for this row".to_owned() };
        outcomes
            .into_iter()
            .map(|outcome| outcome.or_else(|| stray.take()).unwrap_or_else(|| Err(silent())))
            .collect()
    }
}

/// The `Date` of an answer leaves out the milliseconds, and so may be older than what the answer tells.
fn no_older_than(as_of: Option<Timestamp>, contacts: &[Contact]) -> Option<Timestamp> {
    let newest = contacts.iter().filter_map(|contact| contact.updated_at.as_deref().and_then(time)).max();
    as_of.map(|at| newest.map_or(at, |newest| at.max(newest)))
}

/// What a write asks, as errors are judged by it.
pub(crate) fn asked(rows: &[Write]) -> Asked {
    match rows {
        [one] => match one.body {
            WriteBody::Create { .. } => Asked::Create,
            WriteBody::Update { .. } => Asked::Update,
            WriteBody::Emit { .. } => Asked::Emit,
        },
        _ => Asked::Batch,
    }
}

/// The body of a success; any other answer is an error.
pub(crate) fn body<T: DeserializeOwned>(asked: Asked, response: &Response) -> Result<T, Error> {
    if !response.status().is_success() {
        return Err(failed(asked, response));
    }
    serde_json::from_slice(response.body()).map_err(|_| unreadable(asked))
}

/// By what the rows of a batch can be told apart. A key that two rows share identifies neither.
struct Keys {
    by_trace: BTreeMap<String, usize>,
    by_id: BTreeMap<String, usize>,
    by_email: BTreeMap<String, usize>,
    by_twin: BTreeMap<String, usize>,
}

impl Keys {
    fn of(rows: &[Write], twin: Option<&str>) -> Self {
        Self {
            by_trace: unshared(rows, |row| Some(row.op.as_str().to_owned())),
            by_id: unshared(rows, |row| match &row.body {
                WriteBody::Update { id, .. } => Some(id.as_str().to_owned()),
                _ => None,
            }),
            by_email: unshared(rows, |row| match &row.body {
                WriteBody::Create { properties, .. } => {
                    Some(folded(properties.get("email")?.as_ref()?.as_str()))
                }
                _ => None,
            }),
            by_twin: unshared(rows, |row| match &row.body {
                WriteBody::Create { link, .. } if twin.is_some() => {
                    Some(link.twin.as_ref()?.as_str().to_owned())
                }
                _ => None,
            }),
        }
    }

    fn row_of(&self, contact: &Contact, twin: Option<&str>) -> Option<usize> {
        let property = |name: &str| contact.properties.get(name).cloned().flatten();
        let by_trace = contact.object_write_trace_id.as_ref().and_then(|trace| self.by_trace.get(trace));
        by_trace
            .or_else(|| self.by_id.get(&contact.id.0))
            .or_else(|| self.by_email.get(&folded(&property("email")?)))
            .or_else(|| self.by_twin.get(&property(twin?)?))
            .copied()
    }

    fn rows_of(&self, error: &Failure) -> Vec<usize> {
        let traced = error.context("objectWriteTraceId");
        if !traced.is_empty() {
            return traced.iter().filter_map(|trace| self.by_trace.get(trace)).copied().collect();
        }
        let named = error.context("ids").into_iter().chain(error.context("id"));
        named.filter_map(|id| self.by_id.get(&id).copied()).collect()
    }
}

fn unshared(rows: &[Write], key: impl Fn(&Write) -> Option<String>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for (row, write) in rows.iter().enumerate() {
        let Some(key) = key(write) else { continue };
        if found.insert(key.clone(), row).is_some() {
            shared.insert(key);
        }
    }
    found.retain(|key, _| !shared.contains(key));
    found
}

/// HubSpot stores addresses in lower case, without surrounding space.
fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

fn next_page(query: &Query, results: &Results) -> Option<Cursor> {
    let after = &results.paging.as_ref()?.next.as_ref()?.after;
    match query {
        Query::ChangedSince(since, cursor) => {
            let here = cursor.as_ref().and_then(Place::parse).unwrap_or(Place { since: *since, after: 0 });
            Some(next_place(here, u32::try_from(after.number()?).ok()?, results).cursor())
        }
        _ => Some(Cursor(after.0.clone())),
    }
}

/// Goes on in the same search, or starts a new one from the last time seen when the search would end. Records that
/// changed in that very millisecond are then seen twice, which is harmless; a full search within one millisecond could
/// not be read to its end, so time moves on by at least one.
fn next_place(here: Place, after: u32, results: &Results) -> Place {
    if after <= SEARCH_CAP - PAGE {
        return Place { since: here.since, after };
    }
    let last = results.results.last().and_then(|contact| contact.properties.get("lastmodifieddate"));
    let last = last.and_then(|at| time(at.as_deref()?)).filter(|at| *at > here.since);
    let next_tick = Timestamp::from_millis(here.since.as_millis().saturating_add(1));
    Place { since: last.unwrap_or(next_tick), after: 0 }
}

/// Two asked ids that were merged lead to the same record.
fn keep_one_each(records: &mut Vec<Record>) {
    let mut seen = BTreeSet::new();
    records.retain(|record| seen.insert(record.id.clone()));
}

/// After a merge a record answers to its old ids but bears a new one. It lists its old ids; where it does not, one
/// question with one answer still leaves no doubt.
fn answer_for_asked(records: &mut [Record], ids: &[RecordId]) {
    if let ([record], [asked]) = (records, ids)
        && record.id != *asked
        && !record.aliases.contains(asked)
    {
        record.aliases.push(asked.clone());
    }
}
