import { balancerConfig, type BalancingOptions } from './balancer-options.ts';
import { EndpointSet } from './endpoint-set.ts';
import { info, REQUEST, seededRandom } from './spec-support.ts';

interface World {
  readonly clients: number;
  readonly servers: number;
  readonly callsPerSecond: number;
  readonly seconds: number;
  readonly balancing?: BalancingOptions;
  /** Calls that a server works on at a time; the rest queue there. */
  readonly workers: number;
  /** Mean time of a call, exponentially distributed, by server and moment. */
  meanMs(server: number, nowMs: number): number;
  /** For how long the server stands still from now on, as in a garbage collection: what would end meanwhile ends after. */
  pauseMs?(server: number, nowMs: number): number;
}

/** Latencies and shares of the second half, when everything has settled. */
interface Result {
  readonly latencies: number[];
  readonly perServer: number[];
  /** Calls by second and server, from the start. */
  readonly bySecond: readonly number[][];
  /** Longest line of waiting calls at a server. */
  readonly longestQueue: number;
}

/** Clients and servers as discrete events: no time passes in reality, and every run is the same. */
function simulate(world: World): Result {
  const events = new EventQueue();
  const clock = { now: () => events.nowMs, monotonic: () => events.nowMs, after: () => ({ cancel() {} }) };
  const random = seededRandom(7);
  const exponential = (mean: number) => -Math.log(1 - random()) * mean;
  const servers = Array.from({ length: world.servers }, () => ({ busy: 0, waiting: [] as (() => void)[] }));
  const result = {
    latencies: [] as number[],
    perServer: servers.map(() => 0),
    bySecond: Array.from({ length: world.seconds }, () => servers.map(() => 0)),
    longestQueue: 0,
  };
  const endMs = world.seconds * 1000;
  const call = (set: EndpointSet) => {
    const endpoint = set.pick(REQUEST);
    if (!endpoint) throw new Error('nowhere');
    const startedMs = set.started(endpoint);
    const index = Number(endpoint.info.key);
    const server = servers[index] as (typeof servers)[number];
    const counted = startedMs > endMs / 2;
    if (counted) count(result.perServer, index);
    count(result.bySecond[Math.floor(startedMs / 1000)] ?? [], index);
    const end = () => {
      const pauseMs = world.pauseMs?.(index, events.nowMs) ?? 0;
      if (pauseMs > 0) return events.at(events.nowMs + pauseMs, end);
      server.busy--;
      if (counted) result.latencies.push(events.nowMs - startedMs);
      set.ended(endpoint, startedMs, 'success');
      server.waiting.shift()?.();
    };
    const work = () => {
      server.busy++;
      events.at(events.nowMs + exponential(world.meanMs(index, events.nowMs)), end);
    };
    if (server.busy < world.workers) return work();
    server.waiting.push(work);
    if (counted) result.longestQueue = Math.max(result.longestQueue, server.waiting.length);
  };
  for (let i = 0; i < world.clients; i++) {
    const set = new EndpointSet(balancerConfig(world.balancing), { clock, random });
    set.update(servers.map((_, index) => info(String(index))));
    for (const endpoint of set.endpoints) set.setReady(endpoint, true);
    const next = () => {
      if (events.nowMs >= endMs) return;
      call(set);
      events.at(events.nowMs + exponential((1000 * world.clients) / world.callsPerSecond), next);
    };
    events.at(random(), next);
  }
  events.run();
  result.latencies.sort((a, b) => a - b);
  return result;
}

function count(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

/** What happens next, in order of time. */
class EventQueue {
  nowMs = 0;
  private readonly heap: { atMs: number; run: () => void }[] = [];

  at(atMs: number, run: () => void): void {
    const { heap } = this;
    let i = heap.push({ atMs, run }) - 1;
    while (i > 0 && this.earlier(i, (i - 1) >> 1)) i = this.swap(i, (i - 1) >> 1);
  }

  run(): void {
    for (let first = this.heap[0]; first; first = this.heap[0]) {
      const last = this.heap.pop();
      if (last && this.heap.length > 0) {
        this.heap[0] = last;
        this.sink();
      }
      this.nowMs = first.atMs;
      first.run();
    }
  }

  private sink(): void {
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (this.earlier(child, least)) least = child;
      if (least === i) return;
      i = this.swap(i, least);
    }
  }

  private earlier(a: number, b: number): boolean {
    return (this.heap[a]?.atMs ?? Infinity) < (this.heap[b]?.atMs ?? Infinity);
  }

  private swap(a: number, b: number): number {
    const { heap } = this;
    [heap[a], heap[b]] = [heap[b] as (typeof heap)[number], heap[a] as (typeof heap)[number]];
    return b;
  }
}

const quantile = ({ latencies }: Result, share: number) =>
  latencies[Math.floor(latencies.length * share)] ?? 0;
const shareOf = ({ perServer, latencies }: Result, server: number) =>
  (perServer[server] ?? 0) / latencies.length;

describe('p2c, simulated', () => {
  const usual = { clients: 1, servers: 3, callsPerSecond: 500, seconds: 40, workers: 64, meanMs: () => 2 };

  it('is even when all are alike', () => {
    const result = simulate(usual);
    for (const server of [0, 1, 2]) expect(Math.abs(shareOf(result, server) - 1 / 3)).toBeLessThan(0.05);
  });

  it('keeps a slow server out of the 99th percentile, where round robin has it', () => {
    const meanMs = (server: number) => (server === 0 ? 200 : 2);
    const ours = simulate({ ...usual, meanMs });
    const inTurn = simulate({ ...usual, meanMs, balancing: { policy: 'round_robin' } });
    expect(shareOf(ours, 0)).toBeLessThan(0.01);
    expect(quantile(ours, 0.99)).toBeLessThan(quantile(inTurn, 0.99) / 5);
  });

  it('finds out that a slow server is well again', () => {
    const meanMs = (server: number, nowMs: number) => (server === 0 && nowMs < 10_000 ? 200 : 2);
    expect(shareOf(simulate({ ...usual, meanMs }), 0)).toBeGreaterThan(0.25);
  });

  it.each([200, 2000])(
    'takes one back at once that stood still for a moment, at %d calls a second',
    (callsPerSecond) => {
      // Once in half a minute each of two: by Finagle's rule the other has nearly everything for seconds after.
      const atMs = [10_000, 25_000];
      const pauseMs = (server: number, nowMs: number) => {
        const since = nowMs - (atMs[server] ?? Infinity);
        return since >= 0 && since < 200 ? 200 - since : 0;
      };
      const { bySecond } = simulate({ ...usual, servers: 2, callsPerSecond, pauseMs });
      for (const [server, ms] of atMs.entries()) {
        const seconds = bySecond.slice(ms / 1000, ms / 1000 + 6);
        const calls = seconds.flat().reduce((sum, n) => sum + n, 0);
        const others = seconds.reduce((sum, counts) => sum + (counts[1 - server] ?? 0), 0);
        expect(others / calls).toBeLessThan(1.25 / 2);
      }
    },
  );

  it('does not let many callers run to the same server at once', () => {
    // 20 clients keep 5 servers at 80 %: the shares are even, and lines are shorter than with turns.
    const world = { clients: 20, servers: 5, callsPerSecond: 3200, seconds: 6, workers: 8, meanMs: () => 10 };
    const ours = simulate(world);
    const inTurn = simulate({ ...world, balancing: { policy: 'round_robin' } });
    for (let server = 0; server < 5; server++)
      expect(Math.abs(shareOf(ours, server) - 0.2)).toBeLessThan(0.02);
    expect(ours.longestQueue).toBeLessThan(inTurn.longestQueue);
    expect(quantile(ours, 0.99)).toBeLessThan(quantile(inTurn, 0.99));
  });

  it('sends less to a server that has less, without being told', () => {
    // One of four has half the speed: in turns it would be at 107 % of what it can do.
    const meanMs = (server: number) => (server === 0 ? 20 : 10);
    const world = { clients: 4, servers: 4, callsPerSecond: 1700, seconds: 10, workers: 8, meanMs };
    const ours = simulate(world);
    const inTurn = simulate({ ...world, balancing: { policy: 'round_robin' } });
    expect(shareOf(ours, 0)).toBeLessThan(0.2);
    expect(quantile(ours, 0.99)).toBeLessThan(quantile(inTurn, 0.99) / 2);
  });
});
