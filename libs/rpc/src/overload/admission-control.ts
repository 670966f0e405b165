import { type Clock, withDefaults } from '@flashmesh/core';
import { counter, gauge, type Gauge, type Logger } from '@flashmesh/telemetry';
import { status as Status } from '@grpc/grpc-js';
import type { Priority } from '../guard/rules.ts';
import { EventLoop, type LoopSignal } from './event-loop.ts';
import { GradientLimit, type MethodLatency } from './gradient-limit.ts';

/** When a server refuses calls because it has too much to do. */
export interface OverloadOptions {
  /** Calls under way that are always let in while the event loop has time. @default 20 */
  readonly minLimit?: number;
  /** Most calls under way. @default 1000 */
  readonly maxLimit?: number;
  /**
   * Calls that take up to this long say nothing about overload, in milliseconds: callers of a service with slow methods can
   * wait longer. @default 40
   */
  readonly toleratedMs?: number;
  /** How long refused callers are told to wait before they try again, in milliseconds. @default 100 */
  readonly pushbackMs?: number;
}

/** What the outside may know of it. */
export interface OverloadSnapshot {
  readonly limit: number;
  readonly underWay: number;
  readonly shed: number;
  readonly underPressure: boolean;
}

export const OVERLOAD_DEFAULTS: Required<OverloadOptions> = {
  minLimit: 20,
  maxLimit: 1000,
  toleratedMs: 40,
  pushbackMs: 100,
};

/** @internal */
export interface AdmissionControlOptions extends OverloadOptions {
  readonly priorities: ReadonlyMap<string, Priority>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loop?: LoopSignal;
}

/** Under pressure, calls that can be spared get this part of the limit. */
const SHEDDABLE_SHARE = 0.5;
/** What those get beyond the limit that cannot be spared. */
const CRITICAL_RESERVE = 0.25;
const SAY_EVERY_MS = 10_000;

const shed = counter('rpc.server.shed', { description: 'Calls refused because of overload, by priority' });

/** Lets in as many calls as the server can answer in time; the rest are refused before anything is done for them. @internal */
export class AdmissionControl {
  readonly pushbackMs: number;
  private readonly limit: GradientLimit;
  private readonly loop: LoopSignal;
  private readonly priorities: ReadonlyMap<string, Priority>;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly gauges: readonly Gauge[];
  private underWay = 0;
  private refused = 0;
  private saidAt = Number.NEGATIVE_INFINITY;
  private said = 0;

  /** @throws RangeError naming the option that is out of range. */
  constructor(options: AdmissionControlOptions) {
    const { clock, logger, priorities, loop = new EventLoop(clock) } = options;
    const { minLimit, maxLimit, toleratedMs, pushbackMs } = options;
    const settings = withDefaults(OVERLOAD_DEFAULTS, { minLimit, maxLimit, toleratedMs, pushbackMs });
    this.pushbackMs = settings.pushbackMs;
    this.limit = new GradientLimit({ ...settings, clock, loop });
    this.loop = loop;
    this.priorities = priorities;
    this.clock = clock;
    this.logger = logger;
    this.gauges = [
      gauge('rpc.server.limit', { description: 'Calls that may be under way' }, () => this.limit.value),
      gauge('rpc.server.under_way', { description: 'Calls that are' }, () => this.underWay),
    ];
  }

  /** Is asked for figures no more. */
  close(): void {
    for (const one of this.gauges) one.stop();
  }

  get snapshot(): OverloadSnapshot {
    const { value, underPressure } = this.limit;
    return { limit: value, underWay: this.underWay, shed: this.refused, underPressure };
  }

  /** A place for a call, to be left when it is answered; `undefined` when there is none. */
  enter(path: string): Place | undefined {
    this.loop.touch();
    if (!this.hasRoom(path)) return undefined;
    this.underWay++;
    this.limit.reached(this.underWay);
    return new Place(this, this.limit.method(path), this.clock.monotonic());
  }

  /** Whether there is room for a call that takes no place: a stream lives long, and what it does now and then is not known. */
  hasRoom(path: string): boolean {
    const priority = this.priorities.get(path) ?? 'default';
    if (this.underWay < this.roomFor(priority)) return true;
    this.refused++;
    shed.add(1, { priority });
    this.sayNowAndThen();
    return false;
  }

  /** @internal */
  leave(method: MethodLatency, startedAt: number, code: Status): void {
    this.underWay--;
    // An error may be fast or slow for reasons of its own; running out of time has one reason.
    if (code === Status.OK || code === Status.DEADLINE_EXCEEDED) this.limit.observe(method, startedAt);
  }

  private roomFor(priority: Priority): number {
    const { value, underPressure } = this.limit;
    if (priority === 'critical') return value + Math.ceil(value * CRITICAL_RESERVE);
    return priority === 'sheddable' && underPressure ? Math.ceil(value * SHEDDABLE_SHARE) : value;
  }

  private sayNowAndThen(): void {
    const now = this.clock.monotonic();
    if (now - this.saidAt < SAY_EVERY_MS) return;
    const { limit, underWay } = this.snapshot;
    this.logger.warn(
      { limit, underWay, shed: this.refused - this.said },
      'too much to do: calls are refused',
    );
    this.saidAt = now;
    this.said = this.refused;
  }
}

/** A call that is under way. @internal */
export class Place {
  private readonly control: AdmissionControl;
  private readonly method: MethodLatency;
  private readonly startedAt: number;
  private left = false;

  constructor(control: AdmissionControl, method: MethodLatency, startedAt: number) {
    this.control = control;
    this.method = method;
    this.startedAt = startedAt;
  }

  /** The call was answered, or its caller is gone; only the first time counts. */
  leave(code: Status): void {
    if (this.left) return;
    this.left = true;
    this.control.leave(this.method, this.startedAt, code);
  }
}
