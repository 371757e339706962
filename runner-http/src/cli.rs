//! Commands, signals, exit codes.
//!
//! Exit codes: 0 after an orderly stop, 1 when something failed, 2 when the command line or the configuration is wrong.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::serve::{RunError, install_tls, serve};
use crate::{compose, logs};

/// After everything has stopped, how long a commit may still be on its way to the disk.
const LAST_COMMIT: Duration = Duration::from_millis(300);

const WRONG_CONFIGURATION: u8 = 2;

/// Keeps HubSpot contacts and Stripe customers in step, fed by their webhooks.
#[derive(Parser)]
#[command(name = "wane-sync", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take webhooks and sync until told to stop (SIGTERM or SIGINT).
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check the configuration, secrets included; makes no call and opens nothing.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Runs the program with these arguments, the first of which is its name.
pub fn main_with(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) => {
            // A closed standard output leaves nobody to tell.
            let _ = error.print();
            return exit_code(error.exit_code());
        }
    };
    match obey(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "wane-sync: {error}");
            exit_code(if matches!(error, RunError::Config(_)) { WRONG_CONFIGURATION.into() } else { 1 })
        }
    }
}

fn obey(command: Command) -> Result<(), RunError> {
    match command {
        Command::Serve { config } => run(Config::load(&config)?),
        Command::Check { config } => check(&Config::load(&config)?),
    }
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn check(config: &Config) -> Result<(), RunError> {
    install_tls();
    compose::connectors(config)?;
    writeln!(io::stdout(), "ok")?;
    Ok(())
}

fn run(config: Config) -> Result<(), RunError> {
    logs::init(&config.log)?;
    let runtime = Runtime::new()?;
    let result = runtime.block_on(async {
        // Before anything else, so that no signal ends the process half-way through its start.
        let shutdown = termination()?;
        serve(config, shutdown).await
    });
    runtime.shutdown_timeout(LAST_COMMIT);
    result
}

/// Completes at the first SIGTERM or SIGINT.
#[cfg(unix)]
fn termination() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes at the first Ctrl-C.
#[cfg(not(unix))]
fn termination() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler only the system can end the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
