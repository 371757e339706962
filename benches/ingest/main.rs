//! What a webhook costs us in CPU time, beside the physical floor: `cargo bench --bench ingest`.
//!
//! *Durable ingest*: a signed webhook of about 1 KB is posted and answered 200 once it is on disk. *End to end*: a payment is
//! posted, and it counts once the other system has acknowledged the call that it leads to.
//!
//! Three programs are fed with the same requests over the same number of connections, one after the other in every round,
//! each in a process of its own with a new directory on the same disk:
//!
//! * `floor`: the least that could do it (see `floor`);
//! * `accept`: the routes of the runner and `Engine::accept` on its store, without anybody who takes in what arrives;
//! * `engine`: the whole program, `wane-sync serve`. While it answers webhooks it also takes in what they say, which is the
//!   work that the other two leave undone.
//!
//! Only the CPU time of those processes counts, by the kernel's account; the load and the emulated systems are in this one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops when something is wrong, and announces itself"
)]

mod accept;
mod floor;
mod load;
mod program;

use std::process::ExitCode;
use std::time::Duration;

use stage::figures::{Effort, Rounds, Table};

use program::{Cost, Kind};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The measured processes: this program, started again.
    match words.as_slice() {
        ["serve", ..] => return stage::main_with(std::env::args_os()),
        ["floor", directory, call @ ..] => floor::main(directory, call),
        ["accept", directory] => accept::main(directory),
        _ => {}
    }
    let effort = Effort::asked();
    if effort != Effort::None {
        runner_http::install_tls();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(measure(effort));
    }
    ExitCode::SUCCESS
}

async fn measure(effort: Effort) {
    let rounds = effort.pick(5, 9);
    let (webhooks, payments) = effort.pick((8_000, 4_000), (30_000, 12_000));
    let mut ingest = Measured::default();
    for round in 0..rounds {
        for kind in turns(&[Kind::Floor, Kind::Accept, Kind::Engine], round) {
            ingest.add(kind, program::ingest(kind, webhooks).await);
        }
    }
    let what = format!("{webhooks} signed webhooks over {} connections", load::CONNECTIONS);
    ingest.publish(&format!("Durable ingest: {what}, {rounds} rounds"), "per request");
    let mut whole = Measured::default();
    for round in 0..rounds {
        for kind in turns(&[Kind::Floor, Kind::Engine], round) {
            whole.add(kind, program::end_to_end(kind, payments).await);
        }
    }
    let what = format!("{payments} payments over {} connections, a call for each", load::CONNECTIONS);
    whole.publish(&format!("Webhook to acknowledged call: {what}, {rounds} rounds"), "per event");
}

/// Every round begins with another one.
fn turns(kinds: &[Kind], round: usize) -> Vec<Kind> {
    let mut turns = kinds.to_vec();
    turns.rotate_left(round % kinds.len());
    turns
}

/// The costs of each program, round by round.
#[derive(Default)]
struct Measured(Vec<(Kind, Vec<Cost>)>);

impl Measured {
    fn add(&mut self, kind: Kind, cost: Cost) {
        match self.0.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, costs)) => costs.push(cost),
            None => self.0.push((kind, vec![cost])),
        }
    }

    fn of(&self, kind: Kind) -> &[Cost] {
        self.0.iter().find(|(k, _)| *k == kind).map_or(&[], |(_, costs)| costs)
    }

    fn publish(&self, title: &str, unit: &str) {
        let cpu = format!("CPU {unit}");
        let columns =
            [cpu.as_str(), "median", "least", "most", "floor / it: median", "worst", "peak memory", "time"];
        let mut table = Table::new(title, &columns);
        for (kind, costs) in &self.0 {
            let each: Rounds = costs.iter().map(|cost| cost.cpu_each()).collect();
            let floor = self.of(Kind::Floor).iter().map(|cost| cost.cpu_each());
            let ratios: Rounds = floor.zip(costs).map(|(floor, cost)| floor / cost.cpu_each()).collect();
            let peak: Rounds = costs.iter().map(|cost| cost.peak as f64 / f64::from(1 << 20)).collect();
            let time: Rounds = costs.iter().map(|cost| cost.time.as_secs_f64()).collect();
            let micros = |figure: f64| format!("{figure:.1} µs");
            table.row([
                kind.name().to_owned(),
                micros(each.median()),
                micros(each.least()),
                micros(each.most()),
                format!("{:.2}", ratios.median()),
                format!("{:.2}", ratios.least()),
                format!("{:.1} MiB", peak.most()),
                format!("{:.1} s", time.median()),
            ]);
        }
        table.publish().unwrap();
    }
}

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(300);
