//! The whole brief, performed: HubSpot and Stripe (emulated, on real HTTP), the real engine between them in a process of
//! its own, people who create, edit, pay and collide, and a judge who only believes the emulators' own records.
//!
//! `cargo run --example wane_sync` needs no arguments, keys or services. Reading order: this file; `scenario` (the
//! acts in order), `acts` and `trials` (what happens); `judge` (what is demanded); `show` (what you see); `burst` (the import, with `--burst N`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "showing is what it is for")]

mod acts;
mod burst;
mod judge;
mod scenario;
mod show;
mod trials;

use std::process::ExitCode;

use show::Show;
use stage::{How, StageError, World, WorldConfig};

const HELP: &str = "\
Plays the brief of Wane Enterprises: HubSpot contacts and Stripe customers kept in step.

Usage: cargo run --example wane_sync [-- OPTIONS]

Options:
  --burst N   Afterwards import N contacts into HubSpot, 10,000 a minute, and compare with the provable optimum
  --help      This text

Both systems are emulated on loopback addresses and the engine runs in a process of its own; nothing else is contacted.
The exit code is 0 only if every requirement holds, judged by the emulators' own records.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let burst = match words.as_slice() {
        // The engine's own process: this program, started again by the stage.
        ["serve", ..] => return stage::main_with(std::env::args_os()),
        [] => None,
        ["--burst", count] => match count.replace('_', "").parse::<usize>() {
            Ok(count) if count > 0 => Some(count),
            _ => return misused(&format!("--burst needs a number of contacts, not {count:?}")),
        },
        ["--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => return misused(&format!("not understood: {}", other.join(" "))),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return misused(&format!("no runtime: {error}")),
    };
    runtime.block_on(play(burst))
}

fn misused(complaint: &str) -> ExitCode {
    eprintln!("{complaint}\n\n{HELP}");
    ExitCode::from(2)
}

async fn play(burst: Option<usize>) -> ExitCode {
    let show = Show::new();
    let world = match start().await {
        Ok(world) => world,
        Err(error) => {
            eprintln!("the stage cannot be set: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut play = scenario::Play::new(world, show);
    let all_hold = play.all().await;
    let burst_holds = match burst {
        Some(count) => burst::play(&mut play, count).await,
        None => true,
    };
    if let Err(error) = play.world.stop_engine().await {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    if all_hold && burst_holds {
        return ExitCode::SUCCESS;
    }
    let log = std::fs::read_to_string(play.world.log()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    eprintln!("\nThe engine's last words:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    ExitCode::FAILURE
}

async fn start() -> Result<World, StageError> {
    let mut world = World::new(WorldConfig::quick(How::Process)).await?;
    world.start_engine().await?;
    Ok(world)
}
