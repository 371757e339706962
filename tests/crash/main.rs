//! Does anything get lost, doubled or overwritten when the real engine is killed, again and again, at the worst moments?
//!
//! The runner is a process of its own (this program, started again), its store is on disk, both systems are emulated on
//! real HTTP. People create, edit and buy all the while; the process is killed with SIGKILL, at moments chosen for their
//! malice (`moments`), and started again; its clock is set back by an hour and ahead by two (`clock`). In the end the emulators' own records are judged (`judge`).
//!
//! `CRASH_KILLS` (50), `CRASH_SEED` (1) and `CRASH_STOP_SECONDS` (3: how long the process is stopped once, with SIGSTOP)
//! make a run longer or different. The seed fixes what people do and where it is killed, but processes take the time
//! they take: a run cannot be repeated exactly. The log of a run that failed is kept.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it has no harness that would report for it")]

mod chance;
mod clock;
mod judge;
mod moments;
mod people;

use std::process::ExitCode;
use std::time::Duration;

use stage::{How, StageError, World, WorldConfig};

use clock::SetClock;
use moments::Crashes;

const NAME: &str = "crash_of_the_real_thing";
/// By how many seconds the clock of the engine's machine is wrong for a while, after which part of all kills.
const CLOCKS: [(u64, i64); 2] = [(3, -3_600), (5, 7_200)];
/// How long all may take to come into step once nobody is killed any more: what was refused while the clock was wrong is
/// told again at ever longer intervals.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long nothing may be written in the end.
const QUIET: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        // The engine's own process.
        return stage::main_with(std::env::args_os());
    }
    if !is_asked_for(&arguments) {
        return ExitCode::SUCCESS;
    }
    let result = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(()) => {
            println!("  nothing lost, doubled or overwritten; nothing written in the end\n{NAME} ... ok");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{NAME} ... FAILED\n{why}");
            ExitCode::FAILURE
        }
    }
}

/// Understands as much of a test harness's command line as `cargo test` passes on.
fn is_asked_for(arguments: &[String]) -> bool {
    let mut names = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    let elsewhere = arguments.iter().any(|argument| argument == "--ignored" || argument == "--list");
    !elsewhere && (names.peek().is_none() || names.any(|name| NAME.contains(name.as_str())))
}

async fn run() -> Result<(), String> {
    let kills = setting("CRASH_KILLS", 50)?;
    let seed = setting("CRASH_SEED", 1)?;
    let stop = Duration::from_secs(setting("CRASH_STOP_SECONDS", 3)?);
    println!("{NAME}: seed {seed}");
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let clock = SetClock::new(dir.path())?;
    let config = WorldConfig { environment: clock.environment(), ..config(seed) };
    let world = World::new(config).await.map_err(|e| e.to_string())?;
    let mut crashes = Crashes::new(world, clock, seed);
    let result = play(&mut crashes, kills, stop).await;
    println!("{}", crashes.figures());
    result.map_err(|why| format!("seed {seed}: {why}\nthe engine's log: {}", keep_log(&crashes.world, seed)))
}

fn setting(name: &str, default: u64) -> Result<u64, String> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} must be a whole number")),
        Err(_) => Ok(default),
    }
}

/// The brief's limits, quick answers and webhooks. What was answered with success is never told again, and nothing but
/// webhooks tells of changes: what the engine forgets, it will not hear of.
fn config(seed: u64) -> WorldConfig {
    let mut config = WorldConfig::quick(How::Process);
    let (hubspot, stripe) = (&mut config.hubspot, &mut config.stripe);
    hubspot.seed = seed;
    hubspot.webhooks.group_every = Duration::from_millis(10);
    hubspot.webhooks.retry_base = Duration::from_millis(50);
    hubspot.webhooks.max_attempts = u32::MAX;
    hubspot.webhooks.duplicate_percent = 5;
    stripe.seed = seed;
    stripe.webhooks.retry_base = Duration::from_millis(50);
    stripe.webhooks.attempts = u32::MAX;
    stripe.webhooks.duplicate_percent = 5;
    // Longer than a restart takes: who looks for what was created before it must not rely on search.
    stripe.search_lag = Duration::from_secs(3);
    config.extra[2] = "create_hold_ms = 50\ntail_seconds = 0\nsweep_seconds = 0".to_owned();
    config
}

async fn play(crashes: &mut Crashes, kills: u64, stop: Duration) -> Result<(), String> {
    crashes.gibberish_before_and_after().await.map_err(|e| e.to_string())?;
    for n in 0..kills {
        crashes.life(n).await.map_err(|e| e.to_string())?;
        if n == kills / 2 {
            crashes.pause(stop).await.map_err(|e| e.to_string())?;
        }
        if let Some((_, seconds)) = CLOCKS.iter().find(|(after, _)| n == kills / after) {
            crashes.wrong_clock(*seconds).await.map_err(|e| e.to_string())?;
        }
    }
    crashes.world.start_engine().await.map_err(|e| e.to_string())?;
    judge::in_step(crashes, PATIENCE).await?;
    judge::quiet(crashes, QUIET).await?;
    judge::budgets(&crashes.world)?;
    crashes.world.stop_engine().await.map_err(|e| e.to_string())
}

/// Where the engine's log is kept after its directory is gone.
fn keep_log(world: &World, seed: u64) -> String {
    let kept = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{seed}.log"));
    match std::fs::copy(world.log(), &kept) {
        Ok(_) => kept.display().to_string(),
        Err(error) => format!("lost: {error}"),
    }
}

/// Short for what can go wrong on stage.
type Staged = Result<(), StageError>;
