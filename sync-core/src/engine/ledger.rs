//! The one task that owns every pair. Each turn: hear, plan, commit once, and only then let anything leave.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::accept::Inbox;
use super::bisect::Suspects;
use super::bursts::Bursts;
use super::dispatch::{Reply, Report};
use super::hot::{Hot, Place};
use super::lanes::{Lane, Subject};
use super::links::links;
use super::portion::BadRows;
use super::repair::Repair;
use super::{Settings, Status, System};
use crate::clock::{Clock, TokioClock};
use crate::decide::{ConflictResolver, Policy};
use crate::journal::{Arrival, Backfill, Counts, Draft, Journal, Meta};
use crate::layers::Permit;
use crate::model::{Class, Due, Entity, News, Pair, PairId, PerSide, RecordId, Side, Timestamp};
use crate::retry::{Budget, Schedule};
use crate::store::StoreError;

/// Most messages taken in one turn. Bounds the size of a commit, and how long a dispatcher waits for its answer.
const TURN: usize = 256;
/// Spacing of attempts while one pair or record, or the store, is failing.
pub(super) const SPACING: Schedule =
    Schedule { base: Duration::from_millis(250), max: Duration::from_secs(30), factor: 2.0 };
/// How far ahead of our clock a system's clock may plausibly be: it is ours that may be hours behind.
const MAX_SKEW: Duration = Duration::from_secs(24 * 3600);

/// What the ledger hears.
pub(super) enum Message {
    /// A dispatcher has a permit for a call and asks what to do with it.
    Ask(Side, Permit, oneshot::Sender<Reply>),
    /// How a call went.
    Done(Side, Report),
    /// A person has said that what the brake holds back is meant.
    Release(oneshot::Sender<u64>),
    /// Finish this turn and stop.
    Stop,
}

/// What a ledger is made of.
pub(super) struct Parts {
    pub(super) journal: Journal,
    pub(super) systems: Arc<PerSide<System>>,
    pub(super) entity: Arc<Entity>,
    pub(super) resolver: Arc<dyn ConflictResolver>,
    pub(super) time: TokioClock,
    pub(super) settings: Settings,
    pub(super) namespace: Option<String>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) status: watch::Sender<Status>,
}

/// A record nobody knows, waiting to be read, and the news that waits with it.
pub(super) struct Lookup {
    pub(super) class: Class,
    pub(super) since: Timestamp,
    pub(super) news: Vec<(u64, News)>,
    /// While it is being read: how many pieces of news were here when the read was asked for.
    pub(super) reading: Option<usize>,
    pub(super) attempts: u32,
}

/// A pair in a turn.
#[derive(Default)]
pub(super) struct Open {
    place: Option<Arc<Place>>,
    /// As it is in the store; none if it is new.
    pub(super) stored: Option<Arc<Pair>>,
    /// As it is now; none if another has taken it in.
    pub(super) pair: Option<Pair>,
}

impl Open {
    /// As it was just read.
    pub(super) fn read(pair: Pair) -> Self {
        Self { place: None, stored: Some(Arc::new(pair.clone())), pair: Some(pair) }
    }
}

/// One side as the ledger sees it.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) lane: Lane,
    pub(super) lookups: BTreeMap<RecordId, Lookup>,
    pub(super) bursts: Bursts,
    pub(super) suspects: Suspects,
    pub(super) bad_rows: BadRows,
    pub(super) under_way: usize,
    /// How many calls may be repeated.
    pub(super) repeats: Budget,
    /// Failed calls in a row, and when the next may be tried.
    pub(super) failures: u32,
    pub(super) not_before: Option<Timestamp>,
    pub(super) halted: Option<String>,
    /// The queue is being filled from the journal, and has come this far.
    pub(super) filling: Option<Option<(Due, PairId)>>,
    /// A page of the listing is under way.
    pub(super) listing: bool,
    /// Calls given out so far.
    pub(super) calls: u64,
    pub(super) repair: Repair,
}

pub(super) struct Ledger {
    pub(super) journal: Journal,
    pub(super) systems: Arc<PerSide<System>>,
    pub(super) policy: Policy,
    pub(super) time: TokioClock,
    pub(super) settings: Settings,
    pub(super) meta: Meta,
    pub(super) desks: PerSide<Desk>,
    /// Pairs with a call under way.
    pub(super) busy: HashSet<PairId>,
    pub(super) draft: Draft,
    pub(super) now: Timestamp,
    /// Arrivals that were fetched, and where the next one is.
    pub(super) mail: VecDeque<(u64, Arrival)>,
    pub(super) mail_from: u64,
    pub(super) inbox: Arc<Inbox>,
    /// First numbers of what this turn puts into the inbox.
    pub(super) posted: Vec<u64>,
    messages: mpsc::Receiver<Message>,
    pub(super) status: watch::Sender<Status>,
    pub(super) hot: Hot,
    /// Pairs of this turn.
    pub(super) open: HashMap<PairId, Open>,
    stored_meta: Option<Meta>,
    answers: Vec<(oneshot::Sender<Reply>, Reply)>,
    asks: PerSide<Vec<(Permit, oneshot::Sender<Reply>)>>,
    released: Vec<(oneshot::Sender<u64>, u64)>,
}

impl Ledger {
    pub(super) async fn open(parts: Parts) -> Result<Self, StoreError> {
        let Parts { journal, systems, entity, resolver, time, settings, namespace, inbox, messages, status } =
            parts;
        let stored_meta = journal.meta().await?;
        let meta = stored_meta.clone().unwrap_or_else(|| Meta {
            namespace: namespace.unwrap_or_else(fresh_namespace),
            pairs: 0,
            absorbed: 0,
            counts: Counts::default(),
            backfill: PerSide::from_fn(|_| match settings.backfill {
                true => Backfill::Pending,
                false => Backfill::Complete,
            }),
            due: PerSide::default(),
            planning: None,
            started: None,
            asked: PerSide::default(),
            swept: PerSide::default(),
            parked: PerSide::default(),
            brakes: PerSide::default(),
            held: PerSide::default(),
        });
        let policy = Policy {
            entity,
            resolver,
            resolution: PerSide::from_fn(|side| systems[side].connector.describe().resolution),
            index_complete: false,
            tells: PerSide::from_fn(|side| systems[side].connector.describe().emit_batch > 0),
            links: PerSide::from_fn(|side| links(settings.link_back, systems[side].connector.describe())),
            latest: Timestamp::EPOCH,
        };
        let mut ledger = Self {
            draft: Draft::new(journal.clone()),
            journal,
            systems,
            policy,
            now: time.now(),
            time,
            settings,
            meta,
            desks: PerSide::default(),
            busy: HashSet::new(),
            mail: VecDeque::new(),
            mail_from: 0,
            inbox,
            posted: Vec::new(),
            messages,
            status,
            hot: Hot::new(),
            open: HashMap::new(),
            stored_meta,
            answers: Vec::new(),
            asks: PerSide::default(),
            released: Vec::new(),
        };
        ledger.policy.index_complete = ledger.is_listed();
        for side in Side::BOTH {
            ledger.desks[side].lane.spilled = true;
            ledger.begin_repair(side);
            ledger.stay_parked(side);
        }
        ledger.publish();
        Ok(ledger)
    }

    /// Turns until told to stop.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        let mut stop = false;
        while !stop {
            // Nothing is released here: what is ready has been published as of then.
            let published = self.now;
            self.now = self.time.now();
            let wait = self.wait(published);
            let first = tokio::select! {
                biased;
                message = self.messages.recv(), if !wait.is_zero() => message,
                () = self.inbox.mail.notified(), if !wait.is_zero() => None,
                () = tokio::time::sleep(wait) => None,
            };
            self.tick();
            // Before anything is heard: what the journal says is the whole truth only between turns.
            self.fill_lanes().await?;
            let mut message = first;
            for _ in 0..TURN {
                match message.or_else(|| self.messages.try_recv().ok()) {
                    Some(Message::Ask(side, permit, reply)) => self.asks[side].push((permit, reply)),
                    Some(Message::Done(side, report)) => self.hear_report(side, report).await?,
                    Some(Message::Release(reply)) => {
                        let waited = self.release_brakes();
                        self.released.push((reply, waited));
                    }
                    Some(Message::Stop) => stop = true,
                    None => break,
                }
                message = None;
            }
            self.take_mail().await?;
            self.serve().await?;
            self.commit().await?;
            self.publish();
            for (reply, answer) in self.answers.drain(..) {
                // A dispatcher that is gone has been told to stop; the intent is found again at the next start.
                let _ = reply.send(answer);
            }
            for (reply, waited) in self.released.drain(..) {
                // Whoever asked has gone away.
                let _ = reply.send(waited);
            }
        }
        Ok(())
    }

    fn tick(&mut self) {
        self.now = self.time.now();
        self.policy.latest = self.now.plus(MAX_SKEW);
        for side in Side::BOTH {
            let desk = &mut self.desks[side];
            desk.lane.release(self.now);
            desk.repair.release(self.now);
            if desk.not_before.is_some_and(|at| at <= self.now) {
                desk.not_before = None;
            }
        }
    }

    /// How long nothing needs to be done unless a message comes.
    fn wait(&self, published: Timestamp) -> Duration {
        let spilled = Side::BOTH.into_iter().any(|s| self.can_fill(s));
        if self.has_mail() || spilled || self.meta.planning.is_some() {
            return Duration::ZERO;
        }
        let desks = Side::BOTH.into_iter().map(|side| &self.desks[side]);
        let next =
            desks.flat_map(|d| [d.lane.next_release(), d.not_before, d.repair.next_due()]).flatten().min();
        let opening = Side::BOTH.into_iter().filter_map(|side| self.opening(side)).min();
        let links =
            Side::BOTH.into_iter().filter_map(|side| self.links_leave(side)).filter(|at| *at > published);
        let next = next.into_iter().chain(links).min();
        let next = next.map(|at| at.since(self.now)).into_iter().chain(opening).min();
        next.map_or(Duration::from_secs(60), |wait| wait.max(Duration::from_millis(1)))
    }

    async fn serve(&mut self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let mut asks = std::mem::take(&mut self.asks[side]);
            for (mut permit, reply) in asks.drain(..) {
                let job = self.next_job(side).await?;
                if let Some(job) = &job {
                    self.desks[side].under_way += 1;
                    self.desks[side].calls += 1;
                    // Before the next question: it must find the windows of this kind as full as they are.
                    permit = permit.named(job.call());
                }
                self.answers.push((reply, (job, permit)));
            }
            self.asks[side] = asks;
        }
        Ok(())
    }

    /// Commits the turn. While the store is unavailable this waits: nothing leaves that is not durable.
    async fn commit(&mut self) -> Result<(), StoreError> {
        let mut closed = Vec::with_capacity(self.open.len());
        let mut open = std::mem::take(&mut self.open);
        for (id, Open { place, stored, pair }) in open.drain() {
            let due = |p: Option<&Pair>| p.and_then(|p| p.due);
            if stored.as_deref() == pair.as_ref() {
                continue;
            }
            let (before, after) = (due(stored.as_deref()), due(pair.as_ref()));
            self.draft.move_due(&id, before.as_ref(), after.as_ref());
            self.meta.count_due(before, after);
            self.list_refusals(stored.as_deref(), pair.as_ref());
            self.count_held(stored.as_deref(), pair.as_ref());
            self.draft.change_pair(&id, stored.as_deref(), pair.as_ref()).await?;
            closed.push((id, place, pair));
        }
        // Its memory serves the next turn.
        self.open = open;
        if self.stored_meta.as_ref() != Some(&self.meta) {
            self.draft.put_meta(&self.meta);
            self.stored_meta = Some(self.meta.clone());
        }
        if !self.draft.is_empty() {
            self.outdate_prints();
            self.journal.commit(self.draft.take()).await?;
        }
        for first in self.posted.drain(..) {
            self.inbox.arrived(first);
        }
        for (id, place, pair) in closed {
            match pair {
                Some(pair) => self.hot.put(id, place.as_deref(), pair),
                None => self.hot.remove(&id),
            }
        }
        Ok(())
    }

    /// The pair as of this turn, to be changed in place.
    pub(super) async fn pair(&mut self, id: &PairId) -> Result<Option<&mut Pair>, StoreError> {
        if !self.open.contains_key(id) {
            let place = self.hot.get(id);
            let stored = match &place {
                Some(place) => Some(place.pair()),
                None => self.journal.pair(id).await?.map(Arc::new),
            };
            let pair = stored.as_deref().cloned();
            self.open.insert(id.clone(), Open { place, stored, pair });
        }
        Ok(self.open.get_mut(id).and_then(|open| open.pair.as_mut()))
    }

    pub(super) fn new_pair(&mut self) -> PairId {
        self.meta.pairs += 1;
        let id = PairId::new(format!("{}-{}", self.meta.namespace, self.meta.pairs));
        let pair = Some(Pair::new(id.clone()));
        self.open.insert(id.clone(), Open { pair, ..Open::default() });
        id
    }

    /// Forgets a pair that was absorbed by another.
    pub(super) fn drop_pair(&mut self, id: &PairId) {
        if let Some(open) = self.open.get_mut(id) {
            open.pair = None;
        }
        for side in Side::BOTH {
            self.desks[side].lane.remove(&Subject::Pair(id.clone()));
        }
    }

    /// The next wait after `attempts` failures in a row. Spread by `seed`, so that many do not come back at once.
    pub(super) fn spacing(attempts: u32, seed: u64) -> Duration {
        SPACING.delay(attempts, seed)
    }
}

/// Twelve random hexadecimal digits. The standard library's hasher is seeded by the operating system.
fn fresh_namespace() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:012x}", random & 0xffff_ffff_ffff)
}
