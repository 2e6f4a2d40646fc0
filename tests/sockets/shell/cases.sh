# The socket cases of the mosquitto clients, plain and TLS, MQTT 3.1.1 and 5.0. Sourced by run.sh.
# Each case uses lane_topic and lane_id, and ends by `fail` or returns 0. It must never share a topic with another.
# No Local and Retain Handling are missing: mosquitto_sub has no option for them.
# shellcheck shell=bash disable=SC2034,SC2154 # the lists are read, and the lane variables set, by run.sh

CASES_BOTH=(connect qos0 qos1 qos2 retained will shared large resume)
CASES_V5=(user-properties request-response message-expiry session-expiry reason-codes takeover
    subscription-identifiers topic-alias retain-as-published)
SESSION_EXPIRY_S=300
SHARED_MESSAGES_COUNT=20

case_connect() {
    local output
    output=$(publish -d -t "$lane_topic" -m x) || exit 1
    [[ $output == *"received CONNACK (0)"* ]] || fail "no CONNACK (0): $output"
}

publish_and_receive() {
    local qos=$1
    listen sub -q "$qos" -t "$lane_topic"
    publish -q "$qos" -t "$lane_topic" -m first
    # Another client sends the second: the order is this one's, not the broker's, so the first must be there.
    expect_message sub "$qos 0 first"
    publish -q "$qos" -t "$lane_topic" -m second
    expect_message sub "$qos 0 second"
}

case_qos0() { publish_and_receive 0; }
case_qos1() { publish_and_receive 1; }
case_qos2() { publish_and_receive 2; }

# Set, given to a new subscriber, cleared, and then given to nobody. [MQTT-3.3.1-6]
case_retained() {
    publish -t "$lane_topic" -r -m kept
    listen early -q 1 -t "$lane_topic"
    expect_message early "1 1 kept"
    publish -t "$lane_topic" -r -n
    expect_message early "1 0 "
    listen late -q 1 -t "$lane_topic"
    publish -t "$lane_topic" -m live
    expect_message late "1 0 live"
}

case_will() {
    listen watcher -q 1 -t "$lane_topic"
    listen victim -t "$lane_topic/own" --will-topic "$lane_topic" --will-payload gone --will-qos 1
    drop victim
    expect_message watcher "1 0 gone"
    publish -t "$lane_topic/own" -m x --will-topic "$lane_topic" --will-payload never --will-qos 1
    publish -t "$lane_topic" -m fence
    expect_message watcher "1 0 fence"
}

# Everything one member gets up to the fence, one payload a line.
share_of() {
    local line
    while line=$(await "$1" 'MSG *') || exit 1; do
        [ "$line" = "MSG 1 0 fence" ] && return
        echo "${line##* }"
    done
}

# Two members get every message once, and neither gets all of them.
case_shared() {
    local member left right
    for member in left right; do
        listen $member -q 1 -t "\$share/group/$lane_topic" -t "$lane_topic/fence"
    done
    seq $SHARED_MESSAGES_COUNT | publish -t "$lane_topic" -l
    publish -t "$lane_topic/fence" -m fence
    left=$(share_of left) || exit 1
    right=$(share_of right) || exit 1
    expect "messages of both" "$(printf '%s\n' "$left" "$right" | sort -n)" "$(seq $SHARED_MESSAGES_COUNT)"
    [[ -n $left && -n $right ]] || fail "one member got everything"
}

# 1 MiB, handed to a subscriber byte for byte; retained, so that its output holds the payload and nothing else.
case_large() {
    local sent="$scratch/$lane_id.sent" received="$scratch/$lane_id.received"
    head -c 1048576 /dev/urandom >"$sent"
    publish -t "$lane_topic" -r -f "$sent"
    receive -t "$lane_topic" -C 1 -N >"$received"
    publish -t "$lane_topic" -r -n
    cmp "$sent" "$received" || fail "the payload changed"
}

# A session outlives its connection and keeps what arrives meanwhile, in order. [MQTT-3.1.2-5]
case_resume() {
    local durable=(-i "$lane_id" -c -t "$lane_topic") payload
    [ "$version" = 5.0 ] && durable+=(-x "$SESSION_EXPIRY_S")
    receive "${durable[@]}" -E
    for payload in a b c; do publish -t "$lane_topic" -m $payload; done
    expect "messages kept" "$(receive "${durable[@]}" -C 3 -F '%q%p' | tr '\n' ' ')" "1a 1b 1c "
}

# User properties arrive in order, repeated names included. [MQTT-3.3.2-18]
case_user_properties() {
    listen sub -q 1 -t "$lane_topic" -F 'MSG %C %P'
    publish -t "$lane_topic" -m x -D publish content-type text/x \
        -D publish user-property b 1 -D publish user-property a ü -D publish user-property b 2
    expect_message sub "text/x b:1 a:ü b:2"
}

case_request_response() {
    local answer="$scratch/$lane_id.answer" asking
    listen answers -q 1 -t "$lane_topic/question" -F 'MSG %R %D'
    timeout "$DEADLINE_S" mosquitto_rr "${broker[@]}" -q 1 -t "$lane_topic/question" -e "$lane_topic/answer" \
        -m '?' -D publish correlation-data 42 -F '%D %p' >"$answer" &
    asking=$!
    expect_message answers "$lane_topic/answer 42"
    publish -t "$lane_topic/answer" -m '!' -D publish correlation-data 42
    wait $asking || fail "mosquitto_rr: status $?"
    expect answer "$(cat "$answer")" "42 !"
}

# A message that waited too long is not delivered; another arrives with what is left. [MQTT-3.3.2-5] [MQTT-3.3.2-6]
case_message_expiry() {
    local durable=(-i "$lane_id" -c -x "$SESSION_EXPIRY_S" -t "$lane_topic") left_s payload
    receive "${durable[@]}" -E
    publish -t "$lane_topic" -m stale -D publish message-expiry-interval 1
    publish -t "$lane_topic" -m fresh -D publish message-expiry-interval 100
    sleep 2.1 # the passing of time is the stimulus here
    read -r left_s payload < <(receive "${durable[@]}" -C 1 -F '%E %p')
    expect payload "$payload" fresh
    [[ $left_s -ge 1 && $left_s -le 98 ]] || fail "expiry left: got $left_s, wanted 1 to 98"
}

# The end of a session releases its delayed will, and its subscriptions are gone. [MQTT-3.1.2-8]
case_session_expiry() {
    listen watcher -q 1 -t "$lane_topic"
    listen short -q 1 -i "$lane_id" -x 1 -t "$lane_topic/own" --will-topic "$lane_topic" --will-qos 1 \
        --will-payload "session over" -D will will-delay-interval "$SESSION_EXPIRY_S"
    drop short
    expect_message watcher "1 0 session over"
    publish -t "$lane_topic/own" -m lost
    listen again -q 1 -i "$lane_id" -c -x 1 -t "$lane_topic/own"
    publish -t "$lane_topic/own" -m live
    expect_message again "1 0 live"
}

case_reason_codes() {
    local output qos
    for qos in 0 1 2; do
        output=$(receive -q $qos -t "$lane_topic" -E -d) || exit 1
        [[ $output == *"Subscribed (mid: 1): $qos"* ]] || fail "SUBACK at QoS $qos: $output"
    done
    listen sub -t "$lane_topic"
    output=$(publish -d -t "$lane_topic" -m x) || exit 1
    [[ $output == *"received PUBACK (Mid: 1, RC:0)"* ]] || fail "PUBACK: $output"
}

# The older connection of a client id is told why it ends. [MQTT-3.1.4-3]
case_takeover() {
    listen first -i "$lane_id" -t "$lane_topic"
    listen second -i "$lane_id" -t "$lane_topic"
    await first 'Received DISCONNECT (142)' >/dev/null
}

case_subscription_identifiers() {
    listen sub -q 1 -t "$lane_topic/#" -D subscribe subscription-identifier 268435455 -F 'MSG %S %p'
    publish -t "$lane_topic" -m x
    expect_message sub "268435455 x"
}

# With -l, mosquitto_pub names the topic once and then sends the alias alone.
case_topic_alias() {
    listen sub -q 1 -t "$lane_topic" -F 'MSG %t %p'
    printf '%s\n' one two three | publish -t "$lane_topic" -l -D publish topic-alias 1
    for payload in one two three; do expect_message sub "$lane_topic $payload"; done
}

case_retain_as_published() {
    listen sub -q 1 -t "$lane_topic" --retain-as-published
    publish -t "$lane_topic" -r -m kept
    expect_message sub "1 1 kept"
    publish -t "$lane_topic" -m live
    expect_message sub "1 0 live"
    publish -t "$lane_topic" -r -n
    expect_message sub "1 1 "
}
