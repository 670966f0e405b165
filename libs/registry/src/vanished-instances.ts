import { type Clock, type ServiceInstance, systemClock, type Timer } from '@flashmesh/core';
import { canConnect } from './can-connect.ts';

/** Longer than a session and a new registration take: who is not back by then withdrew in silence. */
const HOLD_MS = 60_000;
/** What vanishes so soon after naming was out of reach may have vanished because of that. */
const AFTERMATH_MS = 15_000;
const PROBE_EVERY_MS = 1000;
const PROBE_TIMEOUT_MS = 1000;
/** Probes in a row that nobody answered. */
const SILENT_PROBES = 2;

export interface VanishedInstancesOptions {
  /** What is in use now: told after every change. */
  readonly onChange: (instances: readonly ServiceInstance[]) => void;
  readonly clock?: Clock;
  readonly probe?: (address: string, timeoutMs: number) => Promise<'open' | 'refused' | 'silent'>;
}

interface Held {
  readonly instance: ServiceInstance;
  readonly sinceMs: number;
  silent: number;
}

/**
 * Decides about instances that naming no longer has. One that vanishes while all is well is gone. But after naming itself was out of
 * reach, and when everybody vanishes at once, it is more likely naming that is wrong (expired sessions, a restored backup): then an
 * instance stays in use until a probe finds nobody there, or until it had a minute to come back.
 */
export class VanishedInstances {
  private readonly o: VanishedInstancesOptions;
  private readonly clock: Clock;
  private readonly held = new Map<string, Held>();
  private confirmed: readonly ServiceInstance[] | undefined;
  private lostSinceMs: number | undefined;
  private backSinceMs = -Infinity;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(options: VanishedInstancesOptions) {
    this.o = options;
    this.clock = options.clock ?? systemClock;
  }

  /** Naming is out of reach: what it said last stands. */
  namingLost(): void {
    this.lostSinceMs ??= this.clock.monotonic();
  }

  namingBack(): void {
    if (this.lostSinceMs === undefined) return;
    this.lostSinceMs = undefined;
    this.backSinceMs = this.clock.monotonic();
  }

  /** How old what is in use may be, in milliseconds. */
  get staleMs(): number {
    const nowMs = this.clock.monotonic();
    let sinceMs = this.lostSinceMs ?? nowMs;
    for (const held of this.held.values()) sinceMs = Math.min(sinceMs, held.sinceMs);
    return nowMs - sinceMs;
  }

  /** What naming says now. */
  update(confirmed: readonly ServiceInstance[]): void {
    const nowMs = this.clock.monotonic();
    const ids = new Set(confirmed.map(({ id }) => id));
    const aftermath = this.lostSinceMs !== undefined || nowMs - this.backSinceMs < AFTERMATH_MS;
    const vanished = (this.confirmed ?? []).filter(({ id }) => !ids.has(id));
    if (aftermath || ids.size === 0) {
      for (const instance of vanished) {
        // It had said that it was about to go.
        if (instance.state === 'draining' || instance.weight === 0) continue;
        this.held.set(instance.id, { instance, sinceMs: nowMs, silent: 0 });
      }
    }
    for (const id of ids) this.held.delete(id);
    this.confirmed = confirmed;
    this.publish();
    if (this.held.size > 0 && !this.timer) this.probeAfter(0);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private publish(): void {
    const held = [...this.held.values()].map(({ instance }) => instance);
    this.o.onChange([...(this.confirmed ?? []), ...held]);
  }

  private probeAfter(delayMs: number): void {
    this.timer = this.clock.after(delayMs, () => void this.probe());
  }

  private async probe(): Promise<void> {
    const probe = this.o.probe ?? canConnect;
    const gone = await Promise.all(
      [...this.held.values()].map(async (held) => {
        const found = await probe(held.instance.address, PROBE_TIMEOUT_MS);
        held.silent = found === 'silent' ? held.silent + 1 : 0;
        const overdue = this.clock.monotonic() - held.sinceMs >= HOLD_MS;
        return found === 'refused' || held.silent >= SILENT_PROBES || overdue ? held : [];
      }),
    );
    if (this.stopped) return;
    let changed = false;
    for (const held of gone.flat()) {
      // It may have come back, or vanished anew, meanwhile.
      if (this.held.get(held.instance.id) !== held) continue;
      this.held.delete(held.instance.id);
      changed = true;
    }
    if (changed) this.publish();
    this.timer = undefined;
    if (this.held.size > 0) this.probeAfter(PROBE_EVERY_MS);
  }
}
