#!/usr/bin/env bash
# Installs what the build needs, builds ringmq with optimisation and runs it with the options given.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --run-only
target_dir=$(scripts/target-dir.sh)
if [ ! -x "$target_dir/release/ringmq" ]; then
    echo "run: building ringmq with optimisation, which takes some minutes the first time" >&2
fi
# Without --quiet: cargo names what it compiles, and says nothing where nothing has changed.
cargo build --release --locked --package ringmq
exec "$target_dir/release/ringmq" "$@"
