import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Lock } from './index.ts';
import { pause, servers, Stage } from './spec-support.ts';

/** Longer than the holder's session, which is 2 s. */
const FROZEN_MS = 3000;

describe('a holder that is frozen past its session', () => {
  const stage = new Stage();
  let holder: ChildProcess | undefined;

  afterAll(async () => {
    holder?.kill('SIGKILL');
    await stage.close();
  });

  it('knows at once when it wakes, and changes nothing', async () => {
    const zk = await stage.connect();
    const target = `${stage.path}-target`;
    await zk.create(target, '');
    const script = join(import.meta.dirname, 'testing/lock-holder.ts');
    const child = spawn(process.execPath, [script, servers, stage.path, target], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    holder = child;
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => String((await lines.next()).value);
    expect(await next()).toBe('held');
    child.stdin.write('first\n');
    expect(JSON.parse(await next())).toEqual({ believes: true, outcome: 'written' });

    child.kill('SIGSTOP');
    const taking = new Lock(zk, stage.path).acquire();
    // Told while it is frozen, so that it is the first thing that it does when it wakes.
    child.stdin.write('second\n');
    await pause(FROZEN_MS);
    const handle = await taking;
    await handle.guard([{ op: 'set', path: target, data: 'mine' }]);
    child.kill('SIGCONT');
    expect(JSON.parse(await next())).toEqual({ believes: false, outcome: 'NOT_HELD' });
    expect((await zk.get(target)).data.toString()).toBe('mine');
    child.stdin.end();
    await once(child, 'exit');
  }, 20_000);
});
