//! What must have happened before the first call to a system. Webhooks are taken meanwhile.
//!
//! *A quiet start.* The process before this one may have been killed a moment ago, right after using up a whole window
//! of the call budget. So nothing is sent until one window has passed. Not waited out are windows longer than
//! [`LONGEST_QUIET`], which begin anew unless the system says how much of them is left (HubSpot does), and windows for one
//! kind of call.
//!
//! *HubSpot's twin property.* It has to exist before it is read or written. The calls that see to it are not counted by
//! the engine, so another window passes after them.

use std::sync::Arc;
use std::time::Duration;

use connector_hubspot::{HubSpot, Provisioned};
use sync_core::connector::{Connector, Error, Remedy};
use sync_core::retry::Schedule;
use tokio::time::sleep;

use crate::gate::Latch;

/// Longest wait for a window to pass.
const LONGEST_QUIET: Duration = Duration::from_secs(10);
/// Spacing of attempts while HubSpot does not answer.
const SPACING: Schedule = Schedule { base: Duration::from_secs(1), max: Duration::from_secs(2), factor: 2.0 };

/// Opens Stripe's gate when it is time.
pub(crate) async fn stripe(quiet: Duration, latch: Latch) {
    sleep(quiet).await;
    latch.open();
}

/// Sees to HubSpot's twin property, for as long as it takes, and opens HubSpot's gate.
pub(crate) async fn hubspot(hubspot: Arc<HubSpot>, latch: Latch) {
    let quiet = quiet_time(&*hubspot);
    sleep(quiet).await;
    let mut attempt = 0;
    loop {
        match hubspot.provision().await {
            Ok(provisioned) => {
                announce(provisioned);
                break;
            }
            Err(error) => {
                let wait = SPACING.delay_after(attempt, u64::from(attempt), asked(&error));
                tracing::warn!(%error, wait_ms = wait.as_millis() as u64, "HubSpot's twin property not checked yet");
                latch.explain(&error);
                sleep(wait).await;
                attempt = attempt.saturating_add(1);
            }
        }
    }
    sleep(quiet).await;
    latch.open();
}

/// How long no call may be made after calls that nobody counted.
pub(crate) fn quiet_time(connector: &dyn Connector) -> Duration {
    let windows = connector.describe().limits.iter().filter(|window| window.only.is_none());
    windows.map(|window| window.per).filter(|per| *per <= LONGEST_QUIET).max().unwrap_or_default()
}

fn asked(error: &Error) -> Option<Duration> {
    match error.remedy() {
        Remedy::Retry(after) => after,
        _ => None,
    }
}

fn announce(provisioned: Provisioned) {
    match provisioned {
        Provisioned::Present => tracing::info!("HubSpot's twin property is there"),
        Provisioned::Created => tracing::info!("HubSpot's twin property was created"),
        Provisioned::Without { reason } => tracing::warn!(
            reason,
            "going on without HubSpot's twin property: contacts without an email address may be created twice after a lost answer"
        ),
    }
}
