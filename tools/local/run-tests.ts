import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlServer, type StackFile, stackFileName } from './control-server.ts';
import { LocalStack } from './local-stack.ts';
import { paths, root } from './paths.ts';
import type { Print } from './progress.ts';
import { runCommand } from './run-command.ts';
import { StackError } from './stack-error.ts';

/**
 * Specs without servers, specs against real servers, specs of faults on an ensemble of three ZooKeeper servers, specs against the
 * whole stack, and of the Helm charts.
 */
export type Phase = 'unit' | 'real' | 'faults' | 'stack' | 'charts';
/**
 * What runs when nothing is named: everything that needs no more than Node and Java; of the faults, which take minutes, a share.
 * The charts need `helm`.
 */
export const phases: readonly Phase[] = ['unit', 'real', 'faults', 'stack'];
export const allPhases: readonly Phase[] = [...phases, 'charts'];

/** What `npm test` is asked for. */
export interface TestOptions {
  /** @default `phases` */
  readonly phases?: readonly Phase[];
  /** Only spec files whose path contains this. */
  readonly filter?: string;
  /** Use the stack that `npm start` runs instead of an own one. */
  readonly reuse: boolean;
  readonly print: Print;
  readonly signal: AbortSignal;
  /** Hears of a stack that was started here, to stop it on a signal. */
  readonly onStack: (stack: LocalStack) => void;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const jestArgs: Record<Phase, readonly string[]> = {
  unit: ['--testPathIgnorePatterns', '/node_modules/', '\\.(real|faults)\\.spec\\.ts$', '--maxWorkers', '2'],
  // A connection that a failed spec left open must not keep the run from ending.
  real: ['--testMatch', '**/*.real.spec.ts', '--runInBand', '--forceExit'],
  faults: ['--testMatch', '**/*.faults.spec.ts', '--runInBand', '--forceExit'],
  stack: ['--testMatch', '**/test/stack/*.spec.ts', '--runInBand', '--forceExit'],
  charts: ['--testMatch', '**/test/charts/*.spec.ts', '--maxWorkers', '2'],
};

/** For the faults: words that tell of watches, and containers that are reaped while a spec looks on. */
const ensemble = {
  zooKeepers: 3,
  infra: { onlyZooKeeper: true, zookeeper: { fourLetterWords: ['wchs', 'wchp'], containerCheckMs: 500 } },
} as const;

/** Runs the phases one after the other, each with servers of its own. @returns the exit code; the last line has the counts. */
export async function runTests(o: TestOptions): Promise<number> {
  const counts: Count[] = [];
  for (const phase of allPhases) {
    if (!(o.phases ?? phases).includes(phase)) continue;
    o.print(`\n== ${phase} specs`);
    counts.push(await runPhase(phase, o));
  }
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  o.print(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runPhase(phase: Phase, o: TestOptions): Promise<Count> {
  if (phase === 'unit') return runJest(phase, {}, o);
  if (phase === 'charts') {
    await requireHelm();
    return runJest(phase, {}, o);
  }
  if (o.reuse && phase !== 'faults') return runJest(phase, await runningStackEnv(), o);
  const { print, signal } = o;
  const stack = await LocalStack.start({
    name: `test-${phase}`,
    apps: phase === 'stack',
    temporary: true,
    ...(phase === 'faults' ? ensemble : {}),
    print,
    signal,
    onFatal: (error) => print(error.message),
  });
  o.onStack(stack);
  const control = await ControlServer.listen(stack);
  try {
    // Named, the faults are wanted all.
    const share = { FAULTS: o.phases ? 'all' : 'some' };
    return await runJest(phase, { ...stack.env, ...share, STACK_CONTROL: control.url }, o, stack);
  } finally {
    control.close();
    await stack.stop();
  }
}

async function requireHelm(): Promise<void> {
  await runCommand('helm', ['version']).catch((cause: unknown) => {
    throw new StackError('There is no helm on the PATH.', 'Install Helm 4, or name other specs.', { cause });
  });
}

/** The environment of the stack that `npm start` has running. */
async function runningStackEnv(): Promise<Readonly<Record<string, string>>> {
  const file = join(paths.runs, 'start', stackFileName);
  const told = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new StackError('No stack is running.', 'Start one with `npm start`, or leave --reuse out.', {
      cause: error,
    });
  });
  return (JSON.parse(told) as StackFile).env;
}

async function runJest(
  phase: Phase,
  env: Readonly<Record<string, string>>,
  o: TestOptions,
  stack?: LocalStack,
): Promise<Count> {
  const result = join(paths.cache, `jest-${phase}-${process.pid}.json`);
  await mkdir(paths.cache, { recursive: true });
  const told = await runCommand(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--rootDir',
      root,
      '--passWithNoTests',
      '--json',
      '--outputFile',
      result,
      ...jestArgs[phase],
      // The argument before may be a list: only an option ends it.
      ...(o.filter === undefined ? [] : ['--testPathPatterns', o.filter]),
    ],
    {
      cwd: root,
      env,
      signal: o.signal,
      inherit: 'stderr',
      onSpawn: (pid) => stack?.adopt('jest', pid),
    },
  );
  const json = await readFile(result, 'utf8').catch(() => undefined);
  await rm(result, { force: true });
  if (json === undefined) return { passed: 0, failed: 1 };
  const report = JSON.parse(json) as JestReport;
  // A spec file that could not even be loaded has no test that could fail.
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return { passed: report.numPassedTests, failed: failed === 0 && told.code !== 0 ? 1 : failed };
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
}
