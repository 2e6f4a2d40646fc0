# Helpers around the mosquitto clients: read where the broker is, publish, listen in the background, wait for a line with a
# deadline. Sourced by run.sh and bridge.sh, which set `broker` (connection options). Owns the background listeners of one case.
# shellcheck shell=bash disable=SC2034,SC2154 # what is set here is read there, and the other way round

# How long any single wait may take. A wait ends with the thing it waits for; this bound only ends a failure.
DEADLINE_S=10

declare -A listener_fd=() listener_pid=()

# read_options OPTIONS...: sets `host`, `tcp_port`, `tls_port` and `cafile` from the options of the script.
read_options() {
    host=127.0.0.1
    while [ $# -ge 2 ]; do
        case $1 in
            --host) host=$2 ;;
            --port) tcp_port=$2 ;;
            --tls-port) tls_port=$2 ;;
            --cafile) cafile=$2 ;;
            *) echo "${0##*/}: unknown option $1" >&2; exit 2 ;;
        esac
        shift 2
    done
    : "${tcp_port:?--port is missing}" "${tls_port:?--tls-port is missing}" "${cafile:?--cafile is missing}"
}

# Ends the case (or the substitution it stands in) with a reason, which run.sh collects.
fail() {
    echo "$*" >&2
    exit 1
}

expect() {
    local what=$1 actual=$2 wanted=$3
    [ "$actual" = "$wanted" ] || fail "$what: got '$actual', wanted '$wanted'"
}

# publish OPTIONS...: returns when the broker has acknowledged.
publish() {
    timeout "$DEADLINE_S" mosquitto_pub "${broker[@]}" -q 1 "$@" || fail "mosquitto_pub $*: status $?"
}

# receive OPTIONS...: the output of a subscriber that ends by itself (-C COUNT or -E).
receive() {
    mosquitto_sub "${broker[@]}" -q 1 -W "$DEADLINE_S" "$@" || fail "mosquitto_sub $*: status $?"
}

# listen NAME OPTIONS...: starts a subscriber in the background and returns once it is subscribed.
# Its messages are lines that begin with MSG; its packets are the lines of -d.
listen() {
    local name=$1
    shift
    # shellcheck disable=SC1083,SC2086,SC2093 # exec opens a descriptor here and replaces nothing
    exec {listener_fd[$name]}< <(exec stdbuf -oL mosquitto_sub "${broker[@]}" -d -F 'MSG %q %r %p' "$@" 2>&1)
    listener_pid[$name]=$!
    await "$name" 'Subscribed*' >/dev/null
}

# await NAME PATTERN: the next line of the listener that matches the shell pattern.
await() {
    local name=$1 pattern=$2 line end=$((SECONDS + DEADLINE_S))
    while [ $SECONDS -lt $end ] && IFS= read -r -t $((end - SECONDS)) -u "${listener_fd[$name]}" line; do
        # shellcheck disable=SC2053 # the right side is a pattern
        if [[ $line == $pattern ]]; then
            echo "$line"
            return
        fi
    done
    fail "$name: no line like '$pattern' within $DEADLINE_S s"
}

# expect_message NAME "QOS RETAIN PAYLOAD"
expect_message() {
    local line
    line=$(await "$1" 'MSG *') || exit 1
    expect "message of $1" "${line#MSG }" "$2"
}

# Ends a listener without DISCONNECT, as a killed process does.
drop() {
    kill -KILL "${listener_pid[$1]}"
    unset "listener_pid[$1]"
}

# Some may have ended by themselves.
end_listeners() {
    [ ${#listener_pid[@]} -eq 0 ] || kill -KILL "${listener_pid[@]}" 2>/dev/null
}
