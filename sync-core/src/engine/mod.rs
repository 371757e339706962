//! The shell: everything that waits.
//!
//! ```text
//!  webhook ── accept ──▶ inbox (durable) ──▶ ┌────────┐ ◀── outcomes ── dispatch (left)  ──▶ left system
//!                                            │ ledger │
//!                          Status ◀──────────└────────┘ ◀── outcomes ── dispatch (right) ──▶ right system
//! ```
//!
//! One task, the *ledger*, owns every pair. It takes in news, plans, and answers a dispatcher's request for work; each
//! of its turns ends in one durable commit, and only then does anything leave. So no two decisions ever race, and every
//! remote call is preceded by its intent on disk.

mod accept;
mod allowance;
mod bisect;
mod bursts;
mod dispatch;
mod forecast;
mod heard;
mod hold;
mod hot;
mod intake;
mod kin;
mod lanes;
mod ledger;
mod links;
mod mail;
mod patient;
mod portion;
mod prints;
mod quarantine;
mod repair;
mod report;
mod results;
mod sweep;
mod work;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

pub use accept::AcceptError;
pub use report::{BrakeStatus, ClassStatus, SideStatus, Status};

use crate::clock::{Clock, SystemClock, TokioClock};
use crate::connector::Connector;
use crate::decide::{ConflictResolver, LastWriterWins};
use crate::journal::Journal;
use crate::layers::{Limiter, Timeout, Trace};
use crate::mapping::Mapping;
use crate::model::{Entity, PerSide, Side};
use crate::store::{Store, StoreError};
use crate::stores::GroupCommit;

use accept::Inbox;
use ledger::{Ledger, Message};
use patient::Patient;

/// Why the engine cannot start or go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Something the builder needs was not given.
    #[error("engine not fully configured: {0} is missing")]
    Missing(&'static str),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// [`Engine::run`] was called a second time.
    #[error("the engine is running already")]
    Running,
    /// The engine does not run.
    #[error("the engine does not run")]
    Stopped,
}

/// Settings with sensible defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a person's new record is left alone before it is created on the other side: forms and checkouts often
    /// create the same person on both sides within a second, and a record's fields often arrive one by one. Default 1 s.
    pub create_hold: Duration,
    /// Longest a call may take. Default 20 s.
    pub call_timeout: Duration,
    /// How long calls under way are waited for at shutdown. Default 8 s.
    pub drain: Duration,
    /// Whether both sides are listed before anything is created without a search. Default yes.
    pub backfill: bool,
    /// How soon a change is to be visible on the other side. Default 30 s. Nothing is given up when it is not.
    pub promise: Duration,
    /// Who comes first when the promise cannot be kept for all. Default [`Overload::SmallestWorstCase`].
    pub overload: Overload,
    /// How often each side is asked what changed, in case a webhook was lost; zero: never. Default 10 s.
    pub tail: Duration,
    /// How often each side is listed in full and compared with what is known; zero: never. Default an hour.
    pub sweep: Duration,
    /// How much may be blanked on a side in an hour before a person is asked: a share of all pairs, in percent, and 20 in
    /// any case. 100: as much as it takes. Default 10. See [`brake`](crate::brake).
    pub max_blank_percent: u8,
    /// Whether records that were not created by us are made to name their twins, where their system has room for that
    /// ([`Description::link_batch`](crate::connector::Description::link_batch)). Default yes.
    pub link_back: bool,
}

/// Who comes first when more waits than can be done in time. More urgent classes come first in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overload {
    /// The one that has waited longest: the longest wait is as short as it can be.
    #[default]
    SmallestWorstCase,
    /// The oldest that can still be on time, then those that are late: as many as possible are on time, and the late
    /// ones wait longer.
    MostOnTime,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            create_hold: Duration::from_secs(1),
            call_timeout: Duration::from_secs(20),
            drain: Duration::from_secs(8),
            backfill: true,
            promise: Duration::from_secs(30),
            overload: Overload::default(),
            tail: Duration::from_secs(10),
            sweep: Duration::from_secs(3600),
            max_blank_percent: 10,
            link_back: true,
        }
    }
}

/// One side of the engine: a connector, its call budget and its lenses.
pub(crate) struct System {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) limiter: Limiter,
    pub(crate) mapping: Mapping,
}

/// Puts an [`Engine`] together.
#[must_use]
pub struct EngineBuilder {
    entity: Entity,
    left: Option<(Arc<dyn Connector>, Mapping)>,
    right: Option<(Arc<dyn Connector>, Mapping)>,
    resolver: Arc<dyn ConflictResolver>,
    store: Option<Arc<dyn Store>>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    namespace: Option<String>,
}

impl EngineBuilder {
    /// The left system and how its properties show the entity's fields.
    pub fn left(mut self, connector: impl Connector, mapping: Mapping) -> Self {
        self.left = Some((Arc::new(connector), mapping));
        self
    }

    /// The right system and how its properties show the entity's fields.
    pub fn right(mut self, connector: impl Connector, mapping: Mapping) -> Self {
        self.right = Some((Arc::new(connector), mapping));
        self
    }

    /// Who wins when both sides edit a field at once. Default: the last writer; the left side on a tie.
    pub fn resolver(mut self, resolver: impl ConflictResolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Where everything is kept. Concurrent writers share its commits.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(match store.shares_commits() {
            true => Arc::new(store),
            false => Arc::new(GroupCommit::new(store)),
        });
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Settings other than the defaults.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The text that starts the id of every pair made in a new store; random by default. Only tests need to fix it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Opens the store and builds the engine. Nothing moves until [`Engine::run`].
    ///
    /// # Errors
    /// [`EngineError::Missing`] when a side or the store was not given, [`EngineError::Store`] when the store cannot be read.
    pub async fn build(self) -> Result<Engine, EngineError> {
        let left = self.left.ok_or(EngineError::Missing("the left system"))?;
        let right = self.right.ok_or(EngineError::Missing("the right system"))?;
        let store = self.store.ok_or(EngineError::Missing("the store"))?;
        let journal = Journal::open(Arc::clone(&store)).await?;
        let systems = Arc::new(PerSide {
            left: system(left, self.settings.call_timeout),
            right: system(right, self.settings.call_timeout),
        });
        // Nothing that waits must wait longer because somebody sets the clock: from here on time only passes.
        let time = TokioClock::starting_at(self.clock.now());
        let inbox = Inbox::open(journal.clone()).await?;
        let (sender, receiver) = mpsc::channel(1024);
        let (status, _) = watch::channel(Status::default());
        let patient = Patient::new(store, status.clone());
        let ledger = Ledger::open(ledger::Parts {
            journal: Journal::open(Arc::new(patient)).await?,
            systems: Arc::clone(&systems),
            entity: Arc::new(self.entity),
            resolver: self.resolver,
            time,
            settings: self.settings.clone(),
            namespace: self.namespace,
            inbox: Arc::clone(&inbox),
            messages: receiver,
            status: status.clone(),
        })
        .await?;
        Ok(Engine {
            shared: Arc::new(Shared {
                systems,
                inbox,
                journal,
                clock: self.clock,
                time,
                sender,
                status,
                drain: self.settings.drain,
                ledger: Mutex::new(Some(ledger)),
            }),
        })
    }
}

fn system((connector, mapping): (Arc<dyn Connector>, Mapping), timeout: Duration) -> System {
    let description = connector.describe();
    let limiter = Limiter::new(&description.limits, description.concurrency);
    let connector = Arc::new(Trace::new(Timeout::new(connector, timeout)));
    System { connector, limiter, mapping }
}

/// A two-way sync between two systems. Clones are handles to the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    systems: Arc<PerSide<System>>,
    inbox: Arc<Inbox>,
    journal: Journal,
    /// What time it is, for signatures.
    clock: Arc<dyn Clock>,
    time: TokioClock,
    sender: mpsc::Sender<Message>,
    status: watch::Sender<Status>,
    drain: Duration,
    ledger: Mutex<Option<Ledger>>,
}

impl Engine {
    /// Starts building an engine for an entity.
    pub fn builder(entity: Entity) -> EngineBuilder {
        EngineBuilder {
            entity,
            left: None,
            right: None,
            resolver: Arc::new(LastWriterWins { tie: Side::Left }),
            store: None,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
            namespace: None,
        }
    }

    /// Syncs until `shutdown` completes, then drains: no new calls, calls under way are waited for, everything is on disk.
    ///
    /// Dropping the returned future stops the engine at once, as a crash would; nothing is lost by it.
    ///
    /// # Errors
    /// [`EngineError::Running`] on a second call; [`EngineError::Store`] when the store turns out to be damaged. A store
    /// that is merely unavailable is waited for.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let ledger = self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ledger = ledger.ok_or(EngineError::Running)?;
        let (stop, stopping) = watch::channel(false);
        let dispatchers = async {
            tokio::join!(
                dispatch::run(self.dispatcher(Side::Left), stopping.clone()),
                dispatch::run(self.dispatcher(Side::Right), stopping.clone()),
            );
        };
        let drained = async {
            let until = async {
                shutdown.await;
                stop.send_replace(true);
                tokio::time::sleep(self.shared.drain).await;
            };
            tokio::select! {
                biased;
                () = dispatchers => {}
                () = until => {}
            }
            // Behind every outcome the dispatchers have handed over.
            let _ = self.shared.sender.send(Message::Stop).await;
            std::future::pending::<()>().await;
        };
        // In a fixed order, so that a simulation can be repeated.
        tokio::select! {
            biased;
            result = ledger.run() => result.map_err(EngineError::Store),
            () = drained => Ok(()),
        }
    }

    fn dispatcher(&self, side: Side) -> dispatch::Dispatcher {
        let system = &self.shared.systems[side];
        dispatch::Dispatcher {
            side,
            connector: Arc::clone(&system.connector),
            limiter: system.limiter.clone(),
            ledger: self.shared.sender.clone(),
            status: self.shared.status.subscribe(),
            asked: 0,
        }
    }

    /// Lets everything through that the [brake](crate::brake) holds back, and does not brake again for an hour: a person
    /// has said that it is meant. Durable when this returns. Gives how many pairs waited.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] unless the engine runs.
    pub async fn release_brake(&self) -> Result<u64, EngineError> {
        let (reply, released) = oneshot::channel();
        let sent = self.shared.sender.send(Message::Release(reply)).await;
        sent.map_err(|_| EngineError::Stopped)?;
        released.await.map_err(|_| EngineError::Stopped)
    }

    /// The state of the engine as of its last turn.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    /// Follows [`Engine::status`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// What the engine remembers, for looking at it.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }
}
