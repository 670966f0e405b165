/**
 * `node bench/mesh/main.ts [--calls N] [--rounds N] [--in-flight N] [--servers N]`: what a call through the mesh costs its caller
 * beside grpc-js alone, in one run: every caller in turn, N times, each time in a process of its own, to the same servers. Prints
 * medians as a table. On a machine that does other things the shares count, not the figures.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';

interface Result {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '5' },
    'in-flight': { type: 'string', default: '50' },
    servers: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
  },
});
/** @see callers */
const CALLERS = ['grpc-js', 'grpc-js-channel', 'mesh', 'mesh-hedged', 'mesh-round-robin'];
const run = promisify(execFile);
const here = import.meta.dirname;
const server = spawn(process.execPath, [join(here, 'serve.ts'), values.servers], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [ports] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
const names = values.only ?? CALLERS;
const results = new Map<string, Result[]>(names.map((name) => [name, []]));
try {
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, list] of results) {
      const args = [
        '--import',
        join(here, 'compile.mjs'),
        join(here, 'measure.ts'),
        name,
        ports,
        values.calls,
        values['in-flight'],
      ];
      const { stdout } = await run(process.execPath, args);
      list.push(JSON.parse(stdout) as Result);
    }
  }
} finally {
  server.kill();
}

function median(list: readonly Result[], what: keyof Result): number {
  const sorted = list.map((result) => result[what]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const base = results.get(names[0] ?? '') ?? [];
const write = (line: string) => process.stdout.write(`${line}\n`);
write(
  `${values.servers} servers, ${values['in-flight']} calls in flight, 100 bytes, ${values.calls} calls; medians of ${values.rounds} rounds\n`,
);
write(
  '| Caller | CPU a call, us | more than the first | calls a second | of the first | p50, ms | p99, ms |',
);
write('|---|---|---|---|---|---|---|');
for (const [name, list] of results) {
  const cells = [
    median(list, 'cpuMicros').toFixed(1),
    (median(list, 'cpuMicros') - median(base, 'cpuMicros')).toFixed(1),
    median(list, 'perSecond').toFixed(0),
    `${((100 * median(list, 'perSecond')) / median(base, 'perSecond')).toFixed(0)} %`,
    median(list, 'p50Ms').toFixed(2),
    median(list, 'p99Ms').toFixed(2),
  ];
  write(`| ${[name, ...cells].join(' | ')} |`);
}
