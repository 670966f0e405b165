import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mainOf } from './build.ts';
import { causeFaults, type ChaosReport, type Fault, mustGoUnnoticed } from './demo-chaos.ts';
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

const sale = 'rush';
const sku = 'sneaker';
const settleSeconds = 180;
const comeBackSeconds = 10;
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
  const chaos = causeFaults(stack, { ...o, rushMs: (o.buyers / o.rate) * 1000, rushOver: end.signal });
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
    ...(o.chaos.length > 0 && mustGoUnnoticed(o.chaos) ? ['--max-failed', '0'] : []),
    // The line is full while a killed process is missed; whoever wants one that badly comes again.
    ...(o.chaos.length > 0 && !mustGoUnnoticed(o.chaos) ? ['--come-back', String(comeBackSeconds)] : []),
  ]);
  end.abort();
  const { failures, outages } = await chaos;
  failures.push(...(await reportOutages(outages, accepted, print)));
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
    ...failures,
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

/** Orders go on without ZooKeeper: over the instances that were known last. */
async function reportOutages(
  outages: ChaosReport['outages'],
  acceptedFile: string,
  print: Print,
): Promise<string[]> {
  if (outages.length === 0) return [];
  const times = (await readFile(acceptedFile, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { time: number }).time);
  return outages.flatMap(({ from, to }) => {
    const during = times.filter((time) => time > from && time < to).length;
    print(`\n${during} orders were accepted in the ${Math.round((to - from) / 1000)} s without ZooKeeper`);
    return during > 0
      ? []
      : ['no order was accepted without ZooKeeper; was all sold, or the rush over before?'];
  });
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
