#!/bin/bash
# Runs mosquitto as a bridge to a broker and checks both directions:
#   bridge.sh --port P --tls-port T --cafile CA [--host H]
# Prints `ok NAME` or `FAIL NAME why` per case and exits non-zero if any failed. mosquitto itself listens on a socket in a
# folder, so that it needs no port.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR
. "$here/peer.sh"
PATH=$PATH:/usr/sbin # where Debian has mosquitto, and where only root looks

read_options "$@"

# The clients that follow talk to the broker, or to mosquitto.
at_broker() { broker=(-h "$host" -p "$tcp_port" -V mqttv311); }
at_mosquitto() { broker=(--unix "$scratch/socket" -V mqttv311); }

# start_bridge NAME LINES: starts mosquitto with a bridge of this name and these lines of its configuration.
start_bridge() {
    local name=$1 lines=$2
    cat >"$scratch/mosquitto.conf" <<CONF
user $(id -un)
allow_anonymous true
listener 0 $scratch/socket
connection $name
remote_clientid $name
restart_timeout 1
topic $name/# both 2
$lines
CONF
    mosquitto -c "$scratch/mosquitto.conf" >"$scratch/mosquitto.log" 2>&1 &
    mosquitto_pid=$!
}

end_bridge() {
    end_listeners
    kill "$mosquitto_pid" 2>/dev/null && wait "$mosquitto_pid"
    rm -rf "$scratch"
}

# The bridge has subscribed at the broker: what is published there comes out here. A bound ends the wait.
await_bridge() {
    local topic=$1 end=$((SECONDS + DEADLINE_S))
    until [ -S "$scratch/socket" ] || [ $SECONDS -ge $end ]; do sleep 0.05; done
    at_mosquitto
    exec {ready}< <(exec mosquitto_sub "${broker[@]}" -C 1 -W $DEADLINE_S -t "$topic")
    local ready_pid=$!
    at_broker
    while kill -0 "$ready_pid" 2>/dev/null && [ $SECONDS -lt $end ]; do
        publish -t "$topic" -m ready
        sleep 0.1
    done
    local line=
    IFS= read -r -t 1 -u "$ready" line
    expect "what comes through the bridge" "$line" ready
}

# One message after the other and an end, published at one side, arrive at the other once each and in order, and at their own
# side once as well: nothing goes round.
check_way() {
    local topic=$1 from=$2 to=$3 qos side
    "$to" && listen there -q 2 -t "$topic"
    "$from" && listen here -q 2 -t "$topic"
    for qos in 0 1 2; do
        publish -q "$qos" -t "$topic" -m "$qos"
        # One at a time: QoS 0 may pass the others.
        expect_message there "$qos 0 $qos"
        expect_message here "$qos 0 $qos"
    done
    publish -q 2 -t "$topic" -m end
    for side in there here; do expect_message "$side" "2 0 end"; done
    drop there
    drop here
}

# What is retained at one side is retained at the other.
check_retained() {
    local topic=$1 from=$2 to=$3
    "$to" && listen there -q 1 -t "$topic"
    "$from" && publish -t "$topic" -r -m kept
    expect_message there "1 0 kept"
    drop there
    "$to" && expect "the retained message" "$(receive -C 1 -F '%r %p' -t "$topic")" "1 kept"
    "$from" && publish -t "$topic" -r -n
}

check_bridge() {
    local name=$1 lines=$2 state=$3
    scratch=$(mktemp -d)
    trap end_bridge EXIT
    start_bridge "$name" "$lines"
    await_bridge "$name/ready"
    check_way "$name/out" at_mosquitto at_broker
    check_way "$name/in" at_broker at_mosquitto
    check_retained "$name/kept-out" at_mosquitto at_broker
    check_retained "$name/kept-in" at_broker at_mosquitto
    if [ "$state" = told ]; then
        at_broker
        expect "the state" "$(receive -C 1 -F '%r %p' -t "\$SYS/broker/connection/$name/state")" "1 1"
        listen watcher -t "\$SYS/broker/connection/$name/state"
        expect_message watcher "0 1 1"
        kill -KILL "$mosquitto_pid"
        expect_message watcher "0 0 0"
    fi
}

# run_case NAME LINES STATE: prints a line, and fails if the case failed. Whatever it started ends with it.
run_case() {
    local name=$1 why
    if why=$(check_bridge "bridge-$run-$name" "$2" "$3" 2>&1); then
        echo "ok bridge/$name"
    else
        echo "FAIL bridge/$name ${why//$'\n'/; }"
        return 1
    fi
}

run=$$-$RANDOM
plain="address $host:$tcp_port"
failed=0
# As mosquitto bridges unless told otherwise.
run_case default "$plain" told || failed=1
run_case tls "address $host:$tls_port"$'\n'"bridge_cafile $cafile" told || failed=1
run_case 3.1 "$plain"$'\n'"bridge_protocol_version mqttv31" told || failed=1
# These do not show as bridges, so that their state is not for the broker; 5.0 asks for No Local itself.
run_case 5.0 "$plain"$'\n'"bridge_protocol_version mqttv50"$'\n'"notifications_local_only true" untold || failed=1
exit $failed
