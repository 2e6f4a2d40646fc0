// The socket cases of MQTT.js, plain and TLS, MQTT 3.1.1 and 5.0.
// Each case takes its lane and its own name, and fails by throwing. It must never share a topic with another case.
'use strict';

const assert = require('node:assert/strict');
const { setTimeout: passing } = require('node:timers/promises');

const { Peer } = require('./peer.js');

const BOTH = ['3.1.1', '5.0'];
const V5 = ['5.0'];
const SESSION_EXPIRY_S = 300;
const SHARED_MESSAGES_COUNT = 20;
const LARGE_BYTES = 1 << 20;

const cases = [];

// Declares a case. `run` gets `connect(role, options)`; what it connects is closed after the case, whatever happens.
function declare(name, versions, run) {
  const runAndClose = async (lane, caseName) => {
    const peers = [];
    const connect = async (role, options) => {
      const peer = await Peer.connect(lane, lane.clientId(caseName, role), options);
      peers.push(peer);
      return peer;
    };
    try {
      await run({ connect, topic: lane.topic(caseName), lane });
    } finally {
      await Promise.all(peers.map((peer) => peer.end()));
    }
  };
  cases.push({ name, versions, run: runAndClose });
}

function expectMessage(message, topic, payload, { qos, retain = false } = {}) {
  assert.equal(message.topic, topic);
  assert.equal(message.payload.toString(), payload);
  assert.equal(message.retain, retain, `RETAIN of ${payload}`);
  if (qos !== undefined) assert.equal(message.qos, qos);
}

declare('connect', BOTH, async ({ connect }) => {
  const one = await connect('one');
  assert.equal(one.connack.sessionPresent, false);
});

for (const qos of [0, 1, 2]) {
  declare(`qos${qos}`, BOTH, async ({ connect, topic }) => {
    const subscriber = await connect('sub');
    const publisher = await connect('pub');
    assert.deepEqual(await subscriber.subscribe(topic, qos), [qos]);
    await publisher.publish(topic, 'first', qos);
    await publisher.publish(topic, 'second', qos);
    expectMessage(await subscriber.receive(), topic, 'first', { qos });
    expectMessage(await subscriber.receive(), topic, 'second', { qos });
  });
}

// Set, given to a new subscriber, cleared, and then given to nobody. [MQTT-3.3.1-6]
declare('retained', BOTH, async ({ connect, topic }) => {
  const publisher = await connect('pub');
  await publisher.publish(topic, 'kept', 1, { retain: true });
  const early = await connect('early');
  await early.subscribe(topic);
  expectMessage(await early.receive(), topic, 'kept', { retain: true });
  await publisher.publish(topic, '', 1, { retain: true });
  expectMessage(await early.receive(), topic, '');
  const late = await connect('late');
  await late.subscribe(topic);
  await publisher.publish(topic, 'live');
  expectMessage(await late.receive(), topic, 'live');
});

declare('will', BOTH, async ({ connect, topic }) => {
  const watcher = await connect('watcher');
  await watcher.subscribe(topic);
  const victim = await connect('victim', { will: { topic, payload: Buffer.from('gone'), qos: 1 } });
  victim.drop();
  expectMessage(await watcher.receive(), topic, 'gone', { qos: 1 });
  const polite = await connect('polite', { will: { topic, payload: Buffer.from('never'), qos: 1 } });
  await polite.end();
  await watcher.publish(topic, 'fence');
  expectMessage(await watcher.receive(), topic, 'fence');
});

// Two members get every message once, and neither gets all of them.
declare('shared', BOTH, async ({ connect, topic }) => {
  const members = [await connect('member-0'), await connect('member-1')];
  const publisher = await connect('pub');
  for (const member of members) {
    await member.subscribe(`$share/group/${topic}`);
    await member.subscribe(`${topic}/fence`);
  }
  const sent = Array.from({ length: SHARED_MESSAGES_COUNT }, (_, i) => String(i));
  for (const payload of sent) await publisher.publish(topic, payload);
  await publisher.publish(`${topic}/fence`, 'fence');
  const shares = await Promise.all(members.map((member) => receiveShare(member, topic)));
  assert.deepEqual(shares.flat().sort(), sent.sort());
  assert.ok(shares.every((share) => share.length > 0), 'both members are served');
});

// Everything this member gets up to the fence.
async function receiveShare(member, topic) {
  const share = [];
  for (;;) {
    const message = await member.receive();
    if (message.topic !== topic) return share;
    share.push(message.payload.toString());
  }
}

declare('large', BOTH, async ({ connect, topic }) => {
  const payload = Buffer.alloc(LARGE_BYTES);
  for (let at = 0; at < LARGE_BYTES; at += 4) payload.writeUInt32BE(at / 4, at);
  const subscriber = await connect('sub');
  const publisher = await connect('pub');
  await subscriber.subscribe(topic);
  await publisher.publish(topic, payload);
  const received = await subscriber.receive();
  assert.equal(received.payload.length, LARGE_BYTES);
  assert.ok(received.payload.equals(payload), 'payload is the same');
});

// A session outlives its connection and keeps what arrives meanwhile, in order. [MQTT-3.1.2-5]
declare('resume', BOTH, async ({ connect, topic }) => {
  const durable = { clean: false, sessionExpiryS: SESSION_EXPIRY_S };
  const first = await connect('durable', durable);
  assert.equal(first.connack.sessionPresent, false);
  await first.subscribe(topic);
  await first.end();
  const publisher = await connect('pub');
  for (const payload of ['a', 'b', 'c']) await publisher.publish(topic, payload);
  const second = await connect('durable', durable);
  assert.equal(second.connack.sessionPresent, true);
  for (const payload of ['a', 'b', 'c']) expectMessage(await second.receive(), topic, payload, { qos: 1 });
  await second.end();
  const third = await connect('durable');
  assert.equal(third.connack.sessionPresent, false);
});

// User properties arrive complete, repeated names included. [MQTT-3.3.2-17]
declare('user-properties', V5, async ({ connect, topic }) => {
  const userProperties = { a: ['1', '2'], b: 'ü' };
  const one = await connect('one');
  await one.subscribe(topic);
  const sent = { userProperties, contentType: 'text/x', payloadFormatIndicator: true };
  await one.publish(topic, 'text', 1, { properties: sent });
  const { properties } = await one.receive();
  assert.deepEqual({ ...properties.userProperties }, userProperties);
  assert.equal(properties.contentType, 'text/x');
  assert.equal(properties.payloadFormatIndicator, true);
});

declare('request-response', V5, async ({ connect, topic }) => {
  const correlationData = Buffer.from([0, 255, 7]);
  const asking = await connect('asks');
  const answering = await connect('answers');
  await answering.subscribe(`${topic}/question`);
  await asking.subscribe(`${topic}/answer`);
  const sent = { responseTopic: `${topic}/answer`, correlationData };
  await asking.publish(`${topic}/question`, '?', 1, { properties: sent });
  const asked = (await answering.receive()).properties;
  await answering.publish(asked.responseTopic, '!', 1, { properties: { correlationData: asked.correlationData } });
  const answered = await asking.receive();
  expectMessage(answered, `${topic}/answer`, '!');
  assert.ok(answered.properties.correlationData.equals(correlationData), 'correlation data');
});

// A message that waited too long is not delivered; another arrives with what is left. [MQTT-3.3.2-5] [MQTT-3.3.2-6]
declare('message-expiry', V5, async ({ connect, topic }) => {
  const durable = await connect('durable', { sessionExpiryS: SESSION_EXPIRY_S });
  await durable.subscribe(topic);
  await durable.end();
  const publisher = await connect('pub');
  await publisher.publish(topic, 'stale', 1, { properties: { messageExpiryInterval: 1 } });
  await publisher.publish(topic, 'fresh', 1, { properties: { messageExpiryInterval: 100 } });
  await passing(2100); // the passing of time is the stimulus here
  const back = await connect('durable', { clean: false });
  const message = await back.receive();
  expectMessage(message, topic, 'fresh');
  const leftS = message.properties.messageExpiryInterval;
  assert.ok(leftS >= 1 && leftS <= 98, `1 to 98 s left, got ${leftS}`);
});

// The end of a session releases its delayed will, and the session is gone. [MQTT-3.1.2-8]
declare('session-expiry', V5, async ({ connect, topic }) => {
  const watcher = await connect('watcher');
  await watcher.subscribe(topic);
  const properties = { willDelayInterval: SESSION_EXPIRY_S };
  const will = { topic, payload: Buffer.from('session over'), qos: 1, properties };
  const short = await connect('short', { sessionExpiryS: 1, will });
  short.drop();
  expectMessage(await watcher.receive(), topic, 'session over');
  const again = await connect('short', { clean: false });
  assert.equal(again.connack.sessionPresent, false);
});

declare('reason-codes', V5, async ({ connect, topic }) => {
  const one = await connect('one');
  for (const qos of [0, 1, 2]) assert.deepEqual(await one.subscribe(`${topic}/${qos}`, qos), [qos]);
  assert.equal(await one.publish(`${topic}/1`, '', 1), 0);
  assert.equal(await one.publish(`${topic}/2`, '', 2), 0);
  assert.deepEqual(await one.unsubscribe([`${topic}/0`, `${topic}/unknown`]), [0, 0x11]);
});

// The older connection of a client id is told why it ends. [MQTT-3.1.4-3]
declare('takeover', V5, async ({ connect }) => {
  const first = await connect('one');
  await connect('one');
  assert.equal(await first.disconnectReason(), 0x8e);
});

// Overlapping subscriptions report both identifiers, in one copy or in two. [MQTT-3.3.4-3] [MQTT-3.3.4-4]
declare('subscription-identifiers', V5, async ({ connect, topic }) => {
  const largest = 268_435_455;
  const one = await connect('one');
  await one.subscribe(topic, 1, { properties: { subscriptionIdentifier: 7 } });
  await one.subscribe(`${topic}/#`, 1, { properties: { subscriptionIdentifier: largest } });
  await one.publish(topic, 'x');
  const seen = new Set([(await one.receive()).properties.subscriptionIdentifier].flat());
  if (seen.size === 1) seen.add((await one.receive()).properties.subscriptionIdentifier);
  assert.deepEqual([...seen].sort((a, b) => a - b), [7, largest]);
});

// Aliases towards the broker by hand, and from the broker if it uses what the subscriber allows.
declare('topic-alias', V5, async ({ connect, topic }) => {
  const subscriber = await connect('sub', { properties: { topicAliasMaximum: 2 } });
  const publisher = await connect('pub');
  assert.ok(publisher.connack.properties.topicAliasMaximum >= 1, 'the broker accepts aliases');
  await subscriber.subscribe(`${topic}/+`);
  for (const [name, topicAlias] of [['a', undefined], ['a', 1], ['', 1], ['b', 1], ['', 1], ['c', undefined]]) {
    const target = name === '' ? '' : `${topic}/${name}`;
    await publisher.publish(target, 'x', 1, topicAlias ? { properties: { topicAlias } } : {});
  }
  for (const name of ['a', 'a', 'a', 'b', 'b', 'c']) expectMessage(await subscriber.receive(), `${topic}/${name}`, 'x');
});

// A client does not get its own messages back on a No Local subscription. [MQTT-3.8.3-3]
declare('no-local', V5, async ({ connect, topic }) => {
  const talking = await connect('talks');
  const other = await connect('other');
  await talking.subscribe(topic, 1, { nl: true });
  await talking.publish(topic, 'own');
  await other.publish(topic, 'foreign');
  expectMessage(await talking.receive(), topic, 'foreign');
});

// Never, only for a new subscription, always. [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
declare('retain-handling', V5, async ({ connect, topic }) => {
  const publisher = await connect('pub');
  const subscriber = await connect('sub');
  await publisher.publish(topic, 'kept', 1, { retain: true });
  for (const rh of [2, 1]) {
    await subscriber.subscribe(topic, 1, { rh });
    await publisher.publish(topic, 'live');
    expectMessage(await subscriber.receive(), topic, 'live');
  }
  await subscriber.subscribe(topic, 1, { rh: 0 });
  expectMessage(await subscriber.receive(), topic, 'kept', { retain: true });
});

declare('retain-as-published', V5, async ({ connect, topic }) => {
  const publisher = await connect('pub');
  const subscriber = await connect('sub');
  await subscriber.subscribe(topic, 1, { rap: true });
  await publisher.publish(topic, 'kept', 1, { retain: true });
  expectMessage(await subscriber.receive(), topic, 'kept', { retain: true });
  await publisher.publish(topic, 'live');
  expectMessage(await subscriber.receive(), topic, 'live');
});

module.exports = { cases };
