import { setTimeout as pause } from 'node:timers/promises';
import { ManagedProcess, type ProcessSpec } from './managed-process.ts';
import { startTimeOf } from './process-identity.ts';
import { Supervisor } from './supervisor.ts';

const node = (name: string, script: string, rest: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name,
  command: process.execPath,
  args: ['-e', script],
  ...rest,
});
const idle = 'setInterval(() => {}, 1000);';

/** Ready when the process has printed a line that begins with `ready`. */
function readyOnLine(
  script: string,
  rest: Partial<ProcessSpec> = {},
): { process: ManagedProcess; lines: string[] } {
  const lines: string[] = [];
  const ready = async () => {
    if (!lines.some((line) => line.startsWith('ready'))) throw new Error('not yet');
  };
  const process = new ManagedProcess(node('child', script, { ready, ...rest }), {
    line: (_, line) => lines.push(line),
  });
  return { process, lines };
}

describe('ManagedProcess', () => {
  it('is ready when it says so, and stops on SIGTERM', async () => {
    const { process } = readyOnLine(`console.log('ready');${idle}`);
    await process.start();
    const { pid } = process;
    expect(startTimeOf(pid!)).toBeDefined();
    await process.stop();
    expect(process.running).toBe(false);
    expect(process.end).toBe('was ended by SIGTERM');
    expect(startTimeOf(pid!)).toBeUndefined();
  });

  it('is killed when it does not listen to SIGTERM', async () => {
    const { process } = readyOnLine(`process.on('SIGTERM', () => {});console.log('ready');${idle}`, {
      stopTimeoutMs: 100,
    });
    await process.start();
    await process.stop();
    expect(process.end).toBe('was ended by SIGKILL');
  });

  it('stops even when it is frozen', async () => {
    const { process } = readyOnLine(`console.log('ready');${idle}`);
    await process.start();
    await process.kill('SIGSTOP');
    await process.stop();
    expect(process.end).toBe('was ended by SIGTERM');
  });

  it('takes its own children along', async () => {
    const script = `
      const child = require('node:child_process').spawn(process.execPath, ['-e', '${idle}'], { stdio: 'ignore' });
      console.log('ready', child.pid);${idle}`;
    const { process, lines } = readyOnLine(script);
    await process.start();
    const grandchild = Number(lines[0]?.split(' ')[1]);
    expect(startTimeOf(grandchild)).toBeDefined();
    await process.kill('SIGKILL');
    for (let i = 0; i < 50 && startTimeOf(grandchild); i++) await pause(20);
    expect(startTimeOf(grandchild)).toBeUndefined();
  });

  it('tells its last lines when it ends before it is ready', async () => {
    const { process } = readyOnLine(`console.error('no such table');process.exit(3)`);
    await expect(process.start()).rejects.toMatchObject({
      message: 'child ended with code 3.',
      evidence: ['child: no such table'],
    });
  });

  it('is stopped when it is not ready in time', async () => {
    const { process } = readyOnLine(idle, { readyTimeoutMs: 300 });
    await expect(process.start()).rejects.toThrow('was not ready within');
    expect(process.running).toBe(false);
  });

  it('tells a full disk from the last lines', async () => {
    const { process } = readyOnLine(`console.error('IOException: No space left on device');process.exit(1)`);
    await expect(process.start()).rejects.toThrow('The disk is full.');
  });

  it('says so when there is no such program', async () => {
    const process = new ManagedProcess({ ...node('none', ''), command: 'no-such-program', ready: pause });
    await expect(process.start()).rejects.toThrow('could not be started');
  });

  it('tells of a death that nobody asked for, and only of that', async () => {
    const died: string[] = [];
    const process = new ManagedProcess(node('child', idle), { died: ({ name }) => died.push(name) });
    process.spawn();
    await process.kill();
    expect(died).toEqual([]);
    process.spawn();
    globalThis.process.kill(process.pid!, 'SIGKILL');
    while (process.running) await pause(10);
    expect(died).toEqual(['child']);
  });
});

describe('Supervisor', () => {
  it('stops generations in reverse order', async () => {
    const supervisor = new Supervisor();
    await supervisor.start([node('a', idle)]);
    await supervisor.start([node('b', idle), node('c', idle)]);
    const stopped: string[][] = [];
    await supervisor.stop((names) => stopped.push(names));
    expect(stopped).toEqual([['b', 'c'], ['a']]);
    expect(supervisor.processes.some((process) => process.running)).toBe(false);
  });
});
