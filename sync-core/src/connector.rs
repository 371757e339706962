//! The port to a remote system. Implement [`Connector`] to bring a system of your own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

use crate::model::{Activity, News, OpId, PairId, Properties, Record, RecordId, Timestamp, Value};
use crate::quota::{Call, Window};

/// A webhook as it arrived: method, path and query as received, headers, raw body.
pub type Delivery = http::Request<Bytes>;

/// What a connector says about its system. Fixed for the connector's lifetime.
#[derive(Debug, Clone)]
pub struct Description {
    /// Short lower-case name for logs, metrics and routes, for example `stripe`.
    pub name: &'static str,
    /// Calls the far side accepts; all of these hold at once, those for one kind of call as well as those for all.
    pub limits: Vec<Window>,
    /// Most calls under way at once.
    pub concurrency: usize,
    /// Most record ids one [`Query::Ids`] may carry; at least 1.
    pub read_batch: usize,
    /// Most rows one [`Connector::write`] of creates or updates may carry; at least 1.
    pub write_batch: usize,
    /// Whether each row of a write has its own answer. Where one bad row fails its whole call, calls carry the fewer rows
    /// the more of them turn out bad.
    pub row_level: bool,
    /// Most activities one [`Connector::write`] may carry; 0 when the system takes none.
    pub emit_batch: usize,
    /// Most records that one [`Connector::write`] of otherwise empty updates can make name their twins. 1: they are not
    /// worth calls of their own, so a missing link goes along with another change of the record. 0: only creations carry
    /// links.
    pub link_batch: usize,
    /// The step of the system's clock: times closer than this cannot be told apart.
    pub resolution: Duration,
    /// How long it may take until a change is among the answers to [`Query::ChangedSince`].
    pub lag: Duration,
}

/// To start from: no limits (a real system has some: set them), one call at a time, one record a call, a clock of
/// milliseconds, no activities, a search that lags by a minute.
impl Default for Description {
    fn default() -> Self {
        Self {
            name: "system",
            limits: Vec::new(),
            concurrency: 1,
            read_batch: 1,
            write_batch: 1,
            row_level: true,
            emit_batch: 0,
            link_batch: 0,
            resolution: Duration::from_millis(1),
            lag: Duration::from_secs(60),
        }
    }
}

/// A question to a system. Answering it costs exactly one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// These records, by id; at most [`Description::read_batch`].
    Ids(Vec<RecordId>),
    /// The record of a pair, wherever it may be: by our mark, by its twin, or by the match value.
    Find(Lookup),
    /// All records, page by page; `None` for the first page.
    Page(Option<Cursor>),
    /// Records changed at or after a time of the system's own clock, as far as the system can tell, page by page. A system
    /// that cannot tell answers [`Error::Refused`], and lost webhooks are found by the sweep only.
    ChangedSince(Timestamp, Option<Cursor>),
}

impl Query {
    /// The kind of call that answers it.
    #[must_use]
    pub const fn call(&self) -> Call {
        match self {
            Self::Ids(_) => Call::Read,
            Self::Find(_) => Call::Find,
            Self::Page(_) => Call::List,
            Self::ChangedSince(..) => Call::Changes,
        }
    }
}

/// What is known of a record that may or may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// What we would have written into it.
    pub link: Link,
    /// The match field's value, if there is one.
    pub match_value: Option<Value>,
}

/// Where the next page starts. Opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// The answer to a [`Query`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Records found, in any order. For [`Query::Ids`], a record answers for its `id` and its `aliases`; ids that no
    /// returned record answers for do not exist (or were deleted).
    pub records: Vec<Record>,
    /// For [`Query::ChangedSince`], where the system keeps a journal: what happened, as its webhooks would have told it,
    /// oldest first: times alone cannot order what happened within one tick of its clock.
    pub news: Vec<News>,
    /// Where to go on, for paged queries; `None` at the end.
    pub next: Option<Cursor>,
    /// The system's own time when it answered, if it says.
    pub as_of: Option<Timestamp>,
}

/// How many more calls a system says it will take, in one of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// Calls left.
    pub calls: u32,
    /// The length of the window.
    pub per: Duration,
}

/// The traces we leave in a record we create, by which it can be recognised whatever happens to our answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The pair.
    pub pair: PairId,
    /// The record on the other side.
    pub twin: Option<RecordId>,
}

/// One row of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The durable name of this write. A repeated attempt carries the same one and the same body.
    pub op: OpId,
    /// What to do.
    pub body: WriteBody,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteBody {
    /// Create a record with this content, and leave the link in it.
    Create {
        /// Native content; empty properties need not be sent.
        properties: Properties,
        /// To be written into the record.
        link: Link,
    },
    /// Change just these properties; `None` clears one.
    Update {
        /// The record.
        id: RecordId,
        /// The properties that change. There may be none, if there is a link.
        properties: Properties,
        /// The record on the other side, if it is to be written into this one, as in [`WriteBody::Create`].
        link: Option<RecordId>,
    },
    /// Tell an activity of a record.
    Emit {
        /// The record it belongs to.
        id: RecordId,
        /// What happened.
        activity: Arc<Activity>,
    },
}

impl WriteBody {
    /// Whether this creates a record.
    #[must_use]
    pub fn is_create(&self) -> bool {
        matches!(self, Self::Create { .. })
    }

    /// The record it concerns; a creation concerns none yet.
    #[must_use]
    pub fn record(&self) -> Option<&RecordId> {
        match self {
            Self::Create { .. } => None,
            Self::Update { id, .. } | Self::Emit { id, .. } => Some(id),
        }
    }

    /// The kind of call that does it.
    #[must_use]
    pub const fn call(&self) -> Call {
        match self {
            Self::Create { .. } => Call::Create,
            Self::Update { .. } => Call::Update,
            Self::Emit { .. } => Call::Emit,
        }
    }

    /// Rows of one batch must be of one kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Emit { .. } => "emit",
        }
    }
}

/// Proof that a write was applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The record after the write, where the system returns it. Always present after a create.
    pub record: Option<Record>,
    /// The system's own time of the write, if it says.
    pub at: Option<Timestamp>,
}

/// Why a call, or one row of it, failed. Texts are safe to log: they never quote values.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The system is limiting us; certainly not applied.
    #[error("throttled: {reason}")]
    Throttled {
        /// What the system said.
        reason: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The call certainly had no effect: it never left, or the system refused to start on it.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The call may or may not have been applied.
    #[error("outcome unknown: {reason}")]
    Ambiguous {
        /// What happened.
        reason: String,
    },
    /// The system will not take this content, now or later.
    #[error("refused: {reason}")]
    Refused {
        /// The vendor's reason, without values.
        reason: String,
        /// The native properties at fault, where the system says.
        properties: Vec<String>,
    },
    /// A record with this identity exists already.
    #[error("exists already")]
    Exists {
        /// Its id, where the system says.
        id: Option<RecordId>,
    },
    /// The record is not there (any more).
    #[error("no such record")]
    Missing,
    /// We are not allowed in: wrong, expired or under-privileged credentials.
    #[error("not authorised: {reason}")]
    Unauthorized {
        /// What the system said.
        reason: String,
    },
}

/// What a caller does about an [`Error`](enum@Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing happened; try again, not before the given wait.
    Retry(Option<Duration>),
    /// Something may have happened; look before doing anything else.
    Look,
    /// Set this content aside; trying it again is pointless.
    Quarantine,
    /// Stop calling this system until a person has acted; nothing is lost meanwhile.
    Halt,
}

impl Error {
    /// What to do about it. This is all that callers ask of an error.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Throttled { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                Remedy::Retry(*retry_after)
            }
            Self::Ambiguous { .. } | Self::Exists { .. } | Self::Missing => Remedy::Look,
            Self::Refused { .. } => Remedy::Quarantine,
            Self::Unauthorized { .. } => Remedy::Halt,
        }
    }
}

/// Why a delivery is not accepted. The display text is safe to send back and to log.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// A signature header is missing or cannot be read.
    #[error("signature missing or unreadable")]
    Unsigned,
    /// No configured secret gives this signature.
    #[error("signature does not match")]
    Forged,
    /// The signed time is too far from now, in either direction.
    #[error("signature is too old or from the future")]
    Stale,
}

/// One remote system.
///
/// Every `read` and `write` makes exactly one call to the far side: budgets count on it. A connector neither retries
/// nor waits for a rate limit; wrap it in the [`layers`](crate::layers) for that (the engine does).
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// What the system is like.
    fn describe(&self) -> &Description;

    /// Verifies a webhook against `now` and decodes it. Pure: no I/O, no clock.
    ///
    /// # Errors
    /// A [`Rejection`] when the delivery is not authentic. Authentic but unintelligible content is not an error but
    /// [`News::Malformed`].
    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection>;

    /// Asks the system something.
    ///
    /// # Errors
    /// Any [`Error`](enum@Error); reads have no effect, so even [`Error::Ambiguous`] may be repeated.
    async fn read(&self, query: &Query) -> Result<Answer, Error>;

    /// Writes rows of one kind, at most [`Description::write_batch`]; no record appears twice.
    ///
    /// Gives one result for each row, in the order of the rows.
    ///
    /// # Errors
    /// When the call failed as a whole: for [`Error::Refused`] and [`Error::Exists`] that means one or more unnamed
    /// rows are at fault and *none* was applied.
    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error>;

    /// What the system has said, since this was last asked, about how many more calls it will take. By default, nothing.
    fn remaining(&self) -> Vec<Remaining> {
        Vec::new()
    }
}

#[async_trait]
impl<C: Connector + ?Sized> Connector for std::sync::Arc<C> {
    fn describe(&self) -> &Description {
        (**self).describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        (**self).decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        (**self).read(query).await
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        (**self).write(rows).await
    }

    fn remaining(&self) -> Vec<Remaining> {
        (**self).remaining()
    }
}
