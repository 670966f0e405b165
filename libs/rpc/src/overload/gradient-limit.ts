import { type Clock, requireInRange, requirePositiveInteger } from '@flashmesh/core';
import type { LoopSignal } from './event-loop.ts';

/** @internal */
export interface GradientLimitOptions {
  readonly minLimit: number;
  readonly maxLimit: number;
  readonly toleratedMs: number;
  readonly clock: Clock;
  readonly loop: LoopSignal;
}

/** Where the limit begins: a fresh server does not know what it can do. It doubles until calls take too long, as TCP starts. */
const INITIAL_LIMIT = 64;
const WINDOW_MS = 100;
const MIN_SAMPLES = 10;
/** A method that takes half as long again as it does without others is at its limit. */
const TOLERANCE = 1.5;
/** The limit falls by half at most, from window to window. */
const STEEPEST = 0.5;
/** What a window says too much counts as what it says too little, or noise alone would keep the limit too low (as Envoy does it). */
const FASTEST = 1.2;
/** Half of the way at a time: a window is a small sample. */
const SMOOTHING = 0.5;
/** Room to grow into; at the start, and later. */
const FIRST_HEADROOM = 1;
const HEADROOM = 0.1;
/** A loop that is this busy has no time for more, whatever else calls wait for. */
const BUSY = 0.8;
/** One that is no busier than this has time for `minLimit` calls at once. */
const IDLE = 0.5;
/** What a method takes at best is forgotten after one to two of these: servers and their data change. */
const EPOCH_MS = 30_000;

/** What the calls of one method take. @internal */
export class MethodLatency {
  private sum = 0;
  private count = 0;
  private best = Number.POSITIVE_INFINITY;
  private bestBefore = Number.POSITIVE_INFINITY;

  add(ms: number): void {
    this.sum += ms;
    this.count++;
  }

  /** Ends a window: how many calls, what they took on average, and what they take at best; `undefined` without calls. */
  close(): { readonly count: number; readonly average: number; readonly best: number } | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const average = this.sum / count;
    this.best = Math.min(this.best, average);
    this.sum = 0;
    this.count = 0;
    return { count, average, best: Math.min(this.best, this.bestBefore) };
  }

  forget(): void {
    this.bestBefore = this.best;
    this.best = Number.POSITIVE_INFINITY;
  }
}

/**
 * How many calls may be under way, by the gradient of their latency, as Netflix' concurrency-limits and Envoy's adaptive
 * concurrency do it: what a method takes at best, over what it takes now, tells how much of the time is queueing, and the
 * limit follows it down; while calls take what they should, it grows as far as it is used.
 *
 * Here, latency is compared method by method, so that a change in the mix is no change in load. What a call takes includes the
 * delay of the event loop, the second signal: requests wait in sockets while a handler computes. The limit falls below
 * `minLimit` only when the loop itself is busy; else calls wait for others, and holding them costs nothing. When calls first take
 * too long, and after each epoch that was under load throughout, one window runs with the root of the limit (the same floor holds),
 * to see what calls take at best (as BBR does): otherwise the best would be, or slowly become, what overload makes of it.
 *
 * @internal
 */
export class GradientLimit {
  private readonly options: GradientLimitOptions;
  private readonly methods = new Map<string, MethodLatency>();
  private limit: number;
  private windowFrom: number;
  private epochFrom: number;
  private samples = 0;
  private peak = 0;
  private probing = false;
  private epochInUse = true;
  private gradient = 1;
  private headroom = FIRST_HEADROOM;
  private least: number;

  /** @throws RangeError naming the option that is out of range. */
  constructor(options: GradientLimitOptions) {
    requirePositiveInteger('maxLimit', options.maxLimit);
    requireInRange('minLimit', options.minLimit, 1, options.maxLimit);
    requireInRange('toleratedMs', options.toleratedMs, 0, 60_000);
    this.options = options;
    this.least = options.minLimit;
    this.limit = Math.min(Math.max(INITIAL_LIMIT, options.minLimit), options.maxLimit);
    this.windowFrom = this.epochFrom = options.clock.monotonic();
  }

  get value(): number {
    const probe = Math.max(Math.sqrt(this.limit), this.least);
    return this.probing ? Math.ceil(Math.min(probe, this.limit)) : Math.floor(this.limit);
  }

  /** Calls take longer than they should: not all of them can be served. */
  get underPressure(): boolean {
    return this.gradient < 1;
  }

  method(path: string): MethodLatency {
    let method = this.methods.get(path);
    if (!method) this.methods.set(path, (method = new MethodLatency()));
    return method;
  }

  /** So many calls are under way. */
  reached(underWay: number): void {
    if (underWay > this.peak) this.peak = underWay;
  }

  /** A call has been answered that was let in at `startedAt`, in the clock's monotonic milliseconds. */
  observe(method: MethodLatency, startedAt: number): void {
    // Those that were let in before the last decision say nothing about the limit of now.
    if (startedAt < this.windowFrom) return;
    const now = this.options.clock.monotonic();
    method.add(now - startedAt);
    this.samples++;
    if (this.samples >= MIN_SAMPLES && now - this.windowFrom >= WINDOW_MS) this.decide(now);
  }

  private decide(now: number): void {
    const loop = this.options.loop.read();
    const ratio = this.ratio(loop.delayMs);
    this.least = this.floor(loop.utilization);
    const inUse = this.peak * 2 >= this.limit;
    const probed = this.probing;
    this.probing = false;
    this.epochInUse &&= inUse || probed;
    if (now - this.epochFrom >= EPOCH_MS) {
      for (const method of this.methods.values()) method.forget();
      this.probing = this.epochInUse;
      this.epochFrom = now;
      this.epochInUse = true;
    }
    // A window that was kept small on purpose says nothing about the limit; nor does a limit that nobody reaches.
    if (inUse && !probed) {
      this.gradient = Math.min(Math.max(1 / ratio, STEEPEST), FASTEST);
      if (this.gradient < 1 && this.headroom === FIRST_HEADROOM) {
        this.headroom = HEADROOM;
        this.probing = true;
      }
      const wanted = this.limit * this.gradient + Math.max(1, this.limit * this.headroom);
      const next = this.limit + (wanted - this.limit) * SMOOTHING;
      this.limit = Math.min(Math.max(next, this.least), this.options.maxLimit);
    } else if (!probed) {
      this.gradient = 1;
    }
    this.windowFrom = now;
    this.samples = 0;
    this.peak = 0;
  }

  /** Between the two it goes step by step: a loop at its limit has a window with some time left now and then. */
  private floor(utilization: number): number {
    if (utilization >= BUSY) return 1;
    const { minLimit } = this.options;
    return utilization <= IDLE ? minLimit : Math.min(minLimit, this.limit + 1);
  }

  /** How many times as long as they may the calls of this window took, weighted by how many there were of each method. */
  private ratio(loopDelayMs: number): number {
    let calls = 0;
    let ratios = 0;
    for (const method of this.methods.values()) {
      const window = method.close();
      if (!window) continue;
      const may = Math.max(window.best * TOLERANCE, this.options.toleratedMs, Number.MIN_VALUE);
      calls += window.count;
      ratios += (window.count * (window.average + loopDelayMs)) / may;
    }
    return calls === 0 ? 1 : ratios / calls;
  }
}
