/**
 * A replica of {@link Echo} in a process of its own, named in ZooKeeper under what its environment says: for specs with a ZooKeeper
 * of their own, and without Kafka and Redis. It stops as services do (`runService`), in that order. `SERVICE`, `INSTANCE_ID`,
 * `ZOOKEEPER`, `SESSION_MS`, `DELAY_MS` before each answer; with `TLS_FOLDER`, mutual TLS from the files there, looked at often, and
 * connections that live a second.
 */
import { sleep } from '@flashmesh/core';
import { Registry } from '@flashmesh/registry';
import { defineRules, type IncomingCall, MeshServer, MeshTls } from '@flashmesh/rpc';
import { Echo, type EchoRequest, type EchoResponse } from '@flashmesh/rpc/testing';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { CALLERS, quickTls, SHORT_LIVED } from './quick-tls.ts';

const {
  SERVICE = '',
  INSTANCE_ID = '',
  ZOOKEEPER = '',
  SESSION_MS,
  DELAY_MS = '0',
  TLS_FOLDER,
} = process.env;
const DRAIN_MS = 10_000;
/** As in `runService`: how long callers may take to hear of a drain. */
const DRAIN_PROPAGATION_MS = 250;

const logger = createLogger({ service: SERVICE, instance: INSTANCE_ID, level: 'error' });
const zookeeper = await ZooKeeper.connect({ servers: ZOOKEEPER, sessionTimeoutMs: Number(SESSION_MS) });
const registry = new Registry(zookeeper, { logger });
const security = TLS_FOLDER ? new MeshTls(quickTls(TLS_FOLDER)) : 'loopback';
const callers = [...CALLERS];
const server = new MeshServer({
  services: [Echo],
  rules: [defineRules(Echo, { read: { callers }, write: { callers } })],
  // It has specs of its own. Here it would refuse calls, and be right, whenever the machine is busy with something else.
  overload: false,
  host: '127.0.0.1',
  port: 0,
  security,
  logger,
  ...(TLS_FOLDER ? { channelOptions: SHORT_LIVED } : {}),
});

/** Says whom it takes the caller for. */
async function answer(_request: EchoRequest, call: IncomingCall): Promise<EchoResponse> {
  await sleep(Number(DELAY_MS));
  return { text: call.caller?.service ?? '', pid: process.pid };
}
server.addHandler({ service: Echo.name, rpc: 'Read' }, answer);
server.addHandler({ service: Echo.name, rpc: 'Write' }, answer);

await new Promise<void>((resolve, reject) => {
  server.listen((error) => (error ? reject(error) : resolve()));
});
const announcement = await registry.announce(SERVICE, {
  id: INSTANCE_ID,
  address: `127.0.0.1:${server.port}`,
  version: '1',
  zone: 'local',
  weight: 1,
});

async function stop(): Promise<void> {
  await announcement.drain();
  await sleep(DRAIN_PROPAGATION_MS);
  await server.drain(DRAIN_MS);
  await registry.close();
  await zookeeper.close();
}
process.once('SIGTERM', () => void stop().then(() => process.exit(0)));
