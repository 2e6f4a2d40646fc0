#!/usr/bin/env bash
# Measures ringmq: beside other brokers, and in instructions. docs/PERFORMANCE.md tells what the figures mean.
#
#   scripts/bench.sh run [OPTIONS]               all scenarios beside the brokers that are installed; goes on where it was interrupted
#   scripts/bench.sh run --broker mosquitto:mosquitto-2.1=/opt/mosquitto   with a broker of your own build, as a column of its own
#   scripts/bench.sh report [FOLDER]             page, plots and the README's table from results
#   scripts/bench.sh crosscheck                  the load generator's counts beside the brokers' own
#   scripts/bench.sh crowd [-n N]                a million idle connections, or as many as the machine can hold
#   scripts/bench.sh endure [--for 2h]           a long run with churn; fails if memory grows
#   scripts/bench.sh list                        scenarios and brokers; `run --help` tells the options
#
#   scripts/bench.sh count                       counts all micro-benchmarks; fails if they take more than bench/instructions.toml says
#   scripts/bench.sh count --update              writes bench/instructions.toml
#   scripts/bench.sh count table [NAME...]       prints the counts, of all or of those whose names begin so; --long for the long ones too
#   scripts/bench.sh count compare REV [NAME...] counts here and in another revision
#   scripts/bench.sh count profile NAME          the functions that take most
#   scripts/bench.sh count scale subscriptions   a million subscriptions; `scale shards`: 1 to 64 shards
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

count() {
    local command=${1:-check} target_dir
    shift $(($# > 0 ? 1 : 0))
    [ "$command" != --update ] || command=update
    cargo build --quiet --release --locked --package ringmq-count
    target_dir=$(scripts/target-dir.sh)
    exec "$target_dir/release/ringmq-count" "$command" "$@"
}

suite() {
    local target_dir
    # Each by itself: together they would share the features of their packages, and the broker would be compiled once more
    # than scripts/run.sh does, into another program than the one that it starts.
    for package in ringmq ringmq-bench ringmq-suite; do
        cargo build --quiet --release --locked --package "$package"
    done
    # The bare echo that is measured beside some scenarios.
    [ "$1" != run ] || cargo build --quiet --release --locked --package ringmq-ring --example echo_cost
    target_dir=$(scripts/target-dir.sh)
    exec "$target_dir/release/ringmq-suite" "$@"
}

case ${1:-} in
    run | report | crosscheck | crowd | endure | list) suite "$@" ;;
    count) shift; count "$@" ;;
    -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
