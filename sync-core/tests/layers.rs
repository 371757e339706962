//! Does each layer add its one thing to a call, and nothing else?

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::layers::{Limit, Limiter, Retry, Timeout, Trace};
use sync_core::model::{News, OpId, RecordId, Timestamp, Value};
use sync_core::quota::Window;
use tokio::time::Instant;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A connector that fails as it is told to, then succeeds; it notes when it was called.
#[derive(Clone)]
struct Scripted {
    description: Description,
    start: Instant,
    failures: Arc<Mutex<VecDeque<Error>>>,
    called: Arc<Mutex<Vec<Duration>>>,
    takes: Duration,
}

impl Scripted {
    fn failing(failures: impl IntoIterator<Item = Error>) -> Self {
        let description = Description {
            name: "scripted",
            limits: Vec::new(),
            concurrency: 1,
            read_batch: 1,
            write_batch: 100,
            row_level: true,
            emit_batch: 0,
            link_batch: 0,
            resolution: Duration::ZERO,
            lag: Duration::from_secs(60),
        };
        Self {
            description,
            start: Instant::now(),
            failures: Arc::new(Mutex::new(failures.into_iter().collect())),
            called: Arc::default(),
            takes: Duration::ZERO,
        }
    }

    fn calls(&self) -> Vec<Duration> {
        self.called.lock().unwrap().clone()
    }

    async fn call(&self) -> Result<(), Error> {
        self.called.lock().unwrap().push(self.start.elapsed());
        tokio::time::sleep(self.takes).await;
        self.failures.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Connector for Scripted {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn decode(&self, _delivery: &Delivery, _now: Timestamp) -> Result<Vec<News>, Rejection> {
        Err(Rejection::Forged)
    }

    async fn read(&self, _query: &Query) -> Result<Answer, Error> {
        self.call().await.map(|()| Answer::default())
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.call().await?;
        Ok(rows.iter().map(|_| Err(throttled(None))).collect())
    }
}

fn throttled(retry_after: Option<Duration>) -> Error {
    Error::Throttled { reason: "slow down".to_owned(), retry_after }
}

fn unavailable() -> Error {
    Error::Unavailable { reason: "down".to_owned(), retry_after: None }
}

fn ambiguous() -> Error {
    Error::Ambiguous { reason: "cut off".to_owned() }
}

fn one_read() -> Query {
    Query::Ids(vec![RecordId::new("secret-id")])
}

fn one_row() -> Vec<Write> {
    let properties = [("email".to_owned(), Value::new("ada@example.com"))].into();
    let body = WriteBody::Update { id: RecordId::new("secret-id"), properties, link: None };
    vec![Write { op: OpId::new("op-1"), body }]
}

#[tokio::test(start_paused = true)]
async fn is_a_call_without_effect_repeated_after_growing_waits() {
    let scripted = Scripted::failing([unavailable(), throttled(Some(MS(700))), throttled(None)]);
    Retry::new(scripted.clone(), 3, 1).write(&one_row()).await.unwrap();
    let calls = scripted.calls();
    let waits: Vec<_> = calls.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((MS(50)..=MS(101)).contains(&waits[0]), "{waits:?}");
    assert_eq!(waits[1], MS(700), "what the far side asked for is a floor");
    assert!((MS(200)..=MS(401)).contains(&waits[2]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn does_retry_give_up_after_its_last_attempt() {
    let scripted = Scripted::failing(std::iter::repeat_n(unavailable(), 9));
    assert_eq!(Retry::new(scripted.clone(), 2, 1).read(&one_read()).await, Err(unavailable()));
    assert_eq!(scripted.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn is_everything_else_returned_at_once() {
    let hopeless = [
        throttled(Some(MS(1001))),
        ambiguous(),
        Error::Refused { reason: String::new(), properties: Vec::new() },
        Error::Exists { id: None },
        Error::Missing,
        Error::Unauthorized { reason: String::new() },
    ];
    for error in hopeless {
        let scripted = Scripted::failing([error.clone()]);
        let retry = Retry::new(scripted.clone(), 3, 1);
        assert_eq!(retry.write(&one_row()).await, Err(error));
        assert_eq!(scripted.calls(), [Duration::ZERO]);
    }
    let scripted = Scripted::failing([]);
    assert_eq!(Retry::new(scripted.clone(), 3, 1).write(&one_row()).await, Ok(vec![Err(throttled(None))]));
    assert_eq!(scripted.calls().len(), 1, "rows that fail are not the layer's business");
}

#[tokio::test(start_paused = true)]
async fn do_calls_that_fail_together_come_back_apart() {
    let scripted = Scripted::failing(std::iter::repeat_n(unavailable(), 8));
    let retry = Retry::new(scripted.clone(), 1, 1);
    let call = || async { retry.read(&one_read()).await.unwrap() };
    tokio::join!(call(), call(), call(), call(), call(), call(), call(), call());
    let mut again = scripted.calls().split_off(8);
    again.dedup();
    assert!(again.len() >= 5, "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn are_most_calls_not_repeated_while_most_fail() {
    let scripted = Scripted::failing(std::iter::repeat_n(unavailable(), 1_000));
    let retry = Retry::new(scripted.clone(), 3, 1);
    for _ in 0..100 {
        assert!(retry.read(&one_read()).await.is_err());
    }
    let (calls, seconds) = (scripted.calls().len(), scripted.calls().last().unwrap().as_secs() as usize);
    let repeated = calls - 100;
    assert!(repeated <= 10 + calls / 5 + seconds + 1, "{repeated} of {calls} in {seconds} s");
    assert!(repeated > 20);
}

#[tokio::test(start_paused = true)]
async fn is_a_slow_write_ambiguous_but_a_slow_read_harmless() {
    let slow = Scripted { takes: MS(501), ..Scripted::failing([]) };
    let timeout = Timeout::new(slow.clone(), MS(500));
    let reason = "no answer within 500ms".to_owned();
    assert_eq!(timeout.write(&one_row()).await, Err(Error::Ambiguous { reason: reason.clone() }));
    assert_eq!(timeout.read(&one_read()).await, Err(Error::Unavailable { reason, retry_after: None }));

    let in_time = Timeout::new(Scripted { takes: MS(499), ..slow }, MS(500));
    in_time.read(&one_read()).await.unwrap();
    in_time.write(&one_row()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn does_each_call_wait_its_turn_until_a_window_after_the_last_response() {
    let scripted = Scripted { takes: MS(30), ..Scripted::failing([]) };
    let limiter = Limiter::new(&[Window::per_seconds(1, 1)], 10);
    let edits = Limit::new(scripted.clone(), limiter.clone());
    let sweeps = Limit::new(scripted.clone(), limiter);
    let (first, rows) = (one_read(), one_row());
    let (_, _, _) = tokio::join!(sweeps.read(&first), sweeps.read(&first), edits.write(&rows));
    assert_eq!(scripted.calls(), [MS(0), MS(1030), MS(2060)]);
}

#[tokio::test(start_paused = true)]
async fn does_a_throttled_call_silence_everyone_for_as_long_as_it_was_told() {
    let scripted = Scripted::failing([throttled(Some(MS(2500))), throttled(None), ambiguous()]);
    let limiter = Limiter::new(&[], 10);
    let limit = Limit::new(scripted.clone(), limiter.clone());
    let other = Limit::new(scripted.clone(), limiter);
    assert!(limit.read(&one_read()).await.is_err());
    assert!(other.read(&one_read()).await.is_err());
    assert!(limit.read(&one_read()).await.is_err());
    other.read(&one_read()).await.unwrap();
    assert_eq!(scripted.calls(), [MS(0), MS(2500), MS(2500), MS(2500)]);
}

#[tokio::test(start_paused = true)]
async fn does_a_stack_of_layers_count_and_limit_each_repetition() {
    let scripted = Scripted::failing([unavailable(), unavailable()]);
    let limiter = Limiter::new(&[Window::per_seconds(1, 5)], 1);
    let inner = Trace::new(Timeout::new(scripted.clone(), MS(500)));
    let stack = Retry::new(Limit::new(inner, limiter), 2, 7);
    stack.read(&one_read()).await.unwrap();
    assert_eq!(scripted.calls(), [MS(0), MS(5000), MS(10_000)]);
    assert_eq!(stack.describe().name, "scripted");
    assert_eq!(stack.decode(&Delivery::default(), Timestamp::EPOCH), Err(Rejection::Forged));
}

/// Writes every span and event to a text.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<String>>);

struct Visitor<'a>(&'a mut String);

impl tracing::field::Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl tracing::Subscriber for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("sync_core")
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Visitor(&mut self.0.lock().unwrap()));
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Visitor(&mut self.0.lock().unwrap()));
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn does_a_trace_tell_how_a_call_went_and_nothing_about_people() {
    let recorder = Recorder::default();
    let _guard = tracing::subscriber::set_default(recorder.clone());
    let slow = Scripted { takes: MS(20), ..Scripted::failing([ambiguous()]) };
    let trace = Trace::new(slow);
    assert!(trace.read(&one_read()).await.is_err());
    assert!(trace.write(&one_row()).await.is_ok());
    let text = std::mem::take(&mut *recorder.0.lock().unwrap());
    assert_eq!(
        text,
        "system=\"scripted\" kind=\"ids\" rows=1 \
         message=call ended outcome=\"ambiguous\" failed_rows=0 elapsed_ms=20 \
         system=\"scripted\" kind=\"update\" rows=1 \
         message=call ended outcome=\"ok\" failed_rows=1 elapsed_ms=20 "
    );
}
