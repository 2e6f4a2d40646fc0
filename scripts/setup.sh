#!/bin/bash
# Installs what ringmq needs on Debian 12, as root or with sudo. Safe to run again: it looks first, installs only what
# is missing, and takes a moment when nothing is.
#
#   scripts/setup.sh              everything: building, running and all tests
#   scripts/setup.sh --tests      the same
#   scripts/setup.sh --run-only   only what `cargo run` needs
#   scripts/setup.sh --bench      everything, and the brokers that ringmq is measured beside
#   scripts/setup.sh --check      with any of them: report, change nothing, fail if something is missing
#
# The clients of the socket suite go to .clients/ in the repository, which git ignores.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
suite="$root/tests/sockets"
clients="$root/.clients"

# Debian package | a command that succeeds if it (or another of the same kind) is there | why
RUN_PACKAGES='
gcc             | command -v cc                          | compiles the C parts of aws-lc-rs, glommio and mimalloc
libc6-dev       | test -e /usr/include/stdio.h           | the C headers for those parts
git             | command -v git                         | the build script of glommio calls it
ca-certificates | test -s /etc/ssl/certs/ca-certificates.crt | cargo checks the servers it downloads crates from
'
TEST_PACKAGES='
mosquitto-clients | command -v mosquitto_sub              | clients of the socket suite
mosquitto         | test -x /usr/sbin/mosquitto           | a bridge of the socket suite, and the broker it is itself tested with
openssl           | command -v openssl                    | certificates for that broker
python3-venv      | python3 -c "import venv, ensurepip"   | a place for the Python clients
nodejs            | command -v node                       | runs the node client
npm               | command -v npm                        | installs the node client
valgrind          | command -v callgrind_annotate         | counts the instructions of the micro-benchmarks
'
BENCH_PACKAGES='
nats-server       | command -v nats-server                | one of the brokers that ringmq is measured beside
util-linux        | command -v taskset                    | keeps broker and load on cores of their own
'
# Another of those brokers, a crate.
RUMQTTD_VERSION=0.20.0

scope=tests
bench=no
check_only=no
missing=()

say() { echo "setup: $*"; }

die() {
    echo "setup: $*" >&2
    exit 1
}

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

parse_options() {
    local option
    for option in "$@"; do
        case $option in
            --run-only) scope=run ;;
            --tests) scope=tests ;;
            --bench) scope=tests bench=yes ;;
            --check) check_only=yes ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; die "unknown option $option" ;;
        esac
    done
}

# Notes one thing that is not there yet, and why it is wanted.
note_missing() {
    missing+=("$1")
    say "missing: $1 ($2)"
}

trim() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# Prints the packages of a table whose test fails, one a line with the reason: NAME|REASON.
missing_packages() {
    local package test reason
    while IFS='|' read -r package test reason; do
        [ -n "$package" ] || continue
        bash -c "$test" >/dev/null 2>&1 || echo "$(trim "$package")|$(trim "$reason")"
    done <<<"$1"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "needs root or sudo for: $*"
        sudo "$@"
    fi
}

install_packages() {
    command -v apt-get >/dev/null || die "not a Debian system; install by hand: $*"
    say "installing $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    # The package starts a broker on 1883, where ringmq wants to listen. Only a broker that came just now is stopped.
    if [[ " $* " == *" mosquitto "* && -d /run/systemd/system ]]; then
        as_root systemctl disable --now --quiet mosquitto
    fi
}

setup_packages() {
    local table=$RUN_PACKAGES package reason wanted=()
    [ "$scope" = run ] || table+=$TEST_PACKAGES
    [ "$bench" = no ] || table+=$BENCH_PACKAGES
    while IFS='|' read -r package reason; do
        note_missing "$package" "$reason"
        wanted+=("$package")
    done < <(missing_packages "$table")
    if [ "$check_only" = no ] && [ ${#wanted[@]} -gt 0 ]; then
        install_packages "${wanted[@]}"
    fi
}

setup_rust() {
    if ! command -v cargo >/dev/null; then
        note_missing cargo "Rust 1.95 or newer; Debian's own is too old, so install it with rustup"
        [ "$check_only" = yes ] || die "install Rust with rustup, then run this again"
    fi
    [ "$scope" = tests ] || return 0
    command -v cargo-nextest >/dev/null && return
    if [ "$check_only" = yes ]; then
        say "optional: cargo-nextest (runs the tests in parallel; cargo test runs them too)"
    else
        say "building cargo-nextest, which takes some minutes"
        cargo install --locked --quiet cargo-nextest || say "no cargo-nextest; cargo test runs the same tests"
    fi
}

# A stamp holds the checksum of what a directory was made from, so that a change of pins or interpreter makes it anew.
stamp_of() { cat "$@" | sha256sum; }

is_current() { [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; }

setup_python_clients() {
    local stamp
    stamp=$(stamp_of "$suite/requirements.txt" <(python3 --version 2>&1))
    if is_current "$clients/venv/.stamp" "$stamp" && [ -x "$clients/venv/bin/python" ]; then return; fi
    note_missing "Python clients" "paho-mqtt and aiomqtt, as pinned in requirements.txt"
    [ "$check_only" = no ] || return 0
    say "installing the Python clients"
    python3 -m venv --clear "$clients/venv"
    "$clients/venv/bin/pip" install --quiet --disable-pip-version-check -r "$suite/requirements.txt"
    echo "$stamp" >"$clients/venv/.stamp"
}

setup_node_client() {
    local stamp
    stamp=$(stamp_of "$suite/node/package-lock.json")
    if is_current "$clients/node/.stamp" "$stamp"; then return; fi
    note_missing "node client" "MQTT.js, as pinned in package-lock.json"
    [ "$check_only" = no ] || return 0
    say "installing the node client"
    rm -rf "$clients/node"
    mkdir -p "$clients/node"
    cp "$suite/node/package.json" "$suite/node/package-lock.json" "$clients/node/"
    (cd "$clients/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    echo "$stamp" >"$clients/node/.stamp"
}

# Its lock file is older than the compiler, so its packages are the newest that it allows.
setup_rumqttd() {
    [ ! -x "$root/target/rivals/bin/rumqttd" ] || return 0
    note_missing rumqttd "one of the brokers that ringmq is measured beside"
    [ "$check_only" = no ] || return 0
    say "building rumqttd, which takes some minutes"
    cargo install --quiet --version "$RUMQTTD_VERSION" --root "$root/target/rivals" rumqttd
}

parse_options "$@"
setup_packages
setup_rust
if [ "$scope" = tests ]; then
    setup_python_clients
    setup_node_client
fi
[ "$bench" = no ] || setup_rumqttd
if [ ${#missing[@]} -eq 0 ]; then
    say "everything is there"
elif [ "$check_only" = yes ]; then
    die "${#missing[@]} missing; run scripts/setup.sh to install"
else
    say "done"
fi
