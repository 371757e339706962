//! What many pairs cost: memory, disk, a look at all of them, a restart. `cargo bench --bench scale`.
//!
//! For each size a process of its own lists both sides into an empty store; the next one sweeps: it lists them again and finds
//! that nothing has changed; then the whole program starts on that store. Listing is against systems in memory that make no JSON, so what
//! is counted is the engine's and the store's own work, not the vendors' format.
//!
//! The growth exponent of a cost says that it grows with the number of pairs to that power: 1 is in proportion.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops when something is wrong")]

mod list;
mod still;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use stage::figures::{Effort, Rounds, Table, Used};
use stage::{How, World, WorldConfig};
use tokio::time::Instant;

use list::Listed;

/// How often the whole program is started on each store.
const STARTS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        // The measured processes: this program, started again.
        ["serve", ..] => return stage::main_with(std::env::args_os()),
        ["list", directory, pairs] => list::main(directory, pairs.parse().unwrap()),
        _ => {}
    }
    let effort = Effort::asked();
    if effort != Effort::None {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sizes: &[usize] = effort.pick(&[5_000, 20_000], &[10_000, 100_000, 1_000_000]);
        let empty = runtime.block_on(start(0));
        let sizes: Vec<Size> = sizes.iter().map(|pairs| runtime.block_on(start(*pairs))).collect();
        publish(&empty, &sizes);
    }
    ExitCode::SUCCESS
}

/// What so many pairs cost.
struct Size {
    pairs: usize,
    first: Listed,
    again: Listed,
    /// From the start of the process until it takes webhooks, in milliseconds.
    ready: Rounds,
    /// Memory of the whole program when it is ready.
    resident: u64,
}

/// Fills a store with so many pairs, if any, looks at them again, and starts the whole program on it.
async fn start(pairs: usize) -> Size {
    let mut world = World::new(WorldConfig::quick(How::Process)).await.unwrap();
    let directory = world.store_dir();
    let list = || if pairs == 0 { Listed::default() } else { in_a_process(&directory, pairs) };
    let (first, again) = (list(), list());
    let (mut ready, mut resident) = (Rounds::default(), 0);
    for _ in 0..STARTS {
        if pairs == 0 && directory.exists() {
            std::fs::remove_dir_all(&directory).unwrap();
        }
        let began = Instant::now();
        world.start_engine().await.unwrap();
        ready.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(300)).await;
        resident = Used::by(world.engine_process().unwrap()).resident;
        // Killed: the next one has to see whether the file is sound.
        world.kill_engine().await.unwrap();
    }
    Size { pairs, first, again, ready, resident }
}

fn in_a_process(directory: &std::path::Path, pairs: usize) -> Listed {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.arg("list").arg(directory).arg(pairs.to_string()).stderr(Stdio::inherit());
    let output = process.output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn publish(empty: &Size, sizes: &[Size]) {
    let mut columns = vec!["pairs".to_owned(), "0".to_owned()];
    columns.extend(sizes.iter().map(|size| size.pairs.to_string()));
    columns.push("growth exponent".to_owned());
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new("Scale", &columns);
    let micros = |cpu: f64, pairs: usize| format!("{:.1} µs", cpu / (2 * pairs) as f64);
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let mut row =
        |what: &str, of_none: String, cell: &dyn Fn(&Size) -> String, cost: &dyn Fn(&Size) -> f64| {
            let cells = sizes.iter().map(cell);
            let first = [what.to_owned(), of_none];
            table.row(first.into_iter().chain(cells).chain([exponent(sizes, cost)]));
        };
    row("first listing, CPU per record", String::new(), &|s| micros(s.first.cpu_micros, s.pairs), &|s| {
        s.first.cpu_micros
    });
    row(
        "no-change sweep, CPU per record and side (must: 5 µs)",
        String::new(),
        &|s| micros(s.again.cpu_micros, s.pairs),
        &|s| s.again.cpu_micros,
    );
    row(
        "of that, making the records, which is the bench's work",
        String::new(),
        &|s| micros(s.again.making_micros, s.pairs),
        &|s| s.again.making_micros,
    );
    row(
        "calls of that sweep / pages",
        String::new(),
        &|s| format!("{} / {}", s.again.calls, s.again.pages),
        &|s| s.again.calls as f64,
    );
    row("writes of that sweep", String::new(), &|s| s.again.rewritten.to_string(), &|_| 0.0);
    row("peak memory of that sweep", String::new(), &|s| mebibytes(s.again.peak), &|s| s.again.peak as f64);
    row("peak memory of the first listing", String::new(), &|s| mebibytes(s.first.peak), &|s| {
        s.first.peak as f64
    });
    row("disk", String::new(), &|s| mebibytes(s.again.disk), &|s| s.again.disk as f64);
    row("disk per pair", String::new(), &|s| format!("{} B", s.again.disk / s.pairs as u64), &|_| 0.0);
    row(
        "a pair's row, and its four fields on both sides",
        String::new(),
        &|s| format!("{:.0} B, {:.0} B", s.again.row, s.again.raw),
        &|_| 0.0,
    );
    let ready = |s: &Size| format!("{:.0} ms, {:.0} ms", s.ready.median(), s.ready.most());
    row("kill -9 to ready: median, worst (must: 50 ms; 2 s)", ready(empty), &ready, &|s| s.ready.median());
    row("memory of the program when ready", mebibytes(empty.resident), &|s| mebibytes(s.resident), &|s| {
        s.resident as f64
    });
    table.publish().unwrap();
}

/// From the smallest to the largest size.
fn exponent(sizes: &[Size], cost: &dyn Fn(&Size) -> f64) -> String {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else { return String::new() };
    if cost(first) <= 0.0 || last.pairs == first.pairs {
        return String::new();
    }
    let growth = (cost(last) / cost(first)).ln() / (last.pairs as f64 / first.pairs as f64).ln();
    format!("{growth:.2}")
}
