#!/bin/bash
# Runs the cases of mosquitto_pub, mosquitto_sub and mosquitto_rr against a broker:
#   run.sh --port P --tls-port T --cafile CA [--host H]
# Prints `ok NAME` or `FAIL NAME why` per case and exits non-zero if any failed.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/peer.sh"
# shellcheck source-path=SCRIPTDIR
. "$here/cases.sh"

read_options "$@"

# One case in the current lane: prints its line, and fails if it failed. Whatever it started ends with it.
run_case() {
    local name=$1 function=case_${1//-/_} why
    lane_topic="mosquitto/$transport/$version/$name/$run"
    lane_id="mosquitto-$transport-$version-$name-$run"
    if why=$(trap end_listeners EXIT; "$function" 2>&1); then
        echo "ok mosquitto/$transport/$version/$name"
    else
        echo "FAIL mosquitto/$transport/$version/$name ${why//$'\n'/; }"
        return 1
    fi
}

# Every case of one transport and protocol version.
run_lane() {
    transport=$1 version=$2
    local cases=("${CASES_BOTH[@]}") name failed_count=0
    broker=(-h "$host" -p "$tcp_port" -V mqttv311)
    [ "$transport" = tls ] && broker=(-h "$host" -p "$tls_port" --cafile "$cafile" -V mqttv311)
    if [ "$version" = 5.0 ]; then
        broker[-1]=mqttv5
        cases+=("${CASES_V5[@]}")
    fi
    for name in "${cases[@]}"; do
        run_case "$name" || failed_count=$((failed_count + 1))
    done
    [ "$failed_count" -eq 0 ]
}

run=$$-$RANDOM
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
lanes=()
for transport in tcp tls; do
    for version in 3.1.1 5.0; do
        run_lane "$transport" "$version" &
        lanes+=($!)
    done
done
failed=0
for lane in "${lanes[@]}"; do
    wait "$lane" || failed=1
done
exit $failed
