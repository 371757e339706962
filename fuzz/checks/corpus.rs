//! The inputs that are kept, and others that are like them.

use std::path::Path;

use proptest::prelude::*;

/// The files of `fuzz/corpus/<target>`.
pub(crate) fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry.unwrap().path()).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(read).collect();
    assert!(!files.is_empty(), "there is no corpus for {target}");
    files
}

/// Any bytes, or a file of the corpus in which some bytes were replaced by others.
pub(crate) fn like(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let seeds = files(target);
    let bytes = |most: usize| prop::collection::vec(any::<u8>(), 0..most);
    let replaced = (prop::sample::select(seeds), any::<prop::sample::Index>(), 0..8_usize, bytes(8));
    let replaced = replaced.prop_map(|(mut seed, at, gone, new)| {
        let from = at.index(seed.len() + 1);
        let to = (from + gone).min(seed.len());
        seed.splice(from..to, new);
        seed
    });
    prop_oneof![1 => bytes(300), 4 => replaced]
}
