#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while. Fails if one of them finds something.
#
#   scripts/fuzz.sh                       all targets, 600 seconds each
#   scripts/fuzz.sh 60                    all targets, 60 seconds each
#   scripts/fuzz.sh 3600 split decode     these targets, an hour each
#
# Needs cargo-fuzz (`cargo install --locked cargo-fuzz`) and a C++ compiler. What is found lies in fuzz/artifacts/TARGET;
# `RUSTC_BOOTSTRAP=1 cargo fuzz run -s none TARGET FILE` repeats it. Inputs that reach something new stay below the target
# directory, where the next run goes on with them.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(decode encode split session_ops filter_match)

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

die() {
    echo "fuzz: $*" >&2
    exit 1
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
    *[!0-9]*) die "the first argument is a number of seconds, not $1" ;;
esac
seconds=${1:-600}
shift $(($# > 0 ? 1 : 0))
targets=("${@:-${all[@]}}")

command -v cargo-fuzz >/dev/null || die "cargo-fuzz is missing: cargo install --locked cargo-fuzz"
command -v c++ >/dev/null || die "a C++ compiler is missing: apt-get install g++"

# Coverage instrumentation wants flags that stable Rust hides. The crates forbid unsafe code, so no sanitizer is needed.
export RUSTC_BOOTSTRAP=1
build=(cargo fuzz build --sanitizer none)
target_dir=$(scripts/target-dir.sh fuzz/Cargo.toml)
corpus=$target_dir/fuzz-corpus
machine=$(rustc -vV | sed -n 's/^host: //p')

# The longest input of a target, in bytes.
length_max() {
    case $1 in
        session_ops) echo 1024 ;;
        filter_match) echo 2048 ;;
        *) echo 512 ;;
    esac
}

# What libFuzzer needs to know of a target.
options() {
    local target=$1
    echo "-max_total_time=$seconds -max_len=$(length_max "$target") -use_value_profile=1 -print_final_stats=1"
    echo "-timeout=20 -rss_limit_mb=2048 -artifact_prefix=fuzz/artifacts/$target/"
    case $target in
        decode | split) echo "-dict=fuzz/dictionaries/mqtt.dict" ;;
    esac
}

# Runs one target and tells how far it came; fails if it found something.
run() {
    local target=$1 log="$corpus/$1.log" outcome=0
    mkdir -p "$corpus/$target" "fuzz/artifacts/$target"
    # shellcheck disable=SC2046 # one word each
    "$target_dir/$machine/release/$target" $(options "$target") "$corpus/$target" >"$log" 2>&1 || outcome=$?
    local executions coverage
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 edges, \2 features/p' "$log" | tail -n 1)
    echo "fuzz: $target: ${executions:-?} executions, ${coverage:-no coverage}"
    [ "$outcome" -eq 0 ] && return
    grep -A 3 -m 1 -E 'panicked at|ERROR: libFuzzer' "$log" >&2 || tail -n 5 "$log" >&2
    echo "fuzz: $target found something: see fuzz/artifacts/$target and $log" >&2
    return 1
}

failed=0
for target in "${targets[@]}"; do
    [ -e "fuzz/targets/$target.rs" ] || die "no target $target; there are ${all[*]}"
done
cargo run --quiet --manifest-path fuzz/Cargo.toml --bin seeds -- "$corpus"
for target in "${targets[@]}"; do
    "${build[@]}" "$target" || die "$target does not build"
    run "$target" || failed=1
done
exit "$failed"
