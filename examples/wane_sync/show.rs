//! What you see: progress while it plays, and a table at the end. No control characters unless it is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::judge::Verdict;

pub(crate) struct Show {
    bar: Option<ProgressBar>,
}

impl Show {
    pub(crate) fn new() -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    /// Something begins.
    pub(crate) fn begin(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => println!("... {what}"),
        }
    }

    /// A requirement was judged.
    pub(crate) fn judged(&self, verdict: &Verdict) {
        let line = match &verdict.holds {
            Ok(()) => format!("  ok  {}", verdict.requirement),
            Err(why) => format!("FAIL  {}: {why}", verdict.requirement),
        };
        match &self.bar {
            Some(bar) => bar.println(line),
            None => println!("{line}"),
        }
    }

    /// A bar for something that can be counted.
    pub(crate) fn count(&self, total: usize) -> Option<ProgressBar> {
        self.bar.as_ref()?;
        let bar = ProgressBar::new(total as u64);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Some(bar)
    }

    pub(crate) fn table(&self, verdicts: &[Verdict]) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let width = verdicts.iter().map(|v| v.requirement.chars().count()).max().unwrap_or(0);
        println!("\n{:width$}  verdict  median     p99   worst   calls", "requirement");
        for verdict in verdicts {
            let times = verdict.times();
            let holds = verdict.word();
            let pad = width - verdict.requirement.chars().count();
            println!(
                "{}{:pad$}  {holds:<7} {:>7} {:>7} {:>7} {:>7}",
                verdict.requirement, "", times[0], times[1], times[2], verdict.calls
            );
        }
        println!(
            "\nTimes are from the change at its origin to its being visible on the other side, by the emulators' records."
        );
        for verdict in verdicts.iter().filter(|v| v.word() == "FAILS") {
            if let Err(why) = &verdict.holds {
                println!("FAILS: {}: {why}", verdict.requirement);
            }
        }
    }
}
