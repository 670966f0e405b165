/**
 * A server in a process of its own at three times what it can do, with and without shedding, in five rounds: to be read as
 * ratios. A call waits for something else, computes, and answers; callers give up after a second, and do not try again.
 * `npm run bench:overload`, nothing else needed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { sleep } from '@flashmesh/core';
import { closeMeshClients, createMeshClient, MeshServer } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';
import { markdownTable, medianWithRange } from '../support/table.ts';

/** Messages are bytes: nothing here depends on a schema, and the file runs as it is. */
const bytes = {
  encode: (message: unknown) => ({ finish: () => message as Uint8Array }),
  decode: (message: Uint8Array) => message,
  create: (message = new Uint8Array(100)) => message,
};
const work = {
  name: 'Do',
  requestType: bytes,
  requestStream: false,
  responseType: bytes,
  responseStream: false,
};
const service = { name: 'Work', fullName: 'bench.Work', methods: { do: work } };
const WAIT_MS = 20;
const CPU_MS = 4;
const PATIENCE_MS = 1000;
const ROUNDS = 5;
const WARM_UP_MS = 3000;
const RUN_MS = 5000;
const COLUMNS: readonly (readonly [string, (round: Round) => number, digits: number])[] = [
  ['capacity/s', ({ capacity }) => capacity, 0],
  ['sent/s', ({ sent }) => sent, 0],
  ['goodput/s', ({ goodput }) => goodput, 0],
  ['of the capacity', ({ goodput, capacity }) => goodput / capacity, 2],
  ['p99 at 0.3x, ms', ({ calmP99 }) => calmP99, 0],
  ['p99, ms', ({ p99 }) => p99, 0],
  ['times that at 0.3x', ({ p99, calmP99 }) => p99 / calmP99, 1],
];

const [role, shedding] = process.argv.slice(2);
if (role === 'server') await serve(shedding === 'on');
else await bench();

async function serve(shed: boolean): Promise<void> {
  const rounds = calibrate();
  const logger = createLogger({ service: 'bench', instance: 'bench', level: 'error' });
  const overload = shed ? {} : false;
  const server = new MeshServer({ services: [service], host: '127.0.0.1', port: 0, overload, logger });
  server.addHandler({ service: service.name, rpc: 'Do' }, async () => {
    await sleep(WAIT_MS);
    compute(rounds);
    return new Uint8Array(100);
  });
  await new Promise<void>((resolve, reject) =>
    server.listen((error) => (error instanceof Error ? reject(error) : resolve())),
  );
  process.send?.(server.port);
}

/** The same work for every call, whatever else the machine does meanwhile. */
function compute(rounds: number): void {
  let digest: Buffer = Buffer.alloc(32);
  for (let i = 0; i < rounds; i++) digest = hash('sha256', digest, 'buffer');
}

/** How many rounds take about `CPU_MS`. */
function calibrate(): number {
  const tried = 20_000;
  compute(tried);
  const before = process.threadCpuUsage();
  compute(tried);
  const { user, system } = process.threadCpuUsage(before);
  return Math.max(1, Math.round((tried * CPU_MS * 1000) / (user + system)));
}

interface Figures {
  readonly sent: number;
  readonly answered: number;
  readonly latencies: readonly number[];
}

/** One fresh server: what it can do, what calls take without load, and both at three times of it. */
interface Round {
  readonly capacity: number;
  readonly calmP99: number;
  readonly sent: number;
  readonly goodput: number;
  readonly p99: number;
}

async function bench(): Promise<void> {
  const rounds = { on: [] as Round[], off: [] as Round[] };
  // In turn: a machine that gets slower meanwhile does so for both.
  for (let i = 0; i < ROUNDS; i++) {
    for (const shed of ['on', 'off'] as const) rounds[shed].push(await round(shed));
  }
  process.stdout.write(
    `three times the capacity; medians of ${ROUNDS} rounds, least and most in brackets\n\n`,
  );
  const rows = Object.entries(rounds).map(([shed, list]) => row(shed, list));
  process.stdout.write(`${markdownTable(['shedding', ...COLUMNS.map(([name]) => name)], rows)}\n`);
}

async function round(shed: string): Promise<Round> {
  const { port, child } = await start(shed);
  try {
    const client = createMeshClient(service, { target: `127.0.0.1:${port}`, defaultDeadlineMs: PATIENCE_MS });
    const call = () => client.do(new Uint8Array(100));
    await closedLoop(call, 5, WARM_UP_MS);
    const capacity = perSecond((await closedLoop(call, 16, RUN_MS)).answered);
    const calm = await openLoop(call, capacity * 0.3, RUN_MS);
    await openLoop(call, capacity * 3, WARM_UP_MS);
    const rush = await openLoop(call, capacity * 3, RUN_MS);
    return {
      capacity,
      calmP99: quantile(calm, 0.99),
      sent: perSecond(rush.sent),
      goodput: perSecond(rush.answered),
      p99: quantile(rush, 0.99),
    };
  } finally {
    closeMeshClients();
    child.kill();
  }
}

function row(shed: string, list: readonly Round[]): string[] {
  const cells = COLUMNS.map(([, what, digits]) =>
    medianWithRange(list.map(what), (value) => (Number.isNaN(value) ? '-' : value.toFixed(digits))),
  );
  return [shed, ...cells];
}

function perSecond(count: number): number {
  return count / (RUN_MS / 1000);
}

function start(shed: string): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const child = fork(process.argv[1] ?? '', ['server', shed], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (port) => resolve({ port: Number(port), child }));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

async function closedLoop(call: () => Promise<unknown>, callers: number, ms: number): Promise<Figures> {
  const end = performance.now() + ms;
  const latencies: number[] = [];
  let sent = 0;
  const loop = async () => {
    while (performance.now() < end) {
      sent++;
      await timed(call, latencies);
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
  return { sent, answered: latencies.length, latencies };
}

async function openLoop(call: () => Promise<unknown>, perSecond: number, ms: number): Promise<Figures> {
  const startedAt = performance.now();
  const latencies: number[] = [];
  const calls: Promise<void>[] = [];
  while (performance.now() - startedAt < ms) {
    const due = ((performance.now() - startedAt) * perSecond) / 1000;
    while (calls.length < due) calls.push(timed(call, latencies));
    await sleep(2);
  }
  await Promise.all(calls);
  return { sent: calls.length, answered: latencies.length, latencies };
}

/** Refused and late calls have no latency. */
async function timed(call: () => Promise<unknown>, latencies: number[]): Promise<void> {
  const startedAt = performance.now();
  await call().then(
    () => latencies.push(performance.now() - startedAt),
    () => undefined,
  );
}

function quantile({ latencies }: Figures, q: number): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * q)] ?? Number.NaN;
}
