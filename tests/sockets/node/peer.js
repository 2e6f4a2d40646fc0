// An MQTT.js client that waits: every call resolves when the broker has answered, or rejects at the deadline.
// Owns the connection and what it received. It must never know what a case proves.
'use strict';

const { once } = require('node:events');
const { createRequire } = require('node:module');
const path = require('node:path');

// scripts/setup.sh installs the client outside of the source tree.
const mqtt = createRequire(path.join(__dirname, '../../../.clients/node/package.json'))('mqtt');

// How long any single wait may take. A wait ends with the thing it waits for; this bound only ends a failure.
const DEADLINE_MS = 10_000;

class Peer {
  // `options` are those of MQTT.js, and `sessionExpiryS`, which an MQTT 3.1.1 connection ignores.
  static async connect(lane, clientId, options = {}) {
    const peer = new Peer(lane, clientId, options);
    const connack = once(peer.client, 'connect');
    const [packet] = await peer.within('CONNACK', connack);
    peer.connack = packet;
    return peer;
  }

  constructor(lane, clientId, { sessionExpiryS = 0, properties = {}, ...options }) {
    this.id = clientId;
    this.inbox = [];
    this.arrival = null;
    this.client = mqtt.connect({
      host: lane.host,
      port: lane.port,
      protocol: lane.transport === 'tls' ? 'mqtts' : 'mqtt',
      ca: lane.ca,
      protocolVersion: lane.isV5 ? 5 : 4,
      clientId,
      reconnectPeriod: 0,
      resubscribe: false,
      properties: lane.isV5 ? { sessionExpiryInterval: sessionExpiryS, ...properties } : undefined,
      ...options,
    });
    this.client.on('error', () => {}); // the wait that is under way reports it
    this.client.on('message', (topic, payload, packet) => this.arrived({ ...packet, topic, payload }));
    this.client.on('packetreceive', (packet) => {
      if (packet.cmd === 'unsuback') this.unsuback = packet;
    });
    this.disconnected = new Promise((resolve) => {
      this.client.once('disconnect', resolve);
      this.client.once('close', () => resolve({ reasonCode: 'none, the connection just closed' }));
    });
  }

  arrived(message) {
    this.inbox.push(message);
    this.arrival?.();
    this.arrival = null;
  }

  // Waits for `promise`, but not longer than the deadline and not past an error of the client.
  async within(what, promise) {
    const stop = new AbortController();
    const { signal } = stop;
    const failure = new Promise((_, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.id}: no ${what} in ${DEADLINE_MS} ms`)), DEADLINE_MS);
      const fail = (error) => reject(new Error(`${this.id}: ${error.message} while waiting for ${what}`));
      this.client.once('error', fail);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        this.client.off('error', fail);
      });
    });
    try {
      return await Promise.race([promise, failure]);
    } finally {
      stop.abort();
    }
  }

  // Resolves to the reason codes of the SUBACK. `options` are those of MQTT.js: nl, rap, rh, properties.
  async subscribe(filter, qos = 1, options = {}) {
    const suback = new Promise((resolve, reject) => {
      const answered = (error, _, packet) => (error ? reject(error) : resolve(packet));
      this.client.subscribe(filter, { qos, ...options }, answered);
    });
    return [...(await this.within('SUBACK', suback)).granted];
  }

  // Resolves to the reason codes of the UNSUBACK; empty before MQTT 5.0.
  async unsubscribe(filters) {
    await this.within('UNSUBACK', this.client.unsubscribeAsync(filters));
    return [...(this.unsuback.granted ?? [])];
  }

  // Resolves to the reason code once the flow of `qos` is complete.
  async publish(topic, payload, qos = 1, options = {}) {
    const packet = await this.within('PUBACK', this.client.publishAsync(topic, payload, { qos, ...options }));
    return packet?.reasonCode ?? 0;
  }

  async receive() {
    if (this.inbox.length === 0) {
      await this.within('message', new Promise((resolve) => { this.arrival = resolve; }));
    }
    return this.inbox.shift();
  }

  // Ends the connection without DISCONNECT, as a pulled cable or a killed process does.
  drop() {
    this.client.stream.destroy();
  }

  // Waits for the end of the connection and resolves to the reason code of the broker's DISCONNECT.
  async disconnectReason() {
    return (await this.within('DISCONNECT', this.disconnected)).reasonCode;
  }

  // Sends DISCONNECT if the connection still lives.
  async end() {
    await this.client.endAsync(!this.client.connected);
  }
}

module.exports = { Peer };
