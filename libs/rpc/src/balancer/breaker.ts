import { assertNever } from '@flashmesh/core';
import type { BreakerOptions } from './balancer-options.ts';
import { SlidingCounts } from './sliding-counts.ts';

/** What an attempt says about the endpoint that it went to. */
export type Outcome =
  /** A good answer. */
  | 'success'
  /** The endpoint's fault: unavailable, internal, data loss, unknown, a connection that broke. */
  | 'failure'
  /** No answer in time. */
  | 'timeout'
  /** Too busy: others are preferred, but whoever says so lives. */
  | 'overload'
  /** An answer about the request, or one that came too late for a caller in a hurry: no fault, but whoever says so lives. */
  | 'answer'
  /** Given up by the caller, or never read: says nothing. */
  | 'neutral';

export type BreakerState =
  | { readonly name: 'closed' }
  | {
      readonly name: 'ejected';
      readonly untilMs: number;
      readonly durationMs: number;
      /** The attempt that was picked to see, and has not started yet. */
      readonly probe?: object;
    }
  /** One real request is under way there, to see: the one that started then. */
  | { readonly name: 'probing'; readonly durationMs: number; readonly startedMs: number };

const CLOSED: BreakerState = { name: 'closed' };
/** So long a picked probe may take to get on its way before somebody else is sent. */
const PROBE_START_MS = 1000;

/**
 * The circuit breaker of one endpoint: tells when it should be ejected, and for how long. Whether it may be is not decided here
 * but by who sees all endpoints: see `EndpointSet`.
 */
export class Breaker {
  state: BreakerState = CLOSED;
  /** Ejections since the endpoint was last in order for long. */
  ejectionsInARow = 0;
  private readonly o: Required<BreakerOptions>;
  private readonly random: () => number;
  private readonly window: SlidingCounts;
  private failures = 0;
  private silentTimeouts = 0;
  /** Until then a single failure ejects again. */
  private onParoleUntilMs = -Infinity;

  constructor(options: Required<BreakerOptions>, random: () => number) {
    this.o = options;
    this.random = random;
    this.window = new SlidingCounts(options.windowMs);
  }

  /** Calls and good answers within the window. */
  rate(nowMs: number): { readonly total: number; readonly good: number } {
    return { total: this.window.firstTotal(nowMs), good: this.window.secondTotal(nowMs) };
  }

  /** Counts an attempt that was not a probe. @param silent nothing at all came from the endpoint while the attempt waited. */
  record(outcome: Outcome, nowMs: number, silent = false): void {
    // Attempts of before the ejection, which end now, were judged with it.
    if (this.state.name !== 'closed') return;
    switch (outcome) {
      case 'success':
        this.failures = 0;
        this.silentTimeouts = 0;
        this.window.add(1, 1, nowMs);
        return;
      case 'failure':
      case 'timeout':
        this.failures++;
        this.silentTimeouts = outcome === 'timeout' && silent ? this.silentTimeouts + 1 : 0;
        this.window.add(1, 0, nowMs);
        return;
      case 'answer':
      case 'overload':
        this.silentTimeouts = 0;
        return;
      case 'neutral':
    }
  }

  /** Why the endpoint should be ejected, by what it did alone; `rate` is for the caller to compare with the others. */
  verdict(nowMs: number): 'eject' | 'rate' | undefined {
    if (this.state.name !== 'closed') return undefined;
    if (this.failures >= this.o.consecutiveFailures) return 'eject';
    if (this.silentTimeouts >= this.o.silentTimeouts) return 'eject';
    if (this.failures > 0 && nowMs < this.onParoleUntilMs) return 'eject';
    const total = this.window.firstTotal(nowMs);
    if (total < this.o.minRequests) return undefined;
    return this.window.secondTotal(nowMs) / total < this.o.successRate ? 'rate' : undefined;
  }

  /** Leaves it alone: 1, 2, 4, ... times the shortest ejection, give or take a fifth, lest all callers come back at once. */
  eject(nowMs: number): void {
    if (nowMs >= this.onParoleUntilMs) this.ejectionsInARow = 0;
    const base = Math.min(this.o.ejectionMs * 2 ** this.ejectionsInARow, this.o.maxEjectionMs);
    const durationMs = base * (0.8 + 0.4 * this.random());
    this.ejectionsInARow++;
    this.state = { name: 'ejected', untilMs: nowMs + durationMs, durationMs };
    this.clear();
  }

  /** Whether it is time to see, with one request, if the endpoint is in order again. */
  probeDue(nowMs: number): boolean {
    return this.state.name === 'ejected' && nowMs >= this.state.untilMs;
  }

  /** A probe is about to be sent. It counts from {@link started} on: what is picked is not always sent. */
  probePicked(probe: object, nowMs: number): void {
    if (this.state.name !== 'ejected') return;
    this.state = { ...this.state, untilMs: nowMs + PROBE_START_MS, probe };
  }

  /** An attempt is on its way, which may be the probe: in a panic others go to ejected endpoints as well. */
  started(attempt: object | undefined, startedMs: number): void {
    if (this.state.name !== 'ejected' || attempt === undefined || this.state.probe !== attempt) return;
    this.state = { name: 'probing', durationMs: this.state.durationMs, startedMs };
  }

  /** Whether the attempt that started then is the probe. What else ends meanwhile was sent before, or in a panic, and decides nothing. */
  isProbe(startedMs: number): boolean {
    return this.state.name === 'probing' && this.state.startedMs === startedMs;
  }

  /** What the probe came to: `true` when the endpoint is taken back. */
  probeEnded(outcome: Outcome, nowMs: number): boolean {
    if (this.state.name !== 'probing') return false;
    const { durationMs } = this.state;
    switch (outcome) {
      case 'success':
      case 'answer':
      case 'overload':
        this.state = CLOSED;
        // One failure on parole ejects again, for twice as long: an endpoint that fails half its calls passes half its probes.
        this.onParoleUntilMs = nowMs + 2 * durationMs;
        return true;
      case 'failure':
      case 'timeout':
        this.onParoleUntilMs = Infinity;
        this.eject(nowMs);
        return false;
      case 'neutral':
        this.state = { name: 'ejected', untilMs: nowMs, durationMs };
        return false;
      default:
        return assertNever(outcome, 'outcome');
    }
  }

  /** There is a new connection: what was found out about the old one may be history. */
  reconnected(nowMs: number): void {
    if (this.state.name === 'ejected') this.state = { ...this.state, untilMs: nowMs };
  }

  private clear(): void {
    this.failures = 0;
    this.silentTimeouts = 0;
    this.window.clear();
  }
}
