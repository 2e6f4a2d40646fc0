#!/usr/bin/env bash
# Measures ringmq: micro-benchmarks counted in instructions. docs/PERFORMANCE.md tells what the figures mean.
#
#   scripts/bench.sh count                       counts all micro-benchmarks; fails if they differ from bench/instructions.toml
#   scripts/bench.sh count --update              writes bench/instructions.toml
#   scripts/bench.sh count table [NAME...]       prints the counts, of all or of those whose names begin so; --long for the long ones too
#   scripts/bench.sh count compare REV [NAME...] counts here and in another revision
#   scripts/bench.sh count profile NAME          the functions that take most
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

count() {
    local command=${1:-check}
    shift $(($# > 0 ? 1 : 0))
    [ "$command" != --update ] || command=update
    cargo build --quiet --release --locked --package ringmq-count
    exec target/release/ringmq-count "$command" "$@"
}

case ${1:-} in
    count) shift; count "$@" ;;
    -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
