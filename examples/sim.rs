//! Plays simulations of the whole engine and says which promise breaks, if any.
//!
//! `sim --seed N [--trace]`: one of them. `sim --range A..B [--first]`, `sim --minutes M`: many; with `--first` only until
//! one is broken.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stage::sim::{Scenario, play, shrink};
use tokio::time::Instant;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--seed", seed, rest @ ..] => match seed.parse() {
            Ok(seed) => one(seed, rest.contains(&"--trace"), rest.contains(&"--shrink")),
            Err(_) => usage(),
        },
        ["--range", range, rest @ ..] => match range.split_once("..").map(|(a, b)| (a.parse(), b.parse())) {
            Some((Ok(first), Ok(end))) => many(first, end, Duration::MAX, rest.contains(&"--first")),
            _ => usage(),
        },
        ["--minutes", minutes] => match minutes.parse::<u64>() {
            Ok(minutes) => many(0, u64::MAX, Duration::from_secs(60 * minutes), false),
            Err(_) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: sim --seed N [--trace] [--shrink] | --range A..B [--first] | --minutes M");
    ExitCode::from(2)
}

fn one(seed: u64, trace: bool, small: bool) -> ExitCode {
    let mut scenario = Scenario::generate(seed);
    if small {
        scenario = shrink(&scenario);
    }
    println!("{scenario}");
    let outcome = play(&scenario, trace);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("trace hash {:016x}", outcome.hash);
    match outcome.broken {
        Some(why) => {
            println!("BROKEN {why}");
            ExitCode::FAILURE
        }
        None => {
            println!("all promises kept");
            ExitCode::SUCCESS
        }
    }
}

fn many(first: u64, end: u64, most: Duration, only_first: bool) -> ExitCode {
    let (next, played) = (AtomicU64::new(first), AtomicU64::new(0));
    let failures: Mutex<Vec<(u64, String)>> = Mutex::default();
    let started = Instant::now();
    let work = || {
        while started.elapsed() < most {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let broken = play(&Scenario::generate(seed), false).broken;
            played.fetch_add(1, Ordering::Relaxed);
            if let (Some(why), Ok(mut failures)) = (broken, failures.lock()) {
                println!("seed {seed}: {why}");
                failures.push((seed, why));
                if only_first {
                    // Every earlier seed is being played already, so the least of those that fail is the same each time.
                    next.store(end, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (played, seconds) = (played.into_inner(), started.elapsed().as_secs_f64());
    println!("{played} scenarios in {seconds:.1} s: {:.0} a second", played as f64 / seconds);
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort();
    match failures.first() {
        Some((seed, why)) => {
            println!("{} broke a promise; the first is seed {seed}: {why}", failures.len());
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
