#!/usr/bin/env bash
# Tries all orders in which the threads of some scenes can take their steps: the flag that wakes a sleeping shard.
#
#   scripts/loom.sh            with at most three switches between threads beyond those that a thread asks for itself
#   scripts/loom.sh 5          with at most five: more orders, more time
#
# What is built lies in a folder of its own below the target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *[!0-9]*) echo "loom: the argument is a number of switches, not $1" >&2; exit 1 ;;
esac
export LOOM_MAX_PREEMPTIONS=${1:-3}
export RUSTFLAGS="${RUSTFLAGS:-} --cfg ringmq_loom"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(scripts/target-dir.sh)}/loom
exec cargo test --locked --package ringmq-ring --lib wake::flag::orders
