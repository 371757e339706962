//! Figures of benches: what a process has used, rounds and their spread, and the table they end in.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// The names that benches can be asked by to do more than a quick look.
const FULL: &str = "--full";
/// Names a file to which tables are appended.
const REPORT: &str = "WANE_BENCH_REPORT";

/// How much a bench is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Nothing: it was started by `cargo test`, which only wants to know that it starts.
    None,
    /// A quick look, as `cargo bench` does.
    Quick,
    /// Everything (`--full`).
    Full,
}

impl Effort {
    /// What this process was asked for.
    #[must_use]
    pub fn asked() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        match (has("--bench"), has(FULL)) {
            (false, _) => Self::None,
            (true, false) => Self::Quick,
            (true, true) => Self::Full,
        }
    }

    /// One of two values.
    #[must_use]
    pub fn pick<T>(self, quick: T, full: T) -> T {
        if self == Self::Full { full } else { quick }
    }
}

/// What a process has used so far, by Linux's account. Elsewhere all is zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Time on a processor, in user and system mode, of all its threads. To 20 ms, and exact as long as no thread has ended: so it may
    /// go back by as much.
    pub cpu: Duration,
    /// Memory in use, in bytes.
    pub resident: u64,
    /// The most memory that ever was in use, in bytes.
    pub peak: u64,
}

impl Used {
    /// By the process with this id.
    #[must_use]
    pub fn by(process: u32) -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}"));
        let status = read("status").unwrap_or_default();
        let memory = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kibibytes.unwrap_or(0) * 1024
        };
        Self {
            // Either is too small in its way, and never too large.
            cpu: read("stat")
                .ok()
                .and_then(|stat| cpu_of(&stat))
                .max(cpu_of_threads(process))
                .unwrap_or_default(),
            resident: memory("VmRSS:"),
            peak: memory("VmHWM:"),
        }
    }

    /// By this process.
    #[must_use]
    pub fn by_us() -> Self {
        Self::by(std::process::id())
    }
}

/// The fields `utime` and `stime` of `/proc/<id>/stat`, in hundredths of a second (proc(5)).
fn cpu_of(stat: &str) -> Option<Duration> {
    // The second field is the name, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The first field of `/proc/<id>/task/<thread>/schedstat`, in nanoseconds, of the threads there are (Linux documentation,
/// scheduler statistics).
fn cpu_of_threads(process: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let times = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    });
    times.sum()
}

/// The same figure, measured several times.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds a round.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The figure in the middle; 0 without rounds.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The figure that this share of all figures does not exceed; 0 without rounds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// Their mean; 0 without rounds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// The smallest.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.quantile(0.0)
    }

    /// The largest.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.quantile(1.0)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// A table, printed as Markdown.
#[derive(Debug)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Self { title: title.into(), rows: vec![columns.iter().map(|c| (*c).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl ToString>) {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
    }

    /// Prints it, and appends it to the file that the environment variable `WANE_BENCH_REPORT` names, if it does.
    ///
    /// # Errors
    /// When there is nobody to print to, or the file cannot be written.
    pub fn publish(&self) -> std::io::Result<()> {
        writeln!(std::io::stdout(), "\n{self}")?;
        let Some(path) = std::env::var_os(REPORT) else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(Path::new(&path))?;
        writeln!(file, "\n{self}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], n: usize| row.get(n).cloned().unwrap_or_default();
        let wide = |n| self.rows.iter().map(|row| cell(row, n).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (n, width) in widths.iter().enumerate() {
                write!(f, "| {:width$} ", cell(row, n))?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                let rules = widths.iter().map(|width| "-".repeat(width + 2));
                writeln!(f, "|{}|", rules.collect::<Vec<_>>().join("|"))?;
            }
        }
        Ok(())
    }
}
