//! Making calls: one dispatcher a side. It holds a permit before it asks what to do, so that what is most urgent *then*
//! is done, with what is known *then*.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::bisect::Group;
use super::ledger::Message;
use super::{SideStatus, Status};
use crate::connector::{Answer, Connector, Cursor, Error, Lookup, Query, Receipt, Remedy, Write};
use crate::layers::{Limiter, Permit};
use crate::model::{PairId, RecordId, Side};
use crate::quota::Call;

/// A record to be read, and the pair that wants to know, with [`Present::heard`](crate::model::Present::heard).
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) id: RecordId,
    pub(super) pair: Option<(PairId, u32)>,
}

/// A row to be written, and its pair.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) pair: PairId,
    pub(super) write: Write,
}

/// One call.
#[derive(Debug)]
pub(super) enum Job {
    Read {
        targets: Vec<Target>,
    },
    /// With [`Present::heard`](crate::model::Present::heard) as it is when this is asked.
    Find {
        pair: (PairId, u32),
        lookup: Lookup,
    },
    Write {
        rows: Vec<Row>,
        group: Option<Group>,
    },
    List {
        from: Option<Cursor>,
    },
    /// What changed?
    Ask {
        query: Query,
    },
}

/// What the ledger answers a dispatcher: what to do, if anything, with the permit that came with the question.
pub(super) type Reply = (Option<Job>, Permit);

/// The results of a write, row by row, or of the call as a whole.
pub(super) type Written = Result<Vec<Result<Receipt, Error>>, Error>;

/// How a call went.
#[derive(Debug)]
pub(super) enum Report {
    Read { targets: Vec<Target>, answer: Result<Answer, Error> },
    Found { pair: (PairId, u32), answer: Result<Answer, Error> },
    Written { rows: Vec<Row>, group: Option<Group>, result: Written },
    Listed { answer: Result<Answer, Error> },
    Asked { query: Query, answer: Result<Answer, Error> },
}

impl Job {
    /// The kind of call it takes.
    pub(super) fn call(&self) -> Call {
        match self {
            Self::Read { .. } => Call::Read,
            Self::Find { .. } => Call::Find,
            Self::List { .. } => Call::List,
            Self::Ask { query } => query.call(),
            Self::Write { rows, .. } => match rows.first() {
                Some(row) => row.write.body.call(),
                None => Call::Update,
            },
        }
    }
}

impl Report {
    /// Why the call failed as a whole, if it did.
    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Read { answer, .. } | Self::Found { answer, .. } | Self::Listed { answer } => {
                answer.as_ref().err()
            }
            // A system that does not take this question may be well all the same.
            Self::Asked { answer, .. } => {
                answer.as_ref().err().filter(|e| matches!(e.remedy(), Remedy::Retry(_)))
            }
            // A single refused row says nothing about the side's health, but a throttled one does.
            Self::Written { result: Ok(rows), .. } if rows.len() == 1 => rows[0].as_ref().err(),
            Self::Written { result, .. } => result.as_ref().err(),
        }
    }
}

/// What the limiter learns from a report.
fn teach(limiter: &Limiter, report: &Report) {
    match report {
        Report::Written { result: Ok(rows), .. } => {
            rows.iter().filter_map(|row| row.as_ref().err()).for_each(|error| limiter.failed(error));
        }
        report => report.error().into_iter().for_each(|error| limiter.failed(error)),
    }
}

pub(super) struct Dispatcher {
    pub(super) side: Side,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) limiter: Limiter,
    pub(super) ledger: mpsc::Sender<Message>,
    pub(super) status: watch::Receiver<Status>,
    /// How often the ledger was asked since it last said what waits.
    pub(super) asked: usize,
}

/// Makes calls until `stopping` turns true, then waits for those under way.
pub(super) async fn run(dispatcher: Dispatcher, stopping: watch::Receiver<bool>) {
    let caller = Caller {
        side: dispatcher.side,
        connector: Arc::clone(&dispatcher.connector),
        limiter: dispatcher.limiter.clone(),
        ledger: dispatcher.ledger.clone(),
    };
    // As many as there are permits.
    let (asked, answers) = mpsc::unbounded_channel();
    tokio::join!(ask(dispatcher, asked, stopping), call_all(&caller, answers));
}

/// Asks on without waiting for answers: one turn of the ledger, and one commit, then answers several.
async fn ask(
    mut dispatcher: Dispatcher,
    asked: mpsc::UnboundedSender<oneshot::Receiver<Reply>>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let permit = tokio::select! {
            biased;
            // An error means that the engine itself is gone.
            _ = stopping.wait_for(|stop| *stop) => break,
            permit = dispatcher.permit() => permit,
        };
        let Some(answer) = dispatcher.ask(permit).await else { break };
        if asked.send(answer).is_err() {
            break;
        }
    }
}

/// Makes the calls that the ledger answers with. Not to be cancelled: such an answer is an intent that is on disk already.
async fn call_all(caller: &Caller, mut answers: mpsc::UnboundedReceiver<oneshot::Receiver<Reply>>) {
    let mut under_way = JoinSet::new();
    while let Some(answer) = answers.recv().await {
        let Ok((job, permit)) = answer.await else { break };
        while under_way.try_join_next().is_some() {}
        match job {
            // A task for each, from here on: until now there was nothing to do beside the ledger.
            Some(job) => drop(under_way.spawn(caller.clone().call(job, permit))),
            None => permit.unused(),
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Makes a call and tells the ledger.
#[derive(Clone)]
struct Caller {
    side: Side,
    connector: Arc<dyn Connector>,
    limiter: Limiter,
    ledger: mpsc::Sender<Message>,
}

impl Caller {
    async fn call(self, job: Job, permit: Permit) {
        let report = call(&*self.connector, job).await;
        self.limiter.told(&self.connector.remaining());
        teach(&self.limiter, &report);
        drop(permit);
        // The ledger is gone only when the engine is: then the intent is found again at the next start.
        let _ = self.ledger.send(Message::Done(self.side, report)).await;
    }
}

impl Dispatcher {
    /// Waits until there is work and the budget allows a call.
    async fn permit(&mut self) -> Permit {
        while !self.has_work() {
            if self.status.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.asked = 0;
        }
        self.limiter.acquire(None).await
    }

    /// Whether there is more to ask for than was asked for already.
    fn has_work(&mut self) -> bool {
        if self.status.has_changed().unwrap_or(false) {
            self.status.mark_unchanged();
            self.asked = 0;
        }
        let SideStatus { ready, waiting, .. } = self.status.borrow().sides[self.side];
        ready && self.asked < waiting.max(1)
    }

    /// Asks for a job, which comes with the end of the ledger's turn. `None` when the ledger is gone.
    async fn ask(&mut self, permit: Permit) -> Option<oneshot::Receiver<Reply>> {
        self.asked += 1;
        let (reply, answer) = oneshot::channel();
        self.ledger.send(Message::Ask(self.side, permit, reply)).await.ok()?;
        Some(answer)
    }
}

async fn call(connector: &dyn Connector, job: Job) -> Report {
    match job {
        Job::Read { targets } => {
            let ids = targets.iter().map(|t| t.id.clone()).collect();
            let answer = connector.read(&Query::Ids(ids)).await;
            Report::Read { targets, answer }
        }
        Job::Find { pair, lookup } => {
            let answer = connector.read(&Query::Find(lookup)).await;
            Report::Found { pair, answer }
        }
        Job::Write { rows, group } => {
            let writes: Vec<Write> = rows.iter().map(|r| r.write.clone()).collect();
            let result = connector.write(&writes).await;
            Report::Written { rows, group, result }
        }
        Job::Ask { query } => {
            let answer = connector.read(&query).await;
            Report::Asked { query, answer }
        }
        Job::List { from } => Report::Listed { answer: connector.read(&Query::Page(from)).await },
    }
}
