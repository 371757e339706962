#!/usr/bin/env bash
# Which change of the brain would no test notice? See "Mutants" in docs/proof.md.
#
#   bash tests/mutants.sh                        the whole brain
#   bash tests/mutants.sh --file src/retry.rs    a part of it; arguments go to cargo-mutants
#   bash tests/mutants.sh --shard 0/4            a quarter of it
#
# Fails if a mutant survives that tests/mutants.accepted does not name together with a reason, and if one that it names
# does not survive any more.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=27.1.0
WORK=$PWD/target/mutants
BRAIN=$WORK/brain
OUT=$WORK/mutants.out
ACCEPTED=$PWD/tests/mutants.accepted
TESTS=(by_field first_meeting found hints instants lens_laws names_meet observe one_tick overwritten plan quota settle twins whose words)
# `testing/lens.rs` is there for the tests.
SCOPE=(--exclude 'src/testing/*')

# cargo-mutants, in a place of its own if the machine has none of this version.
install() {
    export PATH="$WORK/tool/bin:$PATH"
    [ "$(cargo mutants --version 2>/dev/null)" = "cargo-mutants $VERSION" ] ||
        cargo install cargo-mutants --version "$VERSION" --locked --debug --root "$WORK/tool"
}

# The brain is pure, so it stands alone: without the shell, and with its tests in the same binary, a mutant costs two
# seconds instead of twenty. It is a copy: the sources themselves are never changed.
stand_alone() {
    rm -rf "$BRAIN/src" "$BRAIN/tests"
    mkdir -p "$BRAIN/src/testing"
    cp -r sync-core/src/{decide,mapping,model,quota,retry.rs} "$BRAIN/src"
    cp sync-core/src/testing/lens.rs "$BRAIN/src/testing"
    cp -r sync-core/tests "$BRAIN"
    cp Cargo.lock "$BRAIN"
    {
        echo '#[cfg(test)] extern crate self as sync_core;'
        printf 'pub mod %s;\n' decide mapping model quota retry
        echo 'pub mod testing { pub mod lens; }'
        for test in "${TESTS[@]}"; do
            echo "#[cfg(test)] #[path = \"../tests/$test.rs\"] mod test_$test;"
        done
    } >"$BRAIN/src/lib.rs"
    cat >"$BRAIN/Cargo.toml" <<'END'
[package]
name = "sync-core"
edition = "2024"
autotests = false

[lib]
doctest = false

[features]
default = ["testing"]
testing = []

[dependencies]
backon = { version = "1", default-features = false, features = ["std"] }
proptest = { version = "1", default-features = false, features = ["std", "bit-set"] }
serde = { version = "1", features = ["derive"] }
serde_json = "1"
smallvec = { version = "1", features = ["serde", "union"] }
smol_str = { version = "0.3", default-features = false, features = ["serde", "std"] }

[profile.dev]
debug = false

[profile.dev.package."*"]
opt-level = 3

[workspace]
END
}

# Every mutant against every test, one at a time, because the tests keep two cores busy. The seed is fixed, so that the same
# mutants survive each time.
mutate() {
    export PROPTEST_RNG_SEED=1 PROPTEST_MAX_SHRINK_TIME=1 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1
    # 2: some survive. 3: with some a test does not end, so it noticed. The rest is trouble.
    (cd "$BRAIN" && cargo mutants --in-place --no-shuffle --timeout 20 --cargo-arg=--lib "${SCOPE[@]}" --output "$WORK" "$@") ||
        case $? in 2 | 3) ;; *) return 1 ;; esac
}

# Mutants are named without their place in the file, because that changes.
outcome() { cat "${@/#/$OUT/}" | sed -E 's/^([^:]+):[0-9]+:[0-9]+:/\1:/' | sort; }
accepted() { sed -n 's/ -- ..*//p' "$ACCEPTED" | sort; }
untested() {
    comm -23 <(cd "$BRAIN" && cargo mutants --list --line-col=false "${SCOPE[@]}" | sort) \
        <(outcome {caught,missed,timeout,unviable}.txt)
}

# All that is wrong; nothing if all is well.
verdict() {
    comm -23 <(outcome missed.txt) <(accepted) | sed 's/^/No test notices, and tests\/mutants.accepted does not say why none must: /'
    comm -13 <(outcome missed.txt) <(accepted) | comm -23 - <(untested) | sed 's/^/Accepted, but does not survive any more: /'
}

install
stand_alone
mutate "$@"
wrong=$(verdict)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
echo "No mutant survives but those accepted: $(outcome missed.txt | wc -l)."
