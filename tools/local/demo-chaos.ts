import { setTimeout as pause } from 'node:timers/promises';
import type { LocalStack } from './local-stack.ts';
import type { Print } from './progress.ts';
import { StackError } from './stack-error.ts';
import { ephemeralsOf, modeOf } from './zookeeper-words.ts';

/** Both inventory processes killed one after the other; Redis emptied; ZooKeeper's leader killed; all of ZooKeeper away. */
export type Fault = 'kill-inventory' | 'flush-redis' | 'zookeeper-leader' | 'zookeeper-down';
export const faults: readonly Fault[] = [
  'kill-inventory',
  'flush-redis',
  'zookeeper-leader',
  'zookeeper-down',
];
/** What must not make a single request fail. */
const unnoticed: ReadonlySet<Fault> = new Set(['zookeeper-leader', 'zookeeper-down']);

/** For how long `zookeeper-down` leaves the shop without any ZooKeeper, seconds: ten sessions. */
const downSeconds = 60;
const backWithinMs = 60_000;
const answerWithinMs = 10_000;
const servicesPath = '/flashmesh/services/';

/** What the faults found out. */
export interface ChaosReport {
  /** What should not have happened. */
  readonly failures: string[];
  /** When there was no ZooKeeper, milliseconds since the epoch. */
  readonly outages: readonly { readonly from: number; readonly to: number }[];
}

/** Whether buyers must not notice any of the faults. */
export function mustGoUnnoticed(chaos: readonly Fault[]): boolean {
  return chaos.every((fault) => unnoticed.has(fault));
}

/** @throws StackError when a fault needs what the stack does not have. */
export function requirePossible(chaos: readonly Fault[], zooKeepers: number): void {
  if (!chaos.includes('zookeeper-leader') || zooKeepers > 1) return;
  throw new StackError('--chaos zookeeper-leader needs an ensemble.', 'Add --zookeeper 3.');
}

/**
 * Spreads the faults over the middle of the rush; those that are not due when it ends come at once. What cannot be restarted
 * fails the demo through its crash count.
 *
 * @param rushMs how long the arrivals take.
 */
export async function causeFaults(
  stack: LocalStack,
  o: {
    readonly chaos: readonly Fault[];
    readonly rushMs: number;
    readonly print: Print;
    /** Gives up. */
    readonly signal: AbortSignal;
    readonly rushOver: AbortSignal;
  },
): Promise<ChaosReport> {
  const failures: string[] = [];
  const outages: { from: number; to: number }[] = [];
  const killAndRestart = (app: string) => async () => {
    o.print(`>> ${app} killed with -9`);
    await stack.app(app).kill('SIGKILL');
    await stack.app(app).restart();
  };
  const deeds: Readonly<Record<Fault, readonly { at: number; run: () => Promise<void> }[]>> = {
    'kill-inventory': [
      { at: 0.25, run: killAndRestart('inventory-1') },
      { at: 0.7, run: killAndRestart('inventory-2') },
    ],
    'flush-redis': [
      {
        at: 0.5,
        run: async () => {
          o.print('>> Redis emptied');
          await stack.flushRedis();
        },
      },
    ],
    'zookeeper-leader': [
      { at: 0.3, run: async () => void failures.push(...(await killLeader(stack, o.print))) },
    ],
    'zookeeper-down': [
      {
        at: 0.2,
        run: async () => {
          const outage = await takeZooKeeperDown(stack, o);
          outages.push(outage);
          failures.push(...outage.failures);
        },
      },
    ],
  };
  const due = o.chaos.flatMap((fault) => deeds[fault]).sort((a, b) => a.at - b.at);
  const start = performance.now();
  const either = AbortSignal.any([o.signal, o.rushOver]);
  for (const deed of due) {
    const dueMs = start + deed.at * o.rushMs - performance.now();
    await pause(Math.max(0, dueMs), undefined, { signal: either }).catch(() => undefined);
    if (o.signal.aborted) break;
    await deed.run();
  }
  return { failures, outages };
}

/** The others elect a new one; the killed one comes back as a follower. */
async function killLeader(stack: LocalStack, print: Print): Promise<string[]> {
  const before = await announcements(stack);
  const servers = await Promise.all(
    stack.zooKeepers.map(async ({ name }) => ({ name, mode: await modeOf(stack.zooKeeperAddress(name)) })),
  );
  const leader = servers.find(({ mode }) => mode === 'leader');
  if (!leader) return ['ZooKeeper had no leader that could be killed'];
  print(`>> ${leader.name}, which led, killed with -9`);
  await stack.zooKeeper(leader.name).kill('SIGKILL');
  await stack.zooKeeper(leader.name).restart();
  return awaitAnnounced(stack, [...before.keys()], print, () => true);
}

async function takeZooKeeperDown(
  stack: LocalStack,
  { print, signal }: { print: Print; signal: AbortSignal },
): Promise<{ from: number; to: number; failures: string[] }> {
  const before = await announcements(stack);
  print(`>> all of ZooKeeper killed with -9, for ${downSeconds} s`);
  await Promise.all(stack.zooKeepers.map((server) => server.kill('SIGKILL')));
  const from = Date.now();
  await pause(downSeconds * 1000, undefined, { signal }).catch(() => undefined);
  const failures = await unready(stack);
  const to = Date.now();
  if (signal.aborted) return { from, to, failures };
  print('>> ZooKeeper starts again');
  await Promise.all(stack.zooKeepers.map(({ name }) => stack.zooKeeper(name).restart()));
  const old = new Set(before.values());
  failures.push(...(await awaitAnnounced(stack, [...before.keys()], print, (session) => !old.has(session))));
  return { from, to, failures };
}

/** Apps that do not call themselves ready, however often they are asked: one that is only busy may miss a question. */
async function unready(stack: LocalStack): Promise<string[]> {
  const deadline = performance.now() + answerWithinMs;
  for (let asked = stack.apps; ; await pause(500)) {
    const answers = await Promise.allSettled(asked.map(async ({ spec }) => spec.ready?.()));
    asked = asked.filter((_, i) => answers[i]?.status === 'rejected');
    if (asked.length === 0 || performance.now() > deadline) {
      return asked.map(({ name }) => `${name} was not ready without ZooKeeper`);
    }
  }
}

/** Waits until each instance has a node of a session that will do; answers those that have none. */
async function awaitAnnounced(
  stack: LocalStack,
  paths: readonly string[],
  print: Print,
  willDo: (session: string) => boolean,
): Promise<string[]> {
  if (paths.length === 0) return ['no instance was announced before ZooKeeper broke'];
  const deadline = performance.now() + backWithinMs;
  for (;;) {
    const now = await announcements(stack).catch(() => new Map<string, string>());
    const missing = paths.filter((path) => !willDoAt(now.get(path), willDo));
    if (missing.length === 0) {
      print(`>> ZooKeeper is back, and all ${paths.length} instances are announced`);
      return [];
    }
    if (performance.now() > deadline) return missing.map((path) => `${path} was not announced again`);
    await pause(500);
  }
}

function willDoAt(session: string | undefined, willDo: (session: string) => boolean): boolean {
  return session !== undefined && willDo(session);
}

/** The instances' nodes, each with its session. */
async function announcements(stack: LocalStack): Promise<Map<string, string>> {
  const all = await ephemeralsOf(stack.addresses.zookeeper.split(',')[0] as string);
  return new Map([...all].filter(([path]) => path.startsWith(servicesPath)));
}
