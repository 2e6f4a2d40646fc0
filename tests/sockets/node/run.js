// Runs the cases of the node client against a broker: `node run.js --port P --tls-port T --cafile CA [--host H]`.
// Prints `ok NAME` or `FAIL NAME why` per case and exits non-zero if any failed.
'use strict';

const { randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const { cases } = require('./cases.js');

const TRANSPORTS = ['tcp', 'tls'];
const VERSIONS = ['3.1.1', '5.0'];

// One transport and protocol version. Lanes run side by side and share no topic or client id.
class Lane {
  constructor(broker, transport, version) {
    this.host = broker.host;
    this.port = Number(transport === 'tls' ? broker['tls-port'] : broker.port);
    this.ca = transport === 'tls' ? broker.ca : undefined;
    this.transport = transport;
    this.version = version;
    this.isV5 = version === '5.0';
    this.run = randomBytes(4).toString('hex');
  }

  name(name) {
    return `node-mqtt/${this.transport}/${this.version}/${name}`;
  }

  topic(name) {
    return `${this.name(name)}/${this.run}`;
  }

  clientId(name, role) {
    return `node-${this.transport}-${this.version}-${name}-${role}-${this.run}`;
  }
}

// Returns how many cases of the lane failed.
async function runLane(lane) {
  let failedCount = 0;
  for (const { name, versions, run } of cases) {
    if (!versions.includes(lane.version)) continue;
    try {
      await run(lane, name);
      console.log(`ok ${lane.name(name)}`);
    } catch (error) {
      failedCount += 1;
      console.log(`FAIL ${lane.name(name)} ${String(error.message ?? error).replaceAll('\n', ' ')}`);
    }
  }
  return failedCount;
}

function parseBroker() {
  const text = { type: 'string' };
  const options = { host: { ...text, default: '127.0.0.1' }, port: text, 'tls-port': text, cafile: text };
  const { values } = parseArgs({ options });
  for (const name of ['port', 'tls-port', 'cafile']) {
    if (!values[name]) throw new Error(`--${name} is missing`);
  }
  return { ...values, ca: readFileSync(values.cafile) };
}

async function main() {
  const broker = parseBroker();
  const lanes = TRANSPORTS.flatMap((transport) => VERSIONS.map((version) => new Lane(broker, transport, version)));
  const failedCounts = await Promise.all(lanes.map(runLane));
  process.exit(failedCounts.some((count) => count > 0) ? 1 : 0);
}

main();
