#!/usr/bin/env bash
# Installs what the build needs, builds ringmq with optimisation and runs it with the options given.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --run-only
exec cargo run --release --locked --quiet --package ringmq -- "$@"
