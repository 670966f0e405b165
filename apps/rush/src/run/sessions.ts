import { type Clock, Limiter, requirePositiveInteger, sleep, systemClock } from '@flashmesh/core';
import type { Buyer, GatewayClient } from './gateway-client.ts';

/** Who is to come. */
export interface SessionsOptions {
  readonly client: Pick<GatewayClient, 'openSession'>;
  readonly buyers: number;
  /** How many are logged in before the first one orders, and stay so far ahead of those who order. @default 20 000 */
  readonly ahead?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

const AHEAD = 20_000;
const AT_ONCE = 64;
const ATTEMPTS = 10;
const PAUSE_MS = 500;

/**
 * Buyers, logged in well before it is their turn, so that an order does not wait for its session; not all of them beforehand, so
 * that a long rush begins as soon as a short one, and holds no more sessions at once.
 */
export class Sessions {
  private readonly limiter = new Limiter(AT_ONCE);
  private readonly opened = new Map<number, Promise<Buyer>>();
  private readonly options: SessionsOptions;
  private readonly ahead: number;
  private next = 0;
  private taken = 0;

  /** @throws RangeError when a number is no positive integer. */
  constructor(options: SessionsOptions) {
    this.options = options;
    const buyers = requirePositiveInteger('buyers', options.buyers);
    this.ahead = Math.min(requirePositiveInteger('ahead', options.ahead ?? AHEAD), buyers);
  }

  /**
   * Logs in the first ones.
   *
   * @param signal ends it.
   * @returns how many.
   * @throws the signal's reason, or FlashmeshError `unavailable` when the shop opens no session.
   */
  async ready(signal?: AbortSignal): Promise<number> {
    while (this.next < this.ahead) this.openNext(signal);
    await Promise.all(this.opened.values());
    return this.next;
  }

  /**
   * The next buyer. Rejects with FlashmeshError `unavailable` when she could not log in.
   *
   * @throws RangeError when all have come.
   */
  take(): Promise<Buyer> {
    if (this.next < this.options.buyers) this.openNext();
    const buyer = this.opened.get(this.taken);
    if (!buyer) throw new RangeError(`there are ${this.options.buyers} buyers, and all have come`);
    this.opened.delete(this.taken++);
    return buyer;
  }

  private openNext(signal?: AbortSignal): void {
    const opening = this.limiter.run(() => this.open(signal));
    // Who takes her is told; there may be nobody.
    opening.catch(() => undefined);
    this.opened.set(this.next++, opening);
  }

  /** A session costs nothing and belongs to nobody: who gets none asks again. */
  private async open(signal?: AbortSignal): Promise<Buyer> {
    const { client, clock = systemClock } = this.options;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await client.openSession();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await sleep(PAUSE_MS, undefined, clock);
      }
    }
  }
}
