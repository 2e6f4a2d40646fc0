"""A paho-mqtt client that waits: every call returns when the broker has answered, or fails at the deadline.

Owns the client's network thread and what it received. It must never know what a case proves.
"""

import queue
import socket

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import DEADLINE_S, Mismatch, expect


def properties(packet, **fields):
    """The properties of one packet kind, by paho's names: `properties(PacketTypes.PUBLISH, TopicAlias=1)`."""
    result = Properties(packet)
    for name, value in fields.items():
        setattr(result, name, value)
    return result


def publish_properties(**fields):
    return properties(PacketTypes.PUBLISH, **fields)


def _values(codes):
    return [code.value for code in codes]


class Peer:
    """One connection. Use as a context manager; leaving it sends DISCONNECT."""

    def __init__(self, lane, client_id, *, clean=True, session_expiry_s=0, will=None, will_delay_s=None, inbox=None):
        self.lane = lane
        self.id = client_id
        self.inbox = inbox if inbox is not None else queue.Queue()
        self._clean = clean
        self._session_expiry_s = session_expiry_s
        self._answers = {name: queue.Queue() for name in ("connack", "suback", "unsuback", "puback", "disconnect")}
        self._client = self._new_client()
        if will is not None:
            self._set_will(will, will_delay_s)

    def _new_client(self):
        version = mqtt.MQTTv5 if self.lane.is_v5 else mqtt.MQTTv311
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            self.id,
            clean_session=None if self.lane.is_v5 else self._clean,
            protocol=version,
            reconnect_on_failure=False,
        )
        tls_settings = self.lane.tls_settings()
        if tls_settings is not None:
            client.tls_set_context(tls_settings)
        answers = self._answers
        client.on_connect = lambda c, u, flags, code, props: answers["connack"].put(
            (flags.session_present, code, props)
        )
        client.on_subscribe = lambda c, u, mid, codes, props: answers["suback"].put(_values(codes))
        client.on_unsubscribe = lambda c, u, mid, codes, props: answers["unsuback"].put(_values(codes))
        client.on_publish = lambda c, u, mid, code, props: answers["puback"].put(code.value)
        client.on_disconnect = lambda c, u, flags, code, props: answers["disconnect"].put(code.value)
        client.on_message = lambda c, u, message: self.inbox.put(message)
        return client

    def _set_will(self, will, delay_s):
        topic, payload = will
        props = None if delay_s is None else properties(PacketTypes.WILLMESSAGE, WillDelayInterval=delay_s)
        self._client.will_set(topic, payload, qos=1, properties=props)

    def _answer(self, kind):
        try:
            return self._answers[kind].get(timeout=DEADLINE_S)
        except queue.Empty:
            raise Mismatch(f"{self.id}: no {kind} within {DEADLINE_S} s") from None

    def __enter__(self):
        if self.lane.is_v5:
            props = properties(PacketTypes.CONNECT, SessionExpiryInterval=self._session_expiry_s)
            self._client.connect(self.lane.host, self.lane.port, clean_start=self._clean, properties=props)
        else:
            self._client.connect(self.lane.host, self.lane.port)
        self._client.loop_start()
        self.session_present, code, self.connack = self._answer("connack")
        expect("CONNACK reason", code.value, 0)
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self):
        """Ends the connection without DISCONNECT, as a pulled cable or a killed process does."""
        self._client.socket().shutdown(socket.SHUT_RDWR)

    def subscribe(self, topic_filter, qos=1, *, options=None, identifier=None):
        """Returns the reason codes of the SUBACK. `options` holds MQTT 5.0 subscription options by paho's names."""
        if self.lane.is_v5:
            props = None
            if identifier is not None:
                props = properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier)
            self._client.subscribe(topic_filter, options=SubscribeOptions(qos=qos, **(options or {})), properties=props)
        else:
            self._client.subscribe(topic_filter, qos)
        return self._answer("suback")

    def unsubscribe(self, topic_filters):
        self._client.unsubscribe(topic_filters)
        return self._answer("unsuback")

    def publish(self, topic, payload, qos=1, *, retain=False, props=None):
        """Returns the reason code once the flow of `qos` is complete."""
        self._client.publish(topic, payload, qos, retain, props)
        return self._answer("puback")

    def receive(self):
        try:
            return self.inbox.get(timeout=DEADLINE_S)
        except queue.Empty:
            raise Mismatch(f"{self.id}: no message within {DEADLINE_S} s") from None

    def disconnect_reason(self):
        """Waits for the end of the connection and returns the broker's reason code."""
        return self._answer("disconnect")
