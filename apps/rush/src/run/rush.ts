import { randomUUID } from 'node:crypto';
import { type Clock, messageOf, sleep, systemClock } from '@flashmesh/core';
import { type Quantiles, quantilesOf } from '../domain/quantiles.ts';
import type { AcceptedOrder } from '../accepted-orders.ts';
import type { Buyer, GatewayClient, OrderAnswer, Outcome, Wish } from './gateway-client.ts';
import { openLoop } from './open-loop.ts';
import { Sessions, type SessionsOptions } from './sessions.ts';

/** A rush to be. */
export interface RushOptions extends Pick<SessionsOptions, 'buyers' | 'ahead'> {
  readonly client: Pick<GatewayClient, 'openSession' | 'placeOrder'>;
  readonly ratePerSecond: number;
  readonly wish: Wish;
  /** Share of the buyers whose payment method is declined, 0 to 1. */
  readonly declineRatio: number;
  /**
   * For how long a buyer asks again, with the same key, when an answer leaves open what happened (503, 504 or none), in
   * milliseconds. Arrivals keep their rate meanwhile.
   */
  readonly patienceMs: number;
  /**
   * A buyer who is turned away (429) comes again after this to twice this, in milliseconds, as long as her patience lasts. @default
   * she does not
   */
  readonly comeBackMs?: number;
  readonly onAccepted: (order: AcceptedOrder) => void;
  readonly onProgress?: (what: string) => void;
  /** When it aborts, no more buyers come; those who came get their answers. Before the first one came, it throws its reason. */
  readonly signal?: AbortSignal;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** What came of it. */
export interface RushReport {
  readonly offered: number;
  readonly accepted: number;
  /** Orders that were not accepted, by why. */
  readonly rejected: Readonly<Record<Exclude<Outcome, 'accepted'>, number>>;
  /** Arrivals for which no request was made, because too many were under way already: the generator's own limit. */
  readonly notSent: number;
  /** Requests beyond the first of each buyer. */
  readonly askedAgain: number;
  /** Answers, the intermediate ones too, that were failures: any 5xx, or none. What is overload (429) or a rule is not. */
  readonly failedRequests: number;
  /** Some of them: when, in milliseconds after the first arrival, and what. */
  readonly failures: readonly string[];
  /** From the first arrival to the last answer. */
  readonly seconds: number;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  /** From the moment an arrival was due to its answer. */
  readonly latencyMs: Quantiles;
}

/** Bounds what a gateway that answers nothing can pile up here. */
const MAX_UNDER_WAY = 32_768;
/** Failures that are told one by one. */
const MAX_EXAMPLES = 10;
const FAILURES: ReadonlySet<Outcome> = new Set(['unavailable', 'failed', 'networkError']);
/** Answers after which a buyer cannot know whether there is an order. */
const OPEN: ReadonlySet<Outcome> = new Set(['unavailable', 'networkError']);
/** After one of those, being turned away says nothing about the first request either. */
const STILL_OPEN: ReadonlySet<Outcome> = new Set([...OPEN, 'tooManyRequests']);
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
const DECLINED = 'tok_decline';

/** Creates the buyers, lets them all order, each once, and waits for the answers. */
export async function rush(options: RushOptions): Promise<RushReport> {
  const { client, ratePerSecond, wish, declineRatio, patienceMs, comeBackMs, onProgress } = options;
  const { signal, clock = systemClock } = options;
  const sessions = new Sessions(options);
  const ready = await sessions.ready(signal);
  onProgress?.(`${ready} buyers are ready`);

  const outcomes: Record<Outcome, number> = {
    accepted: 0,
    soldOut: 0,
    tooManyRequests: 0,
    unavailable: 0,
    refused: 0,
    failed: 0,
    networkError: 0,
  };
  const latencies = new Float64Array(options.buyers);
  const underWay = new Set<Promise<void>>();
  let answered = 0;
  let notSent = 0;
  let askedAgain = 0;
  let failedRequests = 0;
  const failures: string[] = [];
  const start = clock.monotonic();

  const noted = (answer: OrderAnswer): OrderAnswer => {
    if (FAILURES.has(answer.outcome)) {
      failedRequests++;
      const at = Math.round(clock.monotonic() - start);
      if (failures.length < MAX_EXAMPLES) failures.push(`${at} ms: ${answer.detail ?? answer.outcome}`);
    }
    return answer;
  };
  const ended = ({ outcome }: OrderAnswer, dueAt: number): void => {
    latencies[answered++] = clock.monotonic() - dueAt;
    outcomes[outcome]++;
  };
  const order = async (opening: Promise<Buyer>, index: number, dueAt: number): Promise<void> => {
    let buyer: Buyer;
    try {
      buyer = await opening;
    } catch (error) {
      return ended(noted({ outcome: 'unavailable', detail: messageOf(error) }), dueAt);
    }
    const paymentMethod = declines(index, declineRatio) ? DECLINED : wish.paymentMethod;
    const key = randomUUID();
    const giveUpAt = dueAt + patienceMs;
    const ask = async () => noted(await client.placeOrder(buyer, key, { ...wish, paymentMethod }));
    let answer = await ask();
    let open = OPEN;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      let least: number | undefined;
      if (open.has(answer.outcome)) {
        open = STILL_OPEN;
        least = Math.max(answer.retryAfterMs ?? 0, pauseMs);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      } else if (answer.outcome === 'tooManyRequests') least = comeBackMs;
      if (least === undefined) break;
      // Spread out, so that those who were turned away together do not come back together.
      const wait = least * (1 + Math.random());
      if (clock.monotonic() + wait > giveUpAt) break;
      await sleep(wait, undefined, clock);
      askedAgain++;
      answer = await ask();
    }
    ended(answer, dueAt);
    if (answer.orderId !== undefined) options.onAccepted({ id: answer.orderId, ...buyer, time: clock.now() });
  };
  const offered = await openLoop({
    count: options.buyers,
    ratePerSecond,
    signal,
    clock,
    fire: (index, dueAt) => {
      if (underWay.size >= MAX_UNDER_WAY) {
        notSent++;
        return;
      }
      const running: Promise<void> = order(sessions.take(), index, dueAt).finally(() =>
        underWay.delete(running),
      );
      underWay.add(running);
    },
  });
  const sendingSeconds = (clock.monotonic() - start) / 1000;
  await Promise.all(underWay);
  const seconds = (clock.monotonic() - start) / 1000;

  const { accepted, ...rejected } = outcomes;
  return {
    offered,
    accepted,
    rejected,
    notSent,
    askedAgain,
    failedRequests,
    failures,
    seconds: rounded(seconds),
    offeredPerSecond: rounded(offered / Math.max(sendingSeconds, 0.001)),
    acceptedPerSecond: rounded(accepted / Math.max(seconds, 0.001)),
    latencyMs: quantilesOf(latencies.subarray(0, answered)),
  };
}

/** Spreads the declined payments evenly over the arrivals. */
function declines(index: number, ratio: number): boolean {
  return Math.floor((index + 1) * ratio) > Math.floor(index * ratio);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
