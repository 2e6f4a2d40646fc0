#!/usr/bin/env bash
# Runs the ring's tests under the address sanitizer: the ring holds all unsafe code of the workspace.
#
#   scripts/sanitize.sh                 all tests of the ring
#   scripts/sanitize.sh receiving       those with this in their name
#
# RUSTC_BOOTSTRAP=1 lets the stable compiler take the flag. What is built lies in a folder of its own below the target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
esac
machine=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="${RUSTFLAGS:-} -Zsanitizer=address"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$(scripts/target-dir.sh)}/sanitize
exec cargo test --locked --package ringmq-ring --lib --target "$machine" -- "$@"
