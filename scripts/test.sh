#!/usr/bin/env bash
# Everything that must hold for a commit: set-up, format, lints, all tests, docs. On two cores it takes about a quarter of an
# hour in a fresh clone, nearly all of it compilation, and some minutes after that.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "set-up"
scripts/setup.sh --tests

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "build"
cargo build --workspace --bins --locked

step "tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --no-fail-fast
else
    cargo test --workspace --locked --no-fail-fast
fi

step "instructions"
scripts/bench.sh count

step "documentation and its examples"
cargo test --workspace --doc --locked --quiet
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items --quiet
