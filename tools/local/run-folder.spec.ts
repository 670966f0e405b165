import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTimeOf } from './process-identity.ts';
import { recoverRuns, RunFolder } from './run-folder.ts';

describe('RunFolder', () => {
  let runs: string;
  beforeEach(() => (runs = mkdtempSync(join(tmpdir(), 'runs-'))));
  afterEach(() => rmSync(runs, { recursive: true, force: true }));

  const open = (o = {}) => RunFolder.open(runs, 'start', { temporary: false, fresh: false, ...o });
  /** What a run leaves behind whose process is dead: the pid may be somebody else's by now. */
  const abandon = (folder: RunFolder) => {
    const lock = join(folder.path, 'lock.json');
    const owner = JSON.parse(readFileSync(lock, 'utf8')) as object;
    writeFileSync(lock, JSON.stringify({ ...owner, startTime: 'long ago' }));
  };

  it('is one run at a time, and free again after it', async () => {
    const first = open();
    expect(() => open()).toThrow(`already running here (process ${process.pid}`);
    expect(await recoverRuns(runs)).toEqual([]);
    first.close();
    open().close();
  });

  it('recovers a lock whose owner is dead, although its pid is in use', async () => {
    abandon(open());
    expect(await recoverRuns(runs)).toEqual([expect.stringContaining('Recovered')]);
    open().close();
  });

  it('ends what a killed run has left, and only what it has left', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
    const folder = open({ temporary: true });
    folder.record('kafka', child.pid!);
    // A pid that was used again, and a line that the death of its writer cut short.
    const children = join(folder.path, 'children.jsonl');
    appendFileSync(
      children,
      `${JSON.stringify({ name: 'x', pid: other.pid, startTime: 'earlier' })}\n{"name":`,
    );
    abandon(folder);
    const [told] = await recoverRuns(runs);
    expect(told).toContain('stopped what it left: kafka');
    expect(startTimeOf(child.pid!)).toBeUndefined();
    expect(startTimeOf(other.pid!)).toBeDefined();
    expect(existsSync(folder.path)).toBe(false);
    process.kill(-other.pid!, 'SIGKILL');
  });

  it('keeps the data of earlier runs unless told otherwise', () => {
    const first = open();
    writeFileSync(join(first.path, 'data'), '1');
    first.close();
    const second = open();
    expect(readdirSync(second.path)).toContain('data');
    second.close();
    const third = open({ fresh: true });
    expect(readdirSync(third.path)).toEqual(['lock.json']);
    third.close();
  });
});
