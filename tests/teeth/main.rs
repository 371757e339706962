//! Would the simulator notice? Plants bugs that somebody might have written into a copy of the sources, one awake at a
//! time, and demands that the simulator finds each within its number of seeds, and by a promise that it does break.
//!
//! `cargo test --test teeth` does it all (it costs a release build, so `cargo test` alone leaves it out);
//! `-- NAME..` only these bugs; `-- --places` only looks whether each bug still finds its place in the sources.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

mod bugs;
mod plant;

use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitCode};

use bugs::Bug;

/// Seeds that must pass while every bug sleeps.
const SOUND: u64 = 800;
/// Most characters of a verdict that are printed.
const LONGEST: usize = 80;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), String> {
    let all = bugs::all();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if words == ["--places"] {
        return plant::sabotaged(root, &all).map(|_| ());
    }
    if let Some(unknown) = words.iter().find(|word| all.iter().all(|bug| bug.name != *word)) {
        return Err(format!("no bug is called {unknown:?}"));
    }
    let is_chosen = |bug: &&Bug| words.is_empty() || words.iter().any(|word| word == bug.name);
    let chosen: Vec<Bug> = all.iter().filter(is_chosen).copied().collect();
    hunt(&plant::build(root, &all)?, &chosen)
}

/// Wakes one bug after the other and prints what the simulator says.
fn hunt(simulator: &Path, bugs: &[Bug]) -> Result<(), String> {
    if let Some((seed, why)) = first_broken(simulator, "", 0..SOUND)? {
        return Err(format!("seed {seed} fails although every bug sleeps: {why}"));
    }
    println!("| bug | the mistake | breaks | seeds | found by |\n|---|---|---|---|---|");
    let mut missed = Vec::new();
    for bug in bugs {
        let found = find(simulator, bug)?;
        if !found.as_ref().is_some_and(|(_, why)| bug.explains(why)) {
            missed.push(bug.name);
        }
        let (seeds, why) = match found {
            Some((seed, why)) => (format!("{}", seed + 1), why),
            None => (format!("more than {}", bug.seeds), "nothing".to_owned()),
        };
        let why: String = why.chars().take(LONGEST).collect();
        println!("| {} | {} | {} | {seeds} | {why} |", bug.name, bug.story, bug.breaks.join(", "));
    }
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("not found, or not by its promise: {}", missed.join("; ")))
    }
}

/// The first seed that fails with the bug awake and passes while it sleeps, and the verdict.
fn find(simulator: &Path, bug: &Bug) -> Result<Option<(u64, String)>, String> {
    let mut from = 0;
    while let Some((seed, why)) = first_broken(simulator, bug.name, from..bug.seeds)? {
        if first_broken(simulator, "", seed..seed + 1)?.is_none() {
            return Ok(Some((seed, why)));
        }
        from = seed + 1;
    }
    Ok(None)
}

/// The first of these seeds that breaks a promise with this bug awake, and the verdict.
fn first_broken(simulator: &Path, awake: &str, seeds: Range<u64>) -> Result<Option<(u64, String)>, String> {
    let played = Command::new(simulator)
        .args(["--range", &format!("{}..{}", seeds.start, seeds.end), "--first"])
        .env(plant::SWITCH, awake)
        .output()
        .map_err(|e| e.to_string())?;
    if played.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&played.stdout);
    let last = said.lines().last().unwrap_or_default();
    let found = last.split_once("the first is seed ").and_then(|(_, rest)| rest.split_once(": "));
    match found.map(|(seed, why)| (seed.parse(), why.to_owned())) {
        Some((Ok(seed), why)) => Ok(Some((seed, why))),
        _ => {
            Err(format!("the simulator ended without a verdict: {}", String::from_utf8_lossy(&played.stderr)))
        }
    }
}
