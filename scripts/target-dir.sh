#!/usr/bin/env bash
# Prints the folder that cargo builds into, which CARGO_TARGET_DIR or a configuration file may have moved. Other scripts ask it.
#
#   scripts/target-dir.sh                      of this workspace
#   scripts/target-dir.sh fuzz/Cargo.toml      of another
set -euo pipefail
cd "$(dirname "$0")/.."
workspace=$(cargo metadata --manifest-path "${1:-Cargo.toml}" --format-version 1 --no-deps)
target_dir=${workspace#*\"target_directory\":\"}
echo "${target_dir%%\"*}"
