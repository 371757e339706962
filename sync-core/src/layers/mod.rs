//! Connectors around connectors: each layer adds one thing to every call and is a [`Connector`](crate::connector::Connector)
//! itself.
//!
//! From the outside in, the order that makes sense:
//!
//! 1. [`Retry`] repeats a call that certainly had no effect. Outermost, so that each repetition waits its turn.
//! 2. [`Limit`] waits for the far side's budget, through a [`Limiter`] that all callers of one system share.
//! 3. [`Trace`] tells how each call went, without the wait for the budget.
//! 4. [`Timeout`] gives up on a call. Inside [`Limit`], so that waiting one's turn is not taken for a slow far side.

mod limit;
mod retry;
mod timeout;
mod trace;

pub use limit::{Limit, Limiter, Permit};
pub use retry::Retry;
pub use timeout::Timeout;
pub use trace::Trace;
