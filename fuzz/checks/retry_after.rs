//! A wait that a far side asks for, in any words.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sync_core::connector::{Connector, Error, Query};
use sync_core::retry::MAX_RETRY_AFTER;

/// The call failed without effect, and nobody waits for too long. The connector's transport answers at once.
pub(crate) fn check(connector: &dyn Connector) {
    let mut read = pin!(connector.read(&Query::Page(None)));
    let Poll::Ready(answer) = read.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a connector waits by itself");
    };
    match answer {
        Err(Error::Throttled { retry_after, .. }) => {
            assert!(retry_after.unwrap_or_default() <= MAX_RETRY_AFTER)
        }
        other => panic!("429 was taken for something else: {other:?}"),
    }
}
