/**
 * An ensemble for the specs of other libraries: `node ensemble-process.ts`. Says the addresses of its members, separated by commas, when they
 * were started; answers `start N...` and `kill N...` with `done`. It ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { Ensemble } from './ensemble.ts';

const ensemble = await Ensemble.prepare();
try {
  await ensemble.start();
  process.stdout.write(`${ensemble.addresses.join(',')}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, ...members] = line.split(' ');
    if (what !== 'start' && what !== 'kill') throw new Error(`start or kill, not ${line}`);
    await ensemble[what](...members.map(Number));
    process.stdout.write('done\n');
  }
} finally {
  await ensemble.dispose();
}
