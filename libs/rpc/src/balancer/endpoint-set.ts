import { type Clock, systemClock } from '@flashmesh/core';
import type { BalancerConfig } from './balancer-options.ts';
import type { Outcome } from './breaker.ts';
import { Endpoint, type EndpointInfo } from './endpoint.ts';
import { PeakEwma } from './peak-ewma.ts';
import { createPolicy } from './policies.ts';
import type { PickContext } from './pick-context.ts';
import type { PickRequest, Policy } from './policy.ts';

/** What is known of an endpoint that left the list is kept so long: registries flap. */
const REMEMBER_MS = 60_000;
/** Envoy's overprovisioning: with less than 1 / 1.4 = 71 % of the own zone available, part of the calls leave it. */
const OVERPROVISIONING = 1.4;

/** What a set may be given by tests. */
export interface EndpointSetOptions {
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** The caller's zone. */
  readonly zone?: string;
}

/**
 * The endpoints of one service as one client sees them: which can be used, and which one the next call goes to. All that was
 * learnt about an endpoint lives here, apart from connections and pickers, and outlives updates of the list.
 */
export class EndpointSet {
  readonly config: BalancerConfig;
  /** Calls that found every endpoint at its limit. */
  shed = 0;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly zone: string | undefined;
  private readonly policy: Policy;
  private readonly known = new Map<string, Endpoint>();
  private readonly typical: PeakEwma;
  private listed: Endpoint[] = [];
  private available: Endpoint[] = [];
  private local: Endpoint[] = [];
  private remote: Endpoint[] = [];
  /** Share of the own zone that is available. */
  private localShare = 1;
  private maxWeight = 1;
  private picks = 0;
  private underWay = 0;
  private streams = 0;
  private nextProbeMs = Infinity;

  constructor(config: BalancerConfig, options: EndpointSetOptions = {}) {
    this.config = config;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.zone = options.zone;
    this.policy = createPolicy(config, this.random);
    this.typical = new PeakEwma(config.decayMs);
  }

  /** Every endpoint of the list. */
  get endpoints(): readonly Endpoint[] {
    return this.listed;
  }

  /** The list as naming knows it now. An endpoint that stays keeps all that is known of it. */
  update(infos: readonly EndpointInfo[]): void {
    const nowMs = this.clock.monotonic();
    const joining = this.listed.length > 0;
    const listed = infos.map((info) => this.take(info, joining, nowMs));
    const kept = new Set(listed);
    for (const [key, endpoint] of this.known) {
      if (kept.has(endpoint)) continue;
      endpoint.goneSinceMs ??= nowMs;
      if (nowMs - endpoint.goneSinceMs > REMEMBER_MS) this.known.delete(key);
    }
    this.listed = listed;
    this.policy.update?.(listed);
    this.rebuild();
  }

  get(key: string): Endpoint | undefined {
    return this.known.get(key);
  }

  /** There is a connection, or there is none any more. */
  setReady(endpoint: Endpoint, ready: boolean): void {
    if (endpoint.ready === ready) return;
    endpoint.ready = ready;
    if (ready) endpoint.breaker.reconnected(this.clock.monotonic());
    this.rebuild();
  }

  /** Where the attempt should go, among those with a connection; `undefined` when there is none that can take it. */
  pick(request: PickRequest): Endpoint | undefined {
    const nowMs = this.clock.monotonic();
    const pick = ++this.picks;
    const forStream = request.stream === true;
    // A stream may stay open for hours: no probe, and no look either.
    if (nowMs >= this.nextProbeMs && !forStream) {
      const probe = this.probe(request, nowMs);
      if (probe) return this.picked(probe, nowMs);
    }
    const context: PickContext = {
      nowMs,
      pick,
      typicalMs: this.typical.value(nowMs),
      maxWeight: this.maxWeight,
      forStream,
      meanLoad: (forStream ? this.underWay : this.underWay - this.streams) / this.available.length,
    };
    let chosen = this.choose(request, context);
    if (chosen && !chosen.hasRoom) chosen = this.withRoom(request, context);
    if (!chosen) {
      this.shed++;
      return undefined;
    }
    return forStream ? chosen : this.picked(chosen, nowMs);
  }

  /** Whether a call that went to these could go elsewhere. */
  hasOther(tried: readonly Endpoint[]): boolean {
    return this.available.some((endpoint) => !tried.includes(endpoint));
  }

  /**
   * An attempt is on its way to the endpoint.
   *
   * @param request what {@link pick} was asked with: that object, if it was to be a probe.
   * @returns when, for {@link ended}.
   */
  started(endpoint: Endpoint, request?: PickRequest): number {
    const nowMs = this.clock.monotonic();
    this.underWay++;
    endpoint.started(nowMs);
    endpoint.breaker.started(request, nowMs);
    return nowMs;
  }

  /** An attempt waits too long: its endpoint is blamed at once, wherever the attempt goes from here. */
  timedOut(endpoint: Endpoint, startedMs: number): void {
    const nowMs = this.clock.monotonic();
    endpoint.timedOut(nowMs - startedMs, nowMs);
    this.judge(endpoint, startedMs, 'timeout', nowMs);
  }

  /** An attempt ended. @param counted {@link timedOut} was called for it. */
  ended(endpoint: Endpoint, startedMs: number, outcome: Outcome, counted = false): void {
    const nowMs = this.clock.monotonic();
    const elapsedMs = nowMs - startedMs;
    this.underWay--;
    endpoint.ended(outcome, elapsedMs, nowMs, counted);
    if (outcome === 'success') this.typical.observe(elapsedMs, nowMs);
    if (!counted) this.judge(endpoint, startedMs, outcome, nowMs);
  }

  /** A stream is on its way to the endpoint. It takes a place there, and is no sample of anything until it ends. */
  streamStarted(endpoint: Endpoint): void {
    this.underWay++;
    this.streams++;
    endpoint.streamStarted();
  }

  /** A stream ended. */
  streamEnded(endpoint: Endpoint, outcome: Outcome): void {
    const nowMs = this.clock.monotonic();
    this.underWay--;
    this.streams--;
    endpoint.streamEnded(outcome, nowMs);
    this.convict(endpoint, outcome, nowMs);
  }

  /** Endpoints that are ejected or on probation. */
  get ejected(): number {
    return this.listed.reduce((sum, { breaker }) => sum + (breaker.state.name === 'closed' ? 0 : 1), 0);
  }

  private take(info: EndpointInfo, joining: boolean, nowMs: number): Endpoint {
    let endpoint = this.known.get(info.key);
    // Another instance at the same address: what was known is about somebody else.
    if (endpoint && endpoint.info.id !== info.id) endpoint = undefined;
    if (!endpoint) {
      endpoint = new Endpoint(info, this.config, this.random);
      this.known.set(info.key, endpoint);
      // Those that are there when the client starts may have run for weeks.
      if (joining) endpoint.warmUp(nowMs);
    }
    endpoint.info = info;
    endpoint.goneSinceMs = undefined;
    return endpoint;
  }

  private picked(endpoint: Endpoint, nowMs: number): Endpoint {
    endpoint.picked(nowMs);
    return endpoint;
  }

  private choose(request: PickRequest, context: PickContext): Endpoint | undefined {
    let { available, local, remote } = this;
    if (request.tried.length > 0) {
      const untried = (endpoint: Endpoint) => !request.tried.includes(endpoint);
      const others = available.filter(untried);
      if (others.length > 0) {
        available = others;
        local = local.filter(untried);
        remote = remote.filter(untried);
      }
    }
    if (available.length === 0) return undefined;
    if (local.length === 0 || remote.length === 0) return this.policy.choose(available, request, context);
    if (this.localShare < 1 && this.random() >= this.localShare) {
      return this.policy.choose(remote, request, context);
    }
    const near = this.policy.choose(local, request, context);
    const cost = this.policy.cost?.(near, context);
    if (cost === undefined) return near;
    const far = this.policy.choose(remote, request, context);
    const farCost = this.policy.cost?.(far, context) ?? Infinity;
    return farCost * this.config.zonePreference < cost ? far : near;
  }

  /** The choice among those that are not at their limit. */
  private withRoom(request: PickRequest, context: PickContext): Endpoint | undefined {
    const free = this.available.filter((endpoint) => endpoint.hasRoom);
    return free.length === 0 ? undefined : this.policy.choose(free, request, context);
  }

  /** An ejected endpoint whose time has come; attempts that may not be repeated are spared for as long as others come. */
  private probe(request: PickRequest, nowMs: number): Endpoint | undefined {
    let nextMs = Infinity;
    let found: Endpoint | undefined;
    for (const endpoint of this.listed) {
      const { breaker } = endpoint;
      if (breaker.state.name !== 'ejected' || !endpoint.ready) continue;
      const { untilMs, durationMs } = breaker.state;
      const mayProbe = request.expendable || nowMs >= untilMs + durationMs;
      if (!found && breaker.probeDue(nowMs) && mayProbe && !request.tried.includes(endpoint)) {
        found = endpoint;
        breaker.probePicked(request, nowMs);
      }
      nextMs = Math.min(nextMs, breaker.state.name === 'ejected' ? breaker.state.untilMs : Infinity);
    }
    this.nextProbeMs = nextMs;
    return found;
  }

  private judge(endpoint: Endpoint, startedMs: number, outcome: Outcome, nowMs: number): void {
    const { breaker } = endpoint;
    if (!breaker.isProbe(startedMs)) return this.convict(endpoint, outcome, nowMs);
    if (breaker.probeEnded(outcome, nowMs)) endpoint.warmUp(nowMs);
    else if (outcome !== 'neutral') endpoint.totals.ejections++;
    this.rebuild();
  }

  /** Ejects the endpoint if it has earned that and can be spared. */
  private convict(endpoint: Endpoint, outcome: Outcome, nowMs: number): void {
    const { breaker } = endpoint;
    if (outcome !== 'failure' && outcome !== 'timeout') return;
    const verdict = breaker.verdict(nowMs);
    if (verdict === undefined || !this.mayEject(endpoint)) return;
    if (verdict === 'rate' && !this.isOutlier(endpoint, nowMs)) return;
    breaker.eject(nowMs);
    endpoint.totals.ejections++;
    this.rebuild();
  }

  /** One endpoint always may be, more only up to the cap, and never the last one that calls can go to. */
  private mayEject(endpoint: Endpoint): boolean {
    const cap = Math.max(Math.floor(this.config.breaker.maxEjectedShare * this.listed.length), 1);
    if (this.ejected + 1 > cap) return false;
    return this.available.some((other) => other !== endpoint && other.breaker.state.name === 'closed');
  }

  /** Whether the others do well: when all fail alike, the fault is elsewhere, and ejecting would only pile up their load. */
  private isOutlier(endpoint: Endpoint, nowMs: number): boolean {
    let total = 0;
    let good = 0;
    for (const other of this.listed) {
      if (other === endpoint || other.breaker.state.name !== 'closed') continue;
      const rate = other.breaker.rate(nowMs);
      total += rate.total;
      good += rate.good;
    }
    return total > 0 && good / total >= this.config.breaker.successRate;
  }

  /** Sorts the endpoints anew after something changed: list, connection, ejection. */
  private rebuild(): void {
    const serving = this.listed.filter(({ info }) => !info.draining);
    const ready = serving.filter((endpoint) => endpoint.ready);
    const healthy = ready.filter(({ breaker }) => breaker.state.name === 'closed');
    const panic = healthy.length < this.config.breaker.panicShare * serving.length;
    this.available = healthy.length === 0 || panic ? ready : healthy;
    // Better one that is about to stop than none.
    if (this.available.length === 0) this.available = this.listed.filter((endpoint) => endpoint.ready);
    this.nextProbeMs = Infinity;
    for (const { breaker, ready } of this.listed) {
      if (ready && breaker.state.name === 'ejected') {
        this.nextProbeMs = Math.min(this.nextProbeMs, breaker.state.untilMs);
      }
    }
    this.maxWeight = this.available.reduce((max, { info }) => Math.max(max, info.weight), 0) || 1;
    this.sortByZone(serving);
  }

  private sortByZone(serving: readonly Endpoint[]): void {
    const near = ({ info }: Endpoint) => info.zone === this.zone;
    if (this.zone === undefined || this.config.zonePreference === 1 || !this.policy.zonal) {
      this.local = [];
      this.remote = [];
      return;
    }
    this.local = this.available.filter(near);
    this.remote = this.available.filter((endpoint) => !near(endpoint));
    const weightOf = (endpoints: readonly Endpoint[]) =>
      endpoints.reduce((sum, { info }) => sum + info.weight, 0);
    const all = weightOf(serving.filter(near));
    this.localShare = all === 0 ? 0 : Math.min((OVERPROVISIONING * weightOf(this.local)) / all, 1);
  }
}
