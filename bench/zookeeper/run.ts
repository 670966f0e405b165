/**
 * `node run.ts [--servers HOST:PORT] [--rounds N]`: every client in turn, N times, each time in a process of its own; prints medians as a
 * table. The server is that of `npm start` unless another is named.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { makers } from './client.ts';

interface Rate {
  readonly perSecond: number;
  readonly cpu: number;
}
type Result = Record<'sequentialGet' | 'get64' | 'createDelete' | 'watches', Rate> & {
  readonly rssMb: number;
};

const { values } = parseArgs({
  options: {
    servers: { type: 'string', default: '127.0.0.1:2181' },
    rounds: { type: 'string', default: '3' },
  },
});
const run = promisify(execFile);
const results = new Map<string, Result[]>(Object.keys(makers).map((name) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, list] of results) {
    const script = join(import.meta.dirname, 'measure.ts');
    const { stdout } = await run(process.execPath, [script, name, values.servers]);
    list.push(JSON.parse(stdout.trim().split('\n').at(-1) as string) as Result);
  }
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const cell = (list: Result[], what: 'sequentialGet' | 'get64' | 'createDelete' | 'watches') =>
  `${median(list.map((r) => r[what].perSecond))} (${median(list.map((r) => r[what].cpu))})`;
console.log('Operations a second (microseconds of CPU for each); medians of', values.rounds, 'rounds\n');
console.log(
  '| Client | get, one at a time | get of 1 KiB, 64 in flight | create and delete, 16 in flight | 10 000 watches fired | RSS, MB |',
);
console.log('|---|---|---|---|---|---|');
for (const [name, list] of results) {
  const cells = (['sequentialGet', 'get64', 'createDelete', 'watches'] as const).map((what) =>
    cell(list, what),
  );
  console.log(`| ${[name, ...cells, median(list.map((r) => r.rssMb))].join(' | ')} |`);
}
