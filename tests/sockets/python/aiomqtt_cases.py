"""The socket cases of aiomqtt, plain and TLS, MQTT 3.1.1 and 5.0.

aiomqtt hides CONNACK flags and most reason codes, so its cases prove what an application sees: which messages
arrive. It must never share a topic or client id with another case.
"""

import asyncio
import contextlib
import socket
import time

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import DEADLINE_S, Cases, Mismatch, expect, large_payload, remaining_s

CASES = Cases()
SESSION_EXPIRY_S = 300
SHARED_MESSAGES_COUNT = 20


def properties(packet, **fields):
    result = Properties(packet)
    for name, value in fields.items():
        setattr(result, name, value)
    return result


def publish_properties(**fields):
    return properties(PacketTypes.PUBLISH, **fields)


def client(lane, name, role="one", *, clean=True, session_expiry_s=0, will=None):
    """A client to be entered with `async with`, which connects it; leaving disconnects it."""
    common = {
        "hostname": lane.host,
        "port": lane.port,
        "identifier": lane.client_id(name, role),
        "tls_context": lane.tls_settings(),
        "will": will,
        "timeout": DEADLINE_S,
    }
    if not lane.is_v5:
        return aiomqtt.Client(protocol=aiomqtt.ProtocolVersion.V311, clean_session=clean, **common)
    return aiomqtt.Client(
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=clean,
        properties=properties(PacketTypes.CONNECT, SessionExpiryInterval=session_expiry_s),
        **common,
    )


async def drop(victim):
    """Ends the connection without DISCONNECT. aiomqtt has no such call, hence the reach into it."""
    victim._client.socket().shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(aiomqtt.MqttError):  # raised once the client has noticed
        await anext(victim.messages)


async def receive(subscriber):
    try:
        return await asyncio.wait_for(anext(subscriber.messages), DEADLINE_S)
    except TimeoutError:
        raise Mismatch(f"{subscriber.identifier}: no message within {DEADLINE_S} s") from None


async def expect_next(subscriber, topic, payload, qos=None, retain=False):
    message = await receive(subscriber)
    expect("topic", str(message.topic), topic)
    expect("payload", message.payload, payload)
    expect("RETAIN", bool(message.retain), retain)
    if qos is not None:
        expect("QoS", message.qos, qos)
    return message


async def publish_and_receive(lane, name, qos):
    topic = lane.topic(name)
    async with client(lane, name, "sub") as subscriber, client(lane, name, "pub") as publisher:
        await subscriber.subscribe(topic, qos)
        await publisher.publish(topic, b"first", qos)
        await publisher.publish(topic, b"second", qos)
        await expect_next(subscriber, topic, b"first", qos)
        await expect_next(subscriber, topic, b"second", qos)


@CASES.both
async def connect(lane, name):
    async with client(lane, name):
        pass


@CASES.both
async def qos0(lane, name):
    await publish_and_receive(lane, name, 0)


@CASES.both
async def qos1(lane, name):
    await publish_and_receive(lane, name, 1)


@CASES.both
async def qos2(lane, name):
    await publish_and_receive(lane, name, 2)


@CASES.both
async def retained(lane, name):
    """Set, given to a new subscriber, cleared, and then given to nobody. [MQTT-3.3.1-6]"""
    topic = lane.topic(name)
    async with client(lane, name, "pub") as publisher:
        await publisher.publish(topic, b"kept", 1, retain=True)
        async with client(lane, name, "early") as early:
            await early.subscribe(topic, 1)
            await expect_next(early, topic, b"kept", retain=True)
            await publisher.publish(topic, b"", 1, retain=True)
            await expect_next(early, topic, b"")
        async with client(lane, name, "late") as late:
            await late.subscribe(topic, 1)
            await publisher.publish(topic, b"live", 1)
            await expect_next(late, topic, b"live")


@CASES.both
async def will(lane, name):
    topic = lane.topic(name)
    last_words = aiomqtt.Will(topic, b"gone", qos=1)
    async with client(lane, name, "watcher") as watcher:
        await watcher.subscribe(topic, 1)
        async with client(lane, name, "victim", will=last_words) as victim:
            await drop(victim)
            await expect_next(watcher, topic, b"gone", 1)
        async with client(lane, name, "polite", will=aiomqtt.Will(topic, b"never", qos=1)):
            pass
        await watcher.publish(topic, b"fence", 1)
        await expect_next(watcher, topic, b"fence")


@CASES.both
async def shared(lane, name):
    """Two members get every message once, and neither gets all of them."""
    topic = lane.topic(name)
    sent = [b"%d" % i for i in range(SHARED_MESSAGES_COUNT)]
    async with contextlib.AsyncExitStack() as stack:
        members = [await stack.enter_async_context(client(lane, name, f"member-{i}")) for i in range(2)]
        publisher = await stack.enter_async_context(client(lane, name, "pub"))
        for member in members:
            await member.subscribe(f"$share/group/{topic}", 1)
            await member.subscribe(f"{topic}/fence", 1)
        for payload in sent:
            await publisher.publish(topic, payload, 1)
        await publisher.publish(f"{topic}/fence", b"fence", 1)
        shares = [await receive_share(member, topic) for member in members]
    expect("messages of both members", sorted(shares[0] + shares[1]), sorted(sent))
    expect("members served", [bool(share) for share in shares], [True, True])


async def receive_share(member, topic):
    """Everything this member gets up to the fence."""
    share = []
    while str((message := await receive(member)).topic) == topic:
        share.append(message.payload)
    return share


@CASES.both
async def large(lane, name):
    topic, payload = lane.topic(name), large_payload()
    async with client(lane, name, "sub") as subscriber, client(lane, name, "pub") as publisher:
        await subscriber.subscribe(topic, 1)
        await publisher.publish(topic, payload, 1)
        received = (await receive(subscriber)).payload
        expect("payload bytes", len(received), len(payload))
        expect("payload is the same", received == payload, True)


@CASES.both
async def resume(lane, name):
    """A session outlives its connection and keeps what arrives meanwhile, in order. [MQTT-3.1.2-5]"""
    topic = lane.topic(name)
    options = {"clean": False, "session_expiry_s": SESSION_EXPIRY_S}
    async with client(lane, name, "durable", **options) as durable:
        await durable.subscribe(topic, 1)
    async with client(lane, name, "pub") as publisher:
        for payload in (b"a", b"b", b"c"):
            await publisher.publish(topic, payload, 1)
    async with client(lane, name, "durable", **options) as durable:
        for payload in (b"a", b"b", b"c"):
            await expect_next(durable, topic, payload, 1)


@CASES.v5
async def user_properties(lane, name):
    """User properties arrive in order, repeated names included. [MQTT-3.3.2-18]"""
    topic, pairs = lane.topic(name), [("b", "1"), ("a", "ü"), ("b", "2")]
    async with client(lane, name) as one:
        await one.subscribe(topic, 1)
        await one.publish(topic, "text", 1, properties=publish_properties(UserProperty=pairs, ContentType="text/x"))
        props = (await receive(one)).properties
        expect("user properties", props.UserProperty, pairs)
        expect("content type", props.ContentType, "text/x")


@CASES.v5
async def request_response(lane, name):
    question, answer = lane.topic(name) + "/question", lane.topic(name) + "/answer"
    async with client(lane, name, "asks") as asking, client(lane, name, "answers") as answering:
        await answering.subscribe(question, 1)
        await asking.subscribe(answer, 1)
        props = publish_properties(ResponseTopic=answer, CorrelationData=b"\x00\xff7")
        await asking.publish(question, b"?", 1, properties=props)
        asked = (await receive(answering)).properties
        props = publish_properties(CorrelationData=asked.CorrelationData)
        await answering.publish(asked.ResponseTopic, b"!", 1, properties=props)
        answered = await expect_next(asking, answer, b"!")
        expect("correlation data", answered.properties.CorrelationData, b"\x00\xff7")


@CASES.v5
async def message_expiry(lane, name):
    """A message that waited too long is not delivered; another arrives with what is left. [MQTT-3.3.2-5, -6]"""
    topic = lane.topic(name)
    async with client(lane, name, "durable", session_expiry_s=SESSION_EXPIRY_S) as durable:
        await durable.subscribe(topic, 1)
    async with client(lane, name, "pub") as publisher:
        await publisher.publish(topic, b"stale", 1, properties=publish_properties(MessageExpiryInterval=1))
        await publisher.publish(topic, b"fresh", 1, properties=publish_properties(MessageExpiryInterval=100))
    published_at = time.monotonic()
    await asyncio.sleep(remaining_s(published_at, 2.1))
    async with client(lane, name, "durable", clean=False) as durable:
        message = await expect_next(durable, topic, b"fresh")
        expect("1 to 98 s left", 1 <= message.properties.MessageExpiryInterval <= 98, True)


@CASES.v5
async def session_expiry(lane, name):
    """The end of a session releases its delayed will, and its subscriptions are gone. [MQTT-3.1.2-8]"""
    topic = lane.topic(name)
    delayed = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=SESSION_EXPIRY_S)
    last_words = aiomqtt.Will(topic, b"session over", qos=1, properties=delayed)
    async with client(lane, name, "watcher") as watcher:
        await watcher.subscribe(topic, 1)
        async with client(lane, name, "short", session_expiry_s=1, will=last_words) as short:
            await short.subscribe(f"{topic}/own", 1)
            await drop(short)
            await expect_next(watcher, topic, b"session over")
        async with client(lane, name, "short", clean=False) as again:
            await again.publish(f"{topic}/own", b"old subscription", 1)
            await again.subscribe(f"{topic}/new", 1)
            await again.publish(f"{topic}/new", b"new subscription", 1)
            await expect_next(again, f"{topic}/new", b"new subscription")


@CASES.v5
async def reason_codes(lane, name):
    topic = lane.topic(name)
    async with client(lane, name) as one:
        for qos in (0, 1, 2):
            codes = await one.subscribe(f"{topic}/{qos}", options=SubscribeOptions(qos=qos))
            expect("SUBACK", [code.value for code in codes], [qos])


@CASES.v5
async def subscription_identifiers(lane, name):
    """Overlapping subscriptions report both identifiers, in one copy or in two. [MQTT-3.3.4-3, -4]"""
    topic, largest = lane.topic(name), 268_435_455
    async with client(lane, name) as one:
        for topic_filter, identifier in ((topic, 7), (f"{topic}/#", largest)):
            props = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier)
            await one.subscribe(topic_filter, options=SubscribeOptions(qos=1), properties=props)
        await one.publish(topic, b"x", 1)
        seen = set((await receive(one)).properties.SubscriptionIdentifier)
        if len(seen) == 1:
            seen.update((await receive(one)).properties.SubscriptionIdentifier)
        expect("identifiers", seen, {7, largest})


@CASES.v5
async def topic_alias(lane, name):
    topic = lane.topic(name)
    async with client(lane, name, "sub") as subscriber, client(lane, name, "pub") as publisher:
        await subscriber.subscribe(topic, 1)
        await publisher.publish(topic, b"names it", 1, properties=publish_properties(TopicAlias=1))
        await publisher.publish("", b"uses it", 1, properties=publish_properties(TopicAlias=1))
        await expect_next(subscriber, topic, b"names it")
        await expect_next(subscriber, topic, b"uses it")


@CASES.v5
async def no_local(lane, name):
    """A client does not get its own messages back on a No Local subscription. [MQTT-3.8.3-3]"""
    topic = lane.topic(name)
    async with client(lane, name, "talks") as talking, client(lane, name, "other") as other:
        await talking.subscribe(topic, options=SubscribeOptions(qos=1, noLocal=True))
        await talking.publish(topic, b"own", 1)
        await other.publish(topic, b"foreign", 1)
        await expect_next(talking, topic, b"foreign")


@CASES.v5
async def retain_handling(lane, name):
    """Never, only for a new subscription, always. [MQTT-3.3.1-9] to [MQTT-3.3.1-11]"""
    topic = lane.topic(name)
    async with client(lane, name, "pub") as publisher, client(lane, name, "sub") as subscriber:
        await publisher.publish(topic, b"kept", 1, retain=True)
        for handling in (2, 1):
            await subscriber.subscribe(topic, options=SubscribeOptions(qos=1, retainHandling=handling))
            await publisher.publish(topic, b"live", 1)
            await expect_next(subscriber, topic, b"live")
        await subscriber.subscribe(topic, options=SubscribeOptions(qos=1, retainHandling=0))
        await expect_next(subscriber, topic, b"kept", retain=True)
