import type { BalancerConfig } from './balancer-options.ts';
import { Breaker, type Outcome } from './breaker.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { LookBudget } from './look-budget.ts';
import { FailureShare, PeakEwma } from './peak-ewma.ts';
import type { PickContext } from './pick-context.ts';

/** What naming says about an endpoint. */
export interface EndpointInfo {
  /** Names the endpoint for as long as it lives: its address as grpc-js spells it. */
  readonly key: string;
  /** `host:port`. */
  readonly address: string;
  /** The instance's id; the address where naming knows no ids. */
  readonly id: string;
  readonly zone: string;
  /** Above 0. */
  readonly weight: number;
  /** It is about to stop: used only when there is nobody else. */
  readonly draining: boolean;
}

/** A warming endpoint starts with this share of its weight. */
const COLD = 0.1;
/** Latencies below are all the same: what is left is the noise of an event loop. */
const FLOOR_MS = 1;
/** Looks come no closer than this share of the time in which one is due. */
const LOOK_PAUSE = 0.1;
/** An endpoint that only fails is as bad as one that takes 25 times as long. */
const WORST_SUCCESS = 0.2;

/** What a client knows of one endpoint. It outlives updates of the list and changes of the connection. */
export class Endpoint {
  info: EndpointInfo;
  readonly breaker: Breaker;
  /** Whether there is a connection. */
  ready = false;
  /** Attempts under way, open streams among them. */
  inFlight = 0;
  streams = 0;
  /** Attempts that went there, what became of them, and of how many the caller never heard. */
  readonly totals = {
    attempts: 0,
    failures: 0,
    timeouts: 0,
    overloads: 0,
    ejections: 0,
    latencyMs: 0,
    answers: 0,
  };
  /** Running weight of the round robin. */
  turn = 0;
  /** When it left the list; `undefined` while it is in. */
  goneSinceMs: number | undefined;
  private readonly config: BalancerConfig;
  private readonly latency: PeakEwma;
  private readonly histogram: LatencyHistogram;
  private readonly failureShare: FailureShare;
  private readonly looks: LookBudget;
  private lastPickMs = -Infinity;
  private warmSinceMs = -Infinity;
  /** When the endpoint was last heard of, or given work after it had none. */
  private silentSinceMs = 0;
  private heardMs = -Infinity;

  constructor(info: EndpointInfo, config: BalancerConfig, random: () => number) {
    this.info = info;
    this.config = config;
    this.breaker = new Breaker(config.breaker, random);
    this.latency = new PeakEwma(config.decayMs);
    this.failureShare = new FailureShare(config.decayMs);
    this.histogram = new LatencyHistogram(config.decayMs);
    this.looks = new LookBudget(config.forcedPickMs);
  }

  /** From now on its weight grows from a tenth to the whole. */
  warmUp(nowMs: number): void {
    this.warmSinceMs = nowMs;
  }

  /** The share of calls it should get at the moment. */
  weight(nowMs: number): number {
    const { weight } = this.info;
    const age = nowMs - this.warmSinceMs;
    const { warmUpMs } = this.config;
    return age >= warmUpMs ? weight : weight * Math.max(age / warmUpMs, COLD);
  }

  /** Whether it can take another call. */
  get hasRoom(): boolean {
    return this.inFlight < this.config.maxInFlight;
  }

  /** Whether it should be given a call although it lost the draw: nobody is looking how it is, and a look is left. Takes the look. */
  takeLook(pick: number, nowMs: number): boolean {
    if (this.load(false) > 0 || nowMs - this.lastPickMs < this.config.forcedPickMs * LOOK_PAUSE) return false;
    return this.looks.take(pick, nowMs);
  }

  picked(nowMs: number): void {
    this.lastPickMs = nowMs;
  }

  started(nowMs: number): void {
    if (this.load(false) === 0) this.silentSinceMs = nowMs;
    this.inFlight++;
    this.totals.attempts++;
  }

  /** What is under way there that a call, or a stream, would share the endpoint with: a call does not mind streams that are open. */
  load(forStream: boolean): number {
    return forStream ? this.inFlight : this.inFlight - this.streams;
  }

  /** How long a call would wait here, in milliseconds, for comparison only. */
  cost(context: PickContext): number {
    const { nowMs, typicalMs } = context;
    const measured = this.latency.measured ? this.latency.value(nowMs) : typicalMs;
    // Calls that wait count before they end: a peer that vanished gives no samples.
    const silentMs = this.load(false) > 0 ? nowMs - this.silentSinceMs : 0;
    const latencyMs = Math.max(measured, silentMs) + FLOOR_MS;
    return latencyMs * this.burden(context);
  }

  /** What is under way there in relation to its weight, and more for one that fails. */
  burden({ nowMs, maxWeight, forStream, meanLoad }: PickContext): number {
    const failing = this.failing(nowMs);
    const success = Math.max(1 - failing, WORST_SUCCESS);
    // Who refuses at once never has anything under way: taken to be as busy as the others.
    const load = this.load(forStream) + failing * meanLoad;
    return ((load * maxWeight) / this.weight(nowMs) + 1) / (success * success);
  }

  /** The recent share of failures and refusals, 0 to 1. */
  failing(nowMs: number): number {
    return this.failureShare.value(nowMs);
  }

  /** An attempt waited in vain: counted when that is noticed, for its end may be far away. */
  timedOut(elapsedMs: number, nowMs: number): void {
    this.totals.timeouts++;
    this.totals.failures++;
    this.latency.observeAtLeast(elapsedMs, nowMs);
    this.failureShare.observe(true, nowMs);
    this.breaker.record('timeout', nowMs, this.heardMs <= nowMs - elapsedMs);
  }

  /** An attempt ended. @param counted its timeout was counted before. */
  ended(outcome: Outcome, elapsedMs: number, nowMs: number, counted: boolean): void {
    this.inFlight--;
    if (outcome === 'timeout') {
      if (!counted) this.timedOut(elapsedMs, nowMs);
      return;
    }
    if (outcome !== 'neutral') this.heard(nowMs);
    if (outcome === 'neutral' || outcome === 'answer') {
      this.latency.observeAtLeast(elapsedMs, nowMs);
      return this.breaker.record(outcome, nowMs);
    }
    if (outcome === 'success') {
      // The first call pays for what happens once: caches, compiled code, a cold connection.
      if (this.totals.answers > 0) this.latency.observe(elapsedMs, nowMs);
      this.histogram.record(elapsedMs, nowMs);
      this.totals.answers++;
      this.totals.latencyMs += elapsedMs;
    } else {
      // Failing fast must not look like being fast, least of all where nothing else was measured.
      if (this.latency.measured) this.latency.observeAtLeast(elapsedMs, nowMs);
    }
    this.count(outcome, nowMs);
  }

  streamStarted(): void {
    this.inFlight++;
    this.streams++;
    this.totals.attempts++;
  }

  /** A stream ended, well or not. How long it took is nobody's latency. */
  streamEnded(outcome: Outcome, nowMs: number): void {
    this.inFlight--;
    this.streams--;
    if (outcome === 'neutral') return;
    this.heard(nowMs);
    if (outcome === 'answer') this.breaker.record(outcome, nowMs);
    else this.count(outcome, nowMs);
  }

  /** What came back was good or bad, which is what tells endpoints apart. */
  private count(outcome: 'success' | 'failure' | 'timeout' | 'overload', nowMs: number): void {
    if (outcome === 'overload') this.totals.overloads++;
    else if (outcome !== 'success') this.totals.failures++;
    this.failureShare.observe(outcome !== 'success', nowMs);
    this.breaker.record(outcome, nowMs);
  }

  /** Something came from there, be it an error. */
  heard(nowMs: number): void {
    this.heardMs = nowMs;
    this.silentSinceMs = nowMs;
  }

  /** What a call takes there, by the peak EWMA; `undefined` before the first answer. */
  ewmaMs(nowMs: number): number | undefined {
    return this.latency.measured ? this.latency.value(nowMs) : undefined;
  }

  quantileMs(share: number, nowMs: number): number | undefined {
    return this.histogram.quantile(share, nowMs);
  }
}
