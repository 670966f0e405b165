import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { mainOf } from './build.ts';
import { openSale } from './demo-sale.ts';
import type { LocalStack } from './local-stack.ts';
import { residentBytes } from './process-identity.ts';
import type { Print } from './progress.ts';
import { runCommand } from './run-command.ts';

/** What `npm run demo` is asked for. */
export interface DemoOptions {
  readonly buyers: number;
  readonly stock: number;
  /** Orders a second. */
  readonly rate: number;
  /** Faults in the middle of the rush. */
  readonly chaos: readonly Fault[];
  readonly print: Print;
  readonly signal: AbortSignal;
}

/** Both inventory processes killed one after the other, or Redis emptied. */
export type Fault = 'kill-inventory' | 'flush-redis';
export const faults: readonly Fault[] = ['kill-inventory', 'flush-redis'];

const sale = 'rush';
const sku = 'sneaker';
const settleSeconds = 180;
const sampleMs = 1000;

/** A rush of buyers against the stack, then the rules, checked from the outside. @returns the exit code. */
export async function runDemo(stack: LocalStack, o: DemoOptions): Promise<number> {
  const { print } = o;
  const item = { sku, name: 'Sneaker', unitPrice: 9900, limitPerBuyer: 1, stock: o.stock };
  await openSale({ gateway: stack.addresses.gateway, adminToken: stack.adminToken }, sale, 'Rush', [item]);
  print(`\n${o.buyers} buyers want ${o.stock} pieces, ${o.rate} orders a second`);
  const accepted = join(stack.path, 'accepted.jsonl');
  const memory = new MemoryGauge(stack);
  const end = new AbortController();
  const chaos =
    o.chaos.length === 0 ? undefined : causeFaults(stack, o, AbortSignal.any([o.signal, end.signal]));
  const rush = await rushCommand(stack, memory, o, [
    'run',
    '--gateway',
    stack.addresses.gateway,
    '--sale',
    sale,
    '--sku',
    sku,
    '--buyers',
    String(o.buyers),
    '--rate',
    String(o.rate),
    '--out',
    accepted,
  ]);
  end.abort();
  await chaos;
  const verify = await rushCommand(stack, memory, o, [
    'verify',
    '--brokers',
    stack.addresses.kafka,
    '--accepted',
    accepted,
    '--gateway',
    stack.addresses.gateway,
    '--wait',
    String(settleSeconds),
    // With fewer buyers than pieces, how many are confirmed depends on how many came through.
    ...(o.buyers >= o.stock ? ['--expect-confirmed', String(o.stock)] : []),
  ]);
  memory.stop();
  memory.report(print);
  if (stack.crashes > 0) print(`Apps that ended by themselves: ${stack.crashes} (must be 0)`);
  const failed = [
    ...(rush === 0 ? [] : ['the rush failed']),
    ...(verify === 0 ? [] : ['a rule is broken or the count is wrong']),
    ...(stack.crashes === 0 ? [] : ['an app crashed']),
  ];
  print(failed.length === 0 ? '\nDemo passed.' : `\nDemo failed: ${failed.join('; ')}.`);
  return failed.length === 0 ? 0 : 1;
}

async function rushCommand(
  stack: LocalStack,
  memory: MemoryGauge,
  o: DemoOptions,
  args: string[],
): Promise<number> {
  const { signal, print } = o;
  const told = await runCommand(process.execPath, [mainOf('rush'), ...args], {
    cwd: stack.path,
    signal,
    onLine: print,
    onSpawn: (pid) => {
      stack.adopt('rush', pid);
      memory.watch(args[0] === 'run' ? 'the buyers' : 'the verifier', pid);
    },
  });
  return told.code;
}

/** Spreads the faults over the middle of the rush. What cannot be restarted fails the demo through its crash count. */
async function causeFaults(stack: LocalStack, o: DemoOptions, signal: AbortSignal): Promise<void> {
  const killAndRestart = (app: string) => async () => {
    o.print(`>> ${app} killed with -9`);
    await stack.app(app).kill('SIGKILL');
    await stack.app(app).restart();
  };
  const flush = async () => {
    o.print('>> Redis emptied');
    await stack.flushRedis();
  };
  const kills = o.chaos.includes('kill-inventory');
  const deeds: { at: number; run: () => Promise<void> }[] = [
    ...(kills ? [{ at: 0.25, run: killAndRestart('inventory-1') }] : []),
    ...(o.chaos.includes('flush-redis') ? [{ at: 0.5, run: flush }] : []),
    ...(kills ? [{ at: 0.7, run: killAndRestart('inventory-2') }] : []),
  ];
  const start = performance.now();
  const rushMs = (o.buyers / o.rate) * 1000;
  for (const deed of deeds) {
    const dueMs = start + deed.at * rushMs - performance.now();
    await pause(Math.max(0, dueMs), undefined, { signal }).catch(() => undefined);
    if (o.signal.aborted) return;
    await deed.run();
  }
}

const toMb = (bytes: number) => Math.round(bytes / 1e6);
const appLimitMb = 1100;

/** Samples the resident memory of every Node process of the stack and keeps the peaks. */
class MemoryGauge {
  private readonly stack: LocalStack;
  private readonly timer: NodeJS.Timeout;
  private peakOfApps = 0;
  private readonly peaks = new Map<string, number>();
  private readonly others = new Map<string, number>([['its bootstrap', process.ppid]]);

  constructor(stack: LocalStack) {
    this.stack = stack;
    this.timer = setInterval(() => this.sample(), sampleMs);
  }

  /** Looks at a process that is not one of the stack's, too. */
  watch(name: string, pid: number): void {
    this.others.set(name, pid);
  }

  stop(): void {
    clearInterval(this.timer);
    this.sample();
  }

  report(print: Print): void {
    print('\nResident memory, now and peak:');
    let appsNow = 0;
    for (const [name, bytes] of this.readings()) {
      if (this.stack.apps.some((app) => app.name === name)) appsNow += bytes;
      print(`  ${name.padEnd(16)} ${megabytes(bytes)} ${megabytes(this.peaks.get(name) ?? 0)}`);
    }
    const count = this.stack.apps.length;
    print(`  ${`${count} app processes`.padEnd(16)} ${megabytes(appsNow)} ${megabytes(this.peakOfApps)}`);
    if (toMb(this.peakOfApps) > appLimitMb) {
      print(`  more than the ${appLimitMb} MB that the apps should need`);
    }
  }

  private sample(): void {
    let ofApps = 0;
    for (const [name, bytes] of this.readings()) {
      this.peaks.set(name, Math.max(this.peaks.get(name) ?? 0, bytes));
      if (this.stack.apps.some((app) => app.name === name)) ofApps += bytes;
    }
    this.peakOfApps = Math.max(this.peakOfApps, ofApps);
  }

  private readings(): [string, number][] {
    const nodes = this.stack.processes.filter(({ spec }) => spec.command === process.execPath);
    return [
      ...nodes.map((node): [string, number] => [node.name, node.residentBytes]),
      ['this tool', process.memoryUsage.rss()],
      ...[...this.others].map(([name, pid]): [string, number] => [name, residentBytes(pid) ?? 0]),
    ];
  }
}

function megabytes(bytes: number): string {
  return `${toMb(bytes)} MB`.padStart(8);
}
