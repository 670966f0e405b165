/**
 * `npm run bench:zookeeper -- [--rounds N] [--scale N] [--only clients,notice,locks]`: installs what is missing, starts a server, and
 * measures every client in turn, each time in a process of its own. Prints medians as tables. SCALE multiplies how much is done.
 */
import { randomUUID } from 'node:crypto';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { toTerminal as print } from '../../tools/local/progress.ts';
import { jsonOf, runBench } from '../support/program.ts';
import { median } from '../support/table.ts';
import { bundle, programPath } from './bundle.ts';
import { clients, NATIVE } from './clients.ts';
import { install, peerVersion, type Programs } from './install.ts';
import type { HandOvers } from './lock.ts';
import type { Measured, Rate } from './measure.ts';
import { type Failure, GIVE_UP_MS, noticed, SESSION_TIMEOUT_MS } from './noticed.ts';
import { Server } from './server.ts';
import { type Row, table } from './table.ts';

const PARTS = ['clients', 'notice', 'locks'];
const CONTENDERS = [2, 10];
const LOCK_MS = { warmUp: 5000, measure: 10_000, after: 1000 };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: PARTS.join(',') },
  },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);

async function main(signal: AbortSignal): Promise<void> {
  const programs = await install(print, signal);
  await bundle();
  if (programs.nativeFault !== undefined)
    print(`${NATIVE} is left out, it cannot be compiled here: ${programs.nativeFault}`);
  const names = Object.keys(clients).filter((name) => name !== NATIVE || programs.nativeFault === undefined);
  const columns = await Promise.all(
    names.map(async (name) => [name, await peerVersion(name)].join(' ').trim()),
  );
  print(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ZooKeeper 3.9.4; medians of ${rounds} rounds\n`,
  );
  const only = values.only.split(',');
  if (only.includes('clients')) {
    await withServer(programs, signal, async (servers) => {
      print(`${table('', columns, await compareClients(names, servers, signal))}\n`);
    });
  }
  if (only.includes('notice')) print(`${table('', columns, await compareNotice(names, programs, signal))}\n`);
  if (only.includes('locks')) {
    await withServer(programs, signal, async (servers) => {
      for (const contenders of CONTENDERS)
        print(`${await compareLocks(contenders, servers, programs, signal)}\n`);
    });
  }
}

async function withServer(
  programs: Programs,
  signal: AbortSignal,
  run: (servers: string) => Promise<void>,
): Promise<void> {
  const server = await Server.start(programs, signal);
  try {
    await run(server.address);
  } finally {
    await server.stop();
  }
}

/** Every subject once a round, each round beginning with another one; before the first a warm-up of the server that does not count. */
async function interleaved<T>(
  subjects: readonly string[],
  measure: (subject: string) => Promise<T>,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(subjects.map((subject) => [subject, []]));
  await measure(subjects[0] as string);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const subject = subjects[(round + i) % subjects.length] as string;
      results.get(subject)?.push(await measure(subject));
    }
  }
  return results;
}

async function compareClients(
  names: readonly string[],
  servers: string,
  signal: AbortSignal,
): Promise<Row[]> {
  const results = await interleaved(names, (name) =>
    resultOf<Measured>(process.execPath, [programPath('measure'), name, servers, String(scale)], signal),
  );
  const row = (what: string, better: Row['better'], value: (measured: Measured) => number): Row => ({
    what,
    better,
    values: names.map((name) => median((results.get(name) ?? []).map(value))),
  });
  const rate = (what: string, of: (measured: Measured) => Rate) => [
    row(`${what}: per second`, 'higher', (measured) => of(measured).perSecond),
    row('CPU for each, µs', 'lower', (measured) => of(measured).cpuUs),
  ];
  return [
    ...rate('get of 1 KiB, one at a time', ({ sequentialGet }) => sequentialGet),
    ...rate('get of 1 KiB, 64 in flight', ({ parallelGet }) => parallelGet),
    ...rate('create or delete, 64 in flight', ({ createDelete }) => createDelete),
    ...rate('10 000 watches armed and fired', ({ watches }) => watches),
    row('resident memory at the end, MB', 'lower', ({ rssBytes }) => rssBytes / 1e6),
  ];
}

async function compareNotice(
  names: readonly string[],
  programs: Programs,
  signal: AbortSignal,
): Promise<Row[]> {
  const failures: [Failure, string][] = [
    ['SIGKILL', 'a killed server noticed after, ms'],
    ['SIGSTOP', `a silent server noticed after, ms (session timeout ${SESSION_TIMEOUT_MS} ms)`],
  ];
  const rows: Row[] = [];
  for (const [failure, what] of failures) {
    const taken: (readonly (number | undefined)[])[] = [];
    for (let round = 0; round < rounds; round++) taken.push(await noticed(names, failure, programs, signal));
    const values = names.map((_, index) => {
      const times = taken.map((round) => round[index]);
      return times.includes(undefined) ? undefined : median(times as number[]);
    });
    rows.push({ what, better: 'lower', values, otherwise: `not within ${GIVE_UP_MS / 1000} s` });
  }
  return rows;
}

/** Of several processes the hand-overs are added up: they are counted over the same time but for what a process takes to start. */
async function compareLocks(
  contenders: number,
  servers: string,
  { java, classpath }: Programs,
  signal: AbortSignal,
): Promise<string> {
  const { warmUp, measure, after } = LOCK_MS;
  const times = [warmUp, measure * Math.min(scale, 1), after].map((ms) => String(Math.round(ms)));
  const ours = (path: string, count: number) =>
    resultOf<HandOvers>(
      process.execPath,
      [programPath('lock'), servers, path, String(count), ...times],
      signal,
    );
  const subjects: Record<string, (path: string) => Promise<HandOvers[]>> = {
    '@flashmesh/coordination, one process': async (path) => [await ours(path, contenders)],
    'Curator 5.9.0, one process': async (path) => [
      await resultOf<HandOvers>(
        java,
        [
          '-Xmx256m',
          '-cp',
          classpath,
          'flashmesh.bench.LockHandOver',
          servers,
          path,
          String(contenders),
          ...times,
        ],
        signal,
      ),
    ],
    '@flashmesh/coordination, two processes': (path) =>
      Promise.all([ours(path, contenders / 2), ours(path, contenders / 2)]),
  };
  const names = Object.keys(subjects);
  const results = await interleaved(names, (name) => {
    const run = subjects[name];
    if (!run) throw new RangeError(name);
    return run(`/bench-lock-${randomUUID()}`);
  });
  const row = (what: string, better: Row['better'], value: (processes: HandOvers[]) => number): Row => ({
    what,
    better,
    values: names.map((name) => median((results.get(name) ?? []).map(value))),
  });
  const sum = (processes: HandOvers[], of: (one: HandOvers) => number) =>
    processes.reduce((total, one) => total + of(one), 0);
  const count = (processes: HandOvers[]) => sum(processes, ({ handOvers }) => handOvers);
  return table(`${contenders} contenders`, names, [
    row('hand-overs per second', 'higher', (all) => sum(all, (one) => one.handOvers / one.seconds)),
    row('CPU for each, µs', 'lower', (all) => sum(all, ({ cpuUs }) => cpuUs) / count(all)),
    row('resident memory, MB', 'lower', (all) => sum(all, ({ rssBytes }) => rssBytes) / 1e6),
  ]);
}

/** Runs a program of this folder and reads its last line. */
function resultOf<T>(command: string, args: string[], signal: AbortSignal): Promise<T> {
  return jsonOf<T>(args.join(' '), [command, ...args], { signal, cwd: import.meta.dirname });
}

await runBench(main);
