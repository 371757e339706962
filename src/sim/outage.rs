//! L6: an outage is waited out. (That nothing is set aside because of it is a matter of P11, that everything is made up for
//! of L1.)

use std::time::Duration;

use sync_core::model::Timestamp;

use super::judge::Verdict;
use super::world::World;

/// Most calls that may run into an outage within a minute.
const MOST_A_MINUTE: usize = 60;

/// A system that is out of order is asked once a second at most. What was under way when it went out may fail at once.
pub(super) fn is_waited_out(world: &World) -> Verdict {
    for calls in [world.hubspot.dark_calls(), world.stripe.dark_calls()] {
        let most = most_in_a_minute(&calls);
        if most > MOST_A_MINUTE {
            return Err(format!("L6: {most} calls ran into an outage within a minute"));
        }
    }
    Ok(())
}

fn most_in_a_minute(calls: &[Timestamp]) -> usize {
    let within = |first: usize| {
        let end = calls[first].plus(Duration::from_secs(60));
        calls[first..].iter().take_while(|at| **at < end).count()
    };
    (0..calls.len()).map(within).max().unwrap_or(0)
}
