/**
 * A replica in a process of its own, for tests that freeze, kill or spoil it: `node replica-program.fixture.ts`. It writes
 * `listening <port>` and, asked by SIGUSR2, `served <calls>`; SIGTERM drains it. What it does comes from its environment:
 * `DELAY_MS` before each answer, `FAIL` the share of calls that fail as `unavailable`, `PORT` 0 for any.
 */
import { sleep, unavailable } from '@flashmesh/core';
import { createLogger } from '@flashmesh/telemetry';
import { Echo, type EchoRequest, type EchoResponse } from './testing/echo.ts';
import { MeshServer } from './mesh-server.ts';

const { DELAY_MS = '0', FAIL = '0', PORT = '0' } = process.env;
const logger = createLogger({ service: 'replica', instance: String(process.pid), level: 'fatal' });
const server = new MeshServer({
  services: [Echo],
  host: '127.0.0.1',
  port: Number(PORT),
  logger,
  // It has specs of its own. Here it would refuse calls, and be right, whenever the machine is busy with something else.
  overload: false,
});
let served = 0;

async function answer(request: unknown): Promise<EchoResponse> {
  served++;
  if (Number(DELAY_MS) > 0) await sleep(Number(DELAY_MS));
  // Evenly, so that no test hangs on luck.
  const share = Number(FAIL);
  if (Math.floor(served * share) > Math.floor((served - 1) * share)) {
    throw unavailable('SPOILT', 'this one fails on purpose');
  }
  return { text: (request as EchoRequest).text, pid: process.pid };
}
server.addHandler({ service: Echo.name, rpc: 'Read' }, answer);
server.addHandler({ service: Echo.name, rpc: 'Write' }, answer);

server.listen((error) => {
  if (error) process.exit(1);
  process.stdout.write(`listening ${server.port}\n`);
});
process.on('SIGUSR2', () => process.stdout.write(`served ${served}\n`));
process.on('SIGTERM', () => {
  void server.drain(2000).then(() => process.exit(0));
});
// Timers of the libraries keep nobody alive.
setInterval(() => undefined, 60_000);
