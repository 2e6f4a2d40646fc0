"""The socket cases of paho-mqtt, plain and TLS, MQTT 3.1.1 and 5.0.

Each case takes its lane and its own name, and fails by raising. It must never share a topic with another case.
"""

import queue
import time

from harness import Cases, expect, large_payload, remaining_s
from paho_peer import Peer, publish_properties

CASES = Cases()
SESSION_EXPIRY_S = 300
SHARED_MESSAGES_COUNT = 20


def peer(lane, name, role="one", **options):
    return Peer(lane, lane.client_id(name, role), **options)


def expect_message(message, topic, payload, qos=None, retain=False):
    expect("topic", message.topic, topic)
    expect("payload", message.payload, payload)
    expect("RETAIN", message.retain, retain)
    if qos is not None:
        expect("QoS", message.qos, qos)


def publish_and_receive(lane, name, qos):
    topic = lane.topic(name)
    with peer(lane, name, "sub") as subscriber, peer(lane, name, "pub") as publisher:
        expect("granted QoS", subscriber.subscribe(topic, qos), [qos])
        publisher.publish(topic, b"first", qos)
        publisher.publish(topic, b"second", qos)
        expect_message(subscriber.receive(), topic, b"first", qos)
        expect_message(subscriber.receive(), topic, b"second", qos)


@CASES.both
def connect(lane, name):
    with peer(lane, name) as one:
        expect("session present", one.session_present, False)


@CASES.both
def qos0(lane, name):
    publish_and_receive(lane, name, 0)


@CASES.both
def qos1(lane, name):
    publish_and_receive(lane, name, 1)


@CASES.both
def qos2(lane, name):
    publish_and_receive(lane, name, 2)


@CASES.both
def retained(lane, name):
    """Set, given to a new subscriber, replaced by nothing, and then given to nobody. [MQTT-3.3.1-6]"""
    topic = lane.topic(name)
    with peer(lane, name, "pub") as publisher:
        publisher.publish(topic, b"kept", retain=True)
        with peer(lane, name, "early") as early:
            early.subscribe(topic)
            expect_message(early.receive(), topic, b"kept", retain=True)
            publisher.publish(topic, b"", retain=True)
            expect_message(early.receive(), topic, b"")
        with peer(lane, name, "late") as late:
            late.subscribe(topic)
            publisher.publish(topic, b"live")
            expect_message(late.receive(), topic, b"live")


@CASES.both
def will(lane, name):
    topic = lane.topic(name)
    with peer(lane, name, "watcher") as watcher:
        watcher.subscribe(topic)
        with peer(lane, name, "victim", will=(topic, b"gone")) as victim:
            victim.drop()
            expect_message(watcher.receive(), topic, b"gone", 1)
        with peer(lane, name, "polite", will=(topic, b"never")):
            pass
        watcher.publish(topic, b"fence")
        expect_message(watcher.receive(), topic, b"fence")


@CASES.both
def shared(lane, name):
    """Two members get every message once, and neither gets all of them."""
    topic = lane.topic(name)
    inboxes = [queue.Queue(), queue.Queue()]
    with (
        peer(lane, name, "member-0", inbox=inboxes[0]) as left,
        peer(lane, name, "member-1", inbox=inboxes[1]) as right,
        peer(lane, name, "pub") as publisher,
    ):
        for member in (left, right):
            member.subscribe(f"$share/group/{topic}")
            member.subscribe(f"{topic}/fence")
        sent = [b"%d" % i for i in range(SHARED_MESSAGES_COUNT)]
        for payload in sent:
            publisher.publish(topic, payload)
        publisher.publish(f"{topic}/fence", b"fence")
        shares = [receive_share(member, topic, sent) for member in (left, right)]
    expect("messages of both members", sorted(shares[0] + shares[1]), sorted(sent))
    expect("members served", [bool(share) for share in shares], [True, True])


def receive_share(member, topic, sent):
    """Everything this member gets up to the fence."""
    share = []
    while True:
        message = member.receive()
        if message.topic != topic:
            return share
        expect("payload known", message.payload in sent, True)
        share.append(message.payload)


@CASES.both
def large(lane, name):
    topic, payload = lane.topic(name), large_payload()
    with peer(lane, name, "sub") as subscriber, peer(lane, name, "pub") as publisher:
        subscriber.subscribe(topic)
        publisher.publish(topic, payload)
        received = subscriber.receive().payload
        expect("payload bytes", len(received), len(payload))
        expect("payload is the same", received == payload, True)


@CASES.both
def resume(lane, name):
    """A session outlives its connection and keeps what arrives meanwhile, in order. [MQTT-3.1.2-5]"""
    topic = lane.topic(name)
    options = {"clean": False, "session_expiry_s": SESSION_EXPIRY_S}
    with peer(lane, name, "durable", **options) as durable:
        expect("session present", durable.session_present, False)
        durable.subscribe(topic)
    with peer(lane, name, "pub") as publisher:
        for payload in (b"a", b"b", b"c"):
            publisher.publish(topic, payload)
    with peer(lane, name, "durable", **options) as durable:
        expect("session present", durable.session_present, True)
        for payload in (b"a", b"b", b"c"):
            expect_message(durable.receive(), topic, payload, 1)
    with peer(lane, name, "durable") as durable:
        expect("session present after a clean start", durable.session_present, False)


@CASES.v5
def user_properties(lane, name):
    """User properties arrive in order, repeated names included. [MQTT-3.3.2-18]"""
    topic, pairs = lane.topic(name), [("b", "1"), ("a", "ü"), ("b", "2")]
    with peer(lane, name) as one:
        one.subscribe(topic)
        sent = publish_properties(UserProperty=pairs, ContentType="text/x", PayloadFormatIndicator=1)
        one.publish(topic, "text", props=sent)
        props = one.receive().properties
        expect("user properties", props.UserProperty, pairs)
        expect("content type", props.ContentType, "text/x")
        expect("payload format", props.PayloadFormatIndicator, 1)


@CASES.v5
def request_response(lane, name):
    question, answer = lane.topic(name) + "/question", lane.topic(name) + "/answer"
    with peer(lane, name, "asks") as asking, peer(lane, name, "answers") as answering:
        answering.subscribe(question)
        asking.subscribe(answer)
        asking.publish(question, b"?", props=publish_properties(ResponseTopic=answer, CorrelationData=b"\x00\xff7"))
        asked = answering.receive().properties
        expect("response topic", asked.ResponseTopic, answer)
        answering.publish(asked.ResponseTopic, b"!", props=publish_properties(CorrelationData=asked.CorrelationData))
        answered = asking.receive()
        expect_message(answered, answer, b"!")
        expect("correlation data", answered.properties.CorrelationData, b"\x00\xff7")


@CASES.v5
def message_expiry(lane, name):
    """A message that waited too long is not delivered; another arrives with what is left. [MQTT-3.3.2-5, -6]"""
    topic = lane.topic(name)
    with peer(lane, name, "durable", session_expiry_s=SESSION_EXPIRY_S) as durable:
        durable.subscribe(topic)
    with peer(lane, name, "pub") as publisher:
        publisher.publish(topic, b"stale", props=publish_properties(MessageExpiryInterval=1))
        publisher.publish(topic, b"fresh", props=publish_properties(MessageExpiryInterval=100))
    published_at = time.monotonic()
    time.sleep(remaining_s(published_at, 2.1))
    with peer(lane, name, "durable", clean=False) as durable:
        message = durable.receive()
        expect_message(message, topic, b"fresh")
        expect("1 to 98 s left", 1 <= message.properties.MessageExpiryInterval <= 98, True)


@CASES.v5
def session_expiry(lane, name):
    """The end of a session releases its delayed will, and the session is gone. [MQTT-3.1.2-8]"""
    topic = lane.topic(name)
    with peer(lane, name, "watcher") as watcher:
        watcher.subscribe(topic)
        last_words = {"will": (topic, b"session over"), "will_delay_s": SESSION_EXPIRY_S}
        with peer(lane, name, "short", session_expiry_s=1, **last_words) as short:
            short.drop()
            expect_message(watcher.receive(), topic, b"session over")
        with peer(lane, name, "short", clean=False) as again:
            expect("session present", again.session_present, False)


@CASES.v5
def reason_codes(lane, name):
    topic = lane.topic(name)
    with peer(lane, name) as first:
        for qos in (0, 1, 2):
            expect("SUBACK", first.subscribe(f"{topic}/{qos}", qos), [qos])
        expect("PUBACK", first.publish(f"{topic}/1", b"", 1), 0)
        expect("PUBCOMP", first.publish(f"{topic}/2", b"", 2), 0)
        expect("UNSUBACK", first.unsubscribe([f"{topic}/0", f"{topic}/unknown"]), [0, 0x11])


@CASES.v5
def takeover(lane, name):
    """The older connection of a client id is told why it ends. [MQTT-3.1.4-3]"""
    with peer(lane, name) as first, peer(lane, name):
        expect("DISCONNECT reason", first.disconnect_reason(), 0x8E)


@CASES.v5
def subscription_identifiers(lane, name):
    """Overlapping subscriptions report both identifiers, in one copy or in two. [MQTT-3.3.4-3, -4]"""
    topic, largest = lane.topic(name), 268_435_455
    with peer(lane, name) as one:
        one.subscribe(topic, identifier=7)
        one.subscribe(f"{topic}/#", identifier=largest)
        one.publish(topic, b"x")
        seen = set(one.receive().properties.SubscriptionIdentifier)
        if len(seen) == 1:
            seen.update(one.receive().properties.SubscriptionIdentifier)
        expect("identifiers", seen, {7, largest})


@CASES.v5
def topic_alias(lane, name):
    topic = lane.topic(name)
    with peer(lane, name, "sub") as subscriber, peer(lane, name, "pub") as publisher:
        expect("broker accepts aliases", publisher.connack.TopicAliasMaximum >= 1, True)
        subscriber.subscribe(topic)
        publisher.publish(topic, b"names it", props=publish_properties(TopicAlias=1))
        publisher.publish("", b"uses it", props=publish_properties(TopicAlias=1))
        expect_message(subscriber.receive(), topic, b"names it")
        expect_message(subscriber.receive(), topic, b"uses it")


@CASES.v5
def no_local(lane, name):
    """A client does not get its own messages back on a No Local subscription. [MQTT-3.8.3-3]"""
    topic = lane.topic(name)
    with peer(lane, name, "talks") as talking, peer(lane, name, "other") as other:
        talking.subscribe(topic, options={"noLocal": True})
        talking.publish(topic, b"own")
        other.publish(topic, b"foreign")
        expect_message(talking.receive(), topic, b"foreign")


@CASES.v5
def retain_handling(lane, name):
    """Never, only for a new subscription, always. [MQTT-3.3.1-9] to [MQTT-3.3.1-11]"""
    topic = lane.topic(name)
    with peer(lane, name, "pub") as publisher, peer(lane, name, "sub") as subscriber:
        publisher.publish(topic, b"kept", retain=True)
        subscriber.subscribe(topic, options={"retainHandling": 2})
        publisher.publish(topic, b"after 2")
        expect_message(subscriber.receive(), topic, b"after 2")
        subscriber.subscribe(topic, options={"retainHandling": 1})
        publisher.publish(topic, b"after 1")
        expect_message(subscriber.receive(), topic, b"after 1")
        subscriber.subscribe(topic, options={"retainHandling": 0})
        expect_message(subscriber.receive(), topic, b"kept", retain=True)


@CASES.v5
def retain_as_published(lane, name):
    topic = lane.topic(name)
    with peer(lane, name, "pub") as publisher, peer(lane, name, "sub") as subscriber:
        subscriber.subscribe(topic, options={"retainAsPublished": True})
        publisher.publish(topic, b"kept", retain=True)
        expect_message(subscriber.receive(), topic, b"kept", retain=True)
        publisher.publish(topic, b"live")
        expect_message(subscriber.receive(), topic, b"live")
        publisher.publish(topic, b"", retain=True)
        expect_message(subscriber.receive(), topic, b"", retain=True)
