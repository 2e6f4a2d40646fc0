#!/usr/bin/env bash
# Checks licences, sources, bans and known security advisories of all packages (deny.toml), if cargo-deny is there.
# Without it nothing is checked and that is said; tests/house checks the licences in any case.
#
#   scripts/deny.sh               licences, bans and sources; needs no network
#   scripts/deny.sh --advisories  the advisory database as well; fetches it
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
    echo "deny: no cargo-deny, nothing checked; cargo install --locked cargo-deny brings it"
    exit 0
fi
case ${1:-} in
    "") exec cargo deny --offline --all-features check licenses bans sources ;;
    --advisories) exec cargo deny --all-features check ;;
    *) echo "deny: unknown option $1" >&2; exit 2 ;;
esac
