//! The bugs, as plain data. To add one, say it in a sentence, quote the lines it spoils (they must occur just once in
//! the file) and write them as they would be, with `planted()` to choose between the two.

mod belief;
mod books;
mod calls;
mod identity;
mod vendors;

/// A mistake that somebody might have made.
#[derive(Clone, Copy)]
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    /// The mistake, in a sentence.
    pub(crate) story: &'static str,
    /// The promises it breaks: a verdict must begin with one of these to count.
    pub(crate) breaks: &'static [&'static str],
    /// Seeds within which it must be found.
    pub(crate) seeds: u64,
    /// The file it is planted in.
    pub(crate) file: &'static str,
    /// The lines as they are.
    pub(crate) original: &'static str,
    /// The lines as they would be.
    pub(crate) sabotaged: &'static str,
}

impl Bug {
    /// Whether a verdict is about a promise that this bug breaks.
    pub(crate) fn explains(&self, verdict: &str) -> bool {
        let verdict = verdict.strip_prefix("after replay: ").unwrap_or(verdict);
        let verdict = match verdict.strip_prefix("person ").and_then(|rest| rest.split_once(": ")) {
            Some((_, rest)) => rest,
            None => verdict,
        };
        self.breaks.iter().any(|promise| verdict.starts_with(promise))
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Bug> {
    [identity::BUGS, belief::BUGS, calls::BUGS, books::BUGS, vendors::BUGS].concat()
}
