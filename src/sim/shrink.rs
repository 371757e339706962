//! Making a failing scenario small.

use super::play::play;
use super::scenario::Scenario;

/// Drops steps and shortens waits for as long as the scenario still breaks the same promise.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let mut best = scenario.clone();
    let Some(promise) = broken(&best) else { return best };
    let fails = |candidate: &Scenario| broken(candidate).as_ref() == Some(&promise);
    loop {
        let before = best.steps.len();
        drop_steps(&mut best, &fails);
        simplify(&mut best, &fails);
        if best.steps.len() == before {
            return best;
        }
    }
}

/// The name of the broken promise: the text up to the first colon.
fn broken(scenario: &Scenario) -> Option<String> {
    let broken = play(scenario, false).broken?;
    let words = broken.strip_prefix("after replay: ").unwrap_or(&broken);
    Some(words.chars().filter(|c| !c.is_ascii_digit()).take(14).collect())
}

fn drop_steps(best: &mut Scenario, fails: &dyn Fn(&Scenario) -> bool) {
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            let end = (at + size).min(candidate.steps.len());
            // The time that the dropped steps took is kept, at first.
            let took: u64 = candidate.steps.drain(at..end).map(|timed| timed.wait_ms).sum();
            if let Some(next) = candidate.steps.get_mut(at) {
                next.wait_ms += took;
            }
            candidate.setup.before -= candidate.setup.before.saturating_sub(at).min(end - at);
            if fails(&candidate) {
                *best = candidate;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

fn simplify(best: &mut Scenario, fails: &dyn Fn(&Scenario) -> bool) {
    let mut keep_if_failing = |change: &dyn Fn(&mut Scenario)| {
        let mut candidate = best.clone();
        change(&mut candidate);
        if fails(&candidate) {
            *best = candidate;
        }
    };
    keep_if_failing(&|s| s.setup.hubspot_skew_ms = 0);
    keep_if_failing(&|s| s.setup.stripe_skew_ms = 0);
    keep_if_failing(&|s| s.setup.asks = s.setup.lost_percent > 0);
    keep_if_failing(&|s| s.setup.duplicate_percent = 0);
    keep_if_failing(&|s| s.setup.reorder = false);
    keep_if_failing(&|s| s.setup.single = false);
    keep_if_failing(&|s| s.setup.fan_out = false);
    keep_if_failing(&|s| s.setup.legacy_batches = false);
    keep_if_failing(&|s| s.setup.search_lag_ms = 0);
    keep_if_failing(&|s| s.setup.store_ms = 0);
    keep_if_failing(&|s| s.setup.network_ms = 2);
    keep_if_failing(&|s| s.setup.webhook_ms = 30);
    for index in 0..best.steps.len() {
        let mut keep_if_failing = |wait_ms: u64| {
            let mut candidate = best.clone();
            candidate.steps[index].wait_ms = wait_ms;
            if candidate.steps[index].wait_ms < best.steps[index].wait_ms && fails(&candidate) {
                *best = candidate;
            }
        };
        keep_if_failing(0);
        keep_if_failing(5_000);
        keep_if_failing(1_000);
    }
}
