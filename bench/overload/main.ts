/**
 * A server in a process of its own at three times what it can do, with and without shedding: figures of one run, to be read as
 * ratios. A call waits for something else, computes, and answers; callers give up after a second, and do not try again.
 * `npm run bench:overload`, nothing else needed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { sleep } from '@flashmesh/core';
import { closeMeshClients, createMeshClient, MeshServer } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';

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
const WARM_UP_MS = 5000;
const RUN_MS = 15_000;

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

async function bench(): Promise<void> {
  const rows: Record<string, string | number>[] = [];
  for (const shed of ['on', 'off']) {
    const { port, child } = await start(shed);
    const client = createMeshClient(service, { target: `127.0.0.1:${port}`, defaultDeadlineMs: PATIENCE_MS });
    const call = () => client.do(new Uint8Array(100));
    await closedLoop(call, 5, 3000);
    const capacity = (await closedLoop(call, 16, 5000)).answered / 5;
    const calm = await openLoop(call, capacity * 0.3, 5000);
    await openLoop(call, capacity * 3, WARM_UP_MS);
    const rush = await openLoop(call, capacity * 3, RUN_MS);
    rows.push({
      shedding: shed,
      'capacity/s': Math.round(capacity),
      'p99 at 0.3x, ms': Math.round(quantile(calm, 0.99)),
      'sent/s': Math.round(rush.sent / (RUN_MS / 1000)),
      'goodput/s': Math.round(rush.answered / (RUN_MS / 1000)),
      'goodput/capacity': (rush.answered / (RUN_MS / 1000) / capacity).toFixed(2),
      'p50, ms': Math.round(quantile(rush, 0.5)),
      'p99, ms': Math.round(quantile(rush, 0.99)),
      'p99/p99 at 0.3x': (quantile(rush, 0.99) / quantile(calm, 0.99)).toFixed(1),
    });
    closeMeshClients();
    child.kill();
  }
  process.stdout.write(table(rows));
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

function table(rows: readonly Record<string, string | number>[]): string {
  const lines = [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row).map(String))];
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines.map((line) => `${line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`).join('');
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
