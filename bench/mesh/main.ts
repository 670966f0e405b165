/**
 * `npm run bench:mesh -- [--calls N] [--rounds N] [--in-flight N] [--servers N] [--tls off,on] [--only CALLER,..]`: what a call through
 * the mesh costs its caller beside grpc-js alone, beside Nest's own client and beside an Envoy as a sidecar, in one run: every caller once
 * a round, each time in a process of its own, to the same servers, without TLS and under mutual TLS. grpc-js-xds is not among them: it
 * balances only as a control plane tells it. Prints a table of medians each. The first caller is what the others are compared with. On
 * a machine that does other things the comparisons count, not the figures.
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../../tools/local/paths.ts';
import { toTerminal as print } from '../../tools/local/progress.ts';
import { jsonOf, runBench } from '../support/program.ts';
import { Certificates } from './certificates.ts';
import { Envoy, ENVOY_VERSION, findEnvoy } from './envoy.ts';
import type { Measured, Task } from './measure.ts';
import { Servers } from './servers.ts';
import { table } from './table.ts';

/** @see callers */
const CALLERS = ['grpc-js', 'grpc-js-channel', 'nest', 'mesh', 'mesh-hedged', 'mesh-round-robin'];
const THROUGH_ENVOY = 'grpc-js-envoy';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '5' },
    'in-flight': { type: 'string', default: '50' },
    servers: { type: 'string', default: '3' },
    tls: { type: 'string', default: 'off,on' },
    only: { type: 'string', default: [...CALLERS, THROUGH_ENVOY].join(',') },
  },
});
const calls = positive('calls');
const rounds = positive('rounds');
const inFlight = positive('in-flight');
const servers = positive('servers');
const modes = chosen('tls', ['off', 'on']);
const names = chosen('only', [...CALLERS, THROUGH_ENVOY]);

async function main(signal: AbortSignal): Promise<void> {
  const envoy = names.includes(THROUGH_ENVOY) ? await findEnvoy(print, signal) : undefined;
  if (envoy && 'fault' in envoy)
    print(`${THROUGH_ENVOY} is left out, Envoy cannot be had here: ${envoy.fault}`);
  const path = envoy && 'path' in envoy ? envoy.path : undefined;
  const packages = ['@grpc/grpc-js', '@nestjs/microservices'].map((name) => `${name} ${versionOf(name)}`);
  const programs = [
    `Node ${process.version}`,
    ...packages,
    ...(path === undefined ? [] : [`Envoy ${ENVOY_VERSION}`]),
  ];
  print(`${programs.join(', ')}; ${cpus().length} × ${cpus()[0]?.model}`);
  print(
    `${servers} servers in one process, ${inFlight} calls in flight, 100 bytes, ${calls} calls a round; medians of ${rounds} rounds`,
  );
  for (const mode of modes) {
    const results = await compare(mode === 'on', path, signal);
    const rows = [...results].map(([name, rounds]) => ({ name, rounds }));
    print(`\nTLS ${mode}\n\n${table(rows)}`);
  }
}

/** Every caller once a round, and every other round the other way round; before that a warm-up of the servers that does not count. */
async function compare(
  tls: boolean,
  envoyPath: string | undefined,
  signal: AbortSignal,
): Promise<Map<string, Measured[]>> {
  await using stack = new AsyncDisposableStack();
  const certificates = tls ? stack.adopt(new Certificates(), (made) => made.remove()) : undefined;
  const running = await Servers.start(servers, certificates?.server, signal);
  stack.defer(() => running.stop());
  const target = { ports: running.ports, certificates: certificates?.client };
  const envoy = envoyPath === undefined ? undefined : await Envoy.start(envoyPath, target, signal);
  stack.defer(() => envoy?.stop());
  const subjects = envoy ? names : names.filter((name) => name !== THROUGH_ENVOY);
  const run = (caller: string): Promise<Measured> => {
    const task = { caller, calls, inFlight };
    const throughEnvoy = caller === THROUGH_ENVOY && envoy;
    return measure(
      throughEnvoy ? { ...task, ports: [envoy.port], proxyPid: envoy.pid } : { ...task, ...target },
      signal,
    );
  };
  const results = new Map<string, Measured[]>(subjects.map((name) => [name, []]));
  for (const name of subjects.slice(0, 1)) await run(name);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? subjects : subjects.toReversed();
    for (const name of order) results.get(name)?.push(await run(name));
  }
  return results;
}

/** One measurement in a process of its own. */
function measure(task: Task, signal: AbortSignal): Promise<Measured> {
  const here = import.meta.dirname;
  const program = ['--import', join(here, 'compile.mjs'), join(here, 'measure.ts'), JSON.stringify(task)];
  return jsonOf(task.caller, [process.execPath, ...program], { signal });
}

function versionOf(name: string): string {
  const file = join(root, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function positive(name: 'calls' | 'rounds' | 'in-flight' | 'servers'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} must be a positive integer, got ${values[name]}`);
}

function chosen(name: 'tls' | 'only', known: readonly string[]): string[] {
  const list = values[name].split(',');
  const wrong = list.find((one) => !known.includes(one));
  if (wrong === undefined) return list;
  throw new RangeError(`--${name} must be some of ${known.join(', ')}, got ${wrong}`);
}

await runBench(main);
