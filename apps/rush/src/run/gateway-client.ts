import { FlashmeshError, messageOf } from '@flashmesh/core';
import { Pool } from 'undici';

/** A buyer who may order. */
export interface Buyer {
  readonly buyerId: string;
  readonly token: string;
}

/** What a buyer asks for. */
export interface Wish {
  readonly saleId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly paymentMethod: string;
}

/** What became of a request, by what a buyer would do next. */
export type Outcome =
  | 'accepted'
  /** 409 `SOLD_OUT`: nothing left. */
  | 'soldOut'
  /** 429: come back later. */
  | 'tooManyRequests'
  /** 503 or 504: nothing is known. */
  | 'unavailable'
  /** Any other 4xx: the request itself was wrong, or the sale is not open. */
  | 'refused'
  /** Any other 5xx. */
  | 'failed'
  /** No answer: refused, reset or timed out. */
  | 'networkError';

/** The answer to an order. */
export interface OrderAnswer {
  readonly outcome: Outcome;
  /** The order's id, when it was accepted. */
  readonly orderId?: string;
  /** When the shop asks to come back, in milliseconds. */
  readonly retryAfterMs?: number;
  /** What a failure said. */
  readonly detail?: string;
}

/** The answer to a buyer who asks how her order is; `later` when she may well read it a moment later. */
export type StateAnswer = { readonly state: string } | { readonly problem: string; readonly later: boolean };

/** Too many requests, or something behind is away. */
const COME_BACK: ReadonlySet<number> = new Set([429, 503, 504]);
/** Above what a gateway takes in at a time: an arrival must not wait here for an earlier one's answer. */
const CONNECTIONS = 4096;
/** An idle connection is soon closed here: one that a stopping gateway closes may just be taken for the next request. */
const IDLE_MS = 1000;
/** Above what a gateway lets a buyer wait. */
const TIMEOUT_MS = 40_000;

/** The shop as a buyer sees it: REST and nothing else. */
export class GatewayClient {
  private readonly pool: Pool;

  /** @throws TypeError when the address is no URL. */
  constructor(gateway: string) {
    this.pool = new Pool(new URL(gateway).origin, {
      connections: CONNECTIONS,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: { timeout: TIMEOUT_MS },
    });
  }

  /** Becomes a new buyer. */
  async openSession(): Promise<Buyer> {
    const { statusCode, body } = await this.pool.request({ method: 'POST', path: '/api/sessions' });
    const text = await body.text();
    if (statusCode !== 201) {
      throw new FlashmeshError('unavailable', 'NO_SESSION', `no session: ${statusCode} ${text}`);
    }
    const { buyerId, token } = JSON.parse(text) as Buyer;
    return { buyerId, token };
  }

  /** Orders once; never throws. */
  async placeOrder({ token }: Buyer, idempotencyKey: string, wish: Wish): Promise<OrderAnswer> {
    try {
      const { statusCode, headers, body } = await this.pool.request({
        method: 'POST',
        path: '/api/orders',
        headers: {
          authorization: `Bearer ${token}`,
          'idempotency-key': idempotencyKey,
          'content-type': 'application/json',
        },
        body: JSON.stringify(wish),
      });
      const retryAfterMs = Number(headers['retry-after'] ?? 0) * 1000;
      return { ...answerOf(statusCode, await body.text()), retryAfterMs };
    } catch (error) {
      return { outcome: 'networkError', detail: messageOf(error) };
    }
  }

  /** The state of an order as its buyer reads it, or why she cannot; never throws. */
  async stateOf(orderId: string, token: string): Promise<StateAnswer> {
    try {
      const { statusCode, body } = await this.pool.request({
        method: 'GET',
        path: `/api/orders/${encodeURIComponent(orderId)}`,
        headers: { authorization: `Bearer ${token}` },
      });
      const text = await body.text();
      if (statusCode === 200) return { state: (JSON.parse(text) as { state: string }).state };
      return { problem: `answer ${statusCode}`, later: COME_BACK.has(statusCode) };
    } catch (error) {
      return { problem: `no answer: ${messageOf(error)}`, later: true };
    }
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

/** @internal */
export function answerOf(status: number, text: string): OrderAnswer {
  if (status === 202) return { outcome: 'accepted', orderId: (JSON.parse(text) as { id: string }).id };
  if (status === 429) return { outcome: 'tooManyRequests' };
  if (status === 503 || status === 504) return { outcome: 'unavailable', detail: detailOf(status, text) };
  if (status === 409 && text.includes('"SOLD_OUT"')) return { outcome: 'soldOut' };
  return status < 500 ? { outcome: 'refused' } : { outcome: 'failed', detail: detailOf(status, text) };
}

function detailOf(status: number, text: string): string {
  return `${status} ${text.slice(0, 200)}`;
}
