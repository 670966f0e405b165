import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

/** What the shop answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line -- the body is whatever the shop says; each test looks at what it asserts
  readonly body: any;
}

/** An order as the gateway shows it. */
export interface OrderView {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly amount: number;
}

export const TERMINAL = ['CONFIRMED', 'REJECTED', 'CANCELLED'];

/** A buyer's and an admin's view of the shop, through the gateway and nothing else. */
export class Shop {
  private readonly url: string;
  private readonly adminToken: string;

  constructor(url: string, adminToken: string) {
    this.url = url;
    this.adminToken = adminToken;
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { token, key, body, raw, headers } = options;
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
        ...(body === undefined && raw === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
  }

  /** A new buyer's token. */
  async buyer(): Promise<string> {
    const { body } = await this.request('POST', '/api/sessions');
    return body.token as string;
  }

  /** Opens a sale of one new SKU and returns their names. */
  async openSale(sale: SaleOptions): Promise<{ saleId: string; sku: string }> {
    const name = `t-${randomUUID().slice(0, 8)}`;
    const now = Date.now();
    const answer = await this.request('POST', '/api/admin/sales', {
      token: this.adminToken,
      body: {
        id: name,
        name: `Sale ${name}`,
        opensAt: new Date(now - 1000).toISOString(),
        closesAt: new Date(now + 3_600_000).toISOString(),
        currency: 'EUR',
        reservationTtlSeconds: sale.reservationTtlSeconds ?? 60,
        items: [
          { sku: name, name, unitPrice: 1999, limitPerBuyer: sale.limitPerBuyer ?? 2, stock: sale.stock },
        ],
      },
    });
    if (answer.status !== 201) {
      throw new Error(`sale not opened: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    await this.everywhere(name, 'OPEN');
    return { saleId: name, sku: name };
  }

  /** Places an order; a new buyer and a new key unless given. */
  async order(wanted: OrderOptions): Promise<Answer & { readonly token: string }> {
    const { token = await this.buyer(), key = randomUUID(), ...body } = wanted;
    const answer = await this.request('POST', '/api/orders', {
      token,
      key,
      body: { quantity: 1, paymentMethod: 'tok_ok', ...body },
    });
    return { ...answer, token };
  }

  /** As {@link order}, for one that must be accepted. */
  async accepted(wanted: OrderOptions): Promise<Answer & { readonly token: string }> {
    const answer = await this.order(wanted);
    if (answer.status !== 202)
      throw new Error(`not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /** Asks for an order until it has ended. */
  async ended(orderId: string, token: string, timeoutMs = 30_000): Promise<OrderView> {
    return until(
      async () => {
        const { status, body } = await this.request('GET', `/api/orders/${orderId}`, { token });
        return status === 200 && TERMINAL.includes(body.state) ? (body as OrderView) : undefined;
      },
      `order ${orderId} to end`,
      timeoutMs,
    );
  }

  /** Places an order as soon as units that somebody gave back are there. */
  orderWhenAvailable(wanted: OrderOptions): Promise<Answer & { readonly token: string }> {
    return until(async () => {
      const answer = await this.order(wanted);
      return answer.status === 202 ? answer : undefined;
    }, 'units to come back');
  }

  async closeSale(saleId: string): Promise<void> {
    const { status } = await this.request('POST', `/api/admin/sales/${saleId}/close`, {
      token: this.adminToken,
    });
    if (status !== 200) throw new Error(`sale not closed: ${status}`);
    await this.everywhere(saleId, 'CLOSED');
  }

  /** The instances of the catalog learn of a sale one after the other: several answers in a row come from all of them. */
  private async everywhere(saleId: string, state: string): Promise<void> {
    let inARow = 0;
    await until(async () => {
      const { body } = await this.request('GET', `/api/sales/${saleId}`);
      inARow = body.state === state ? inARow + 1 : 0;
      return inARow >= 4 ? true : undefined;
    }, `the sale to be ${state} everywhere`);
  }

  /** The states that the order's event stream tells, until it ends. */
  async watch(orderId: string, token: string): Promise<string[]> {
    const response = await fetch(new URL(`/api/orders/${orderId}/events`, this.url), {
      headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => (JSON.parse(data) as OrderView).state);
  }

  /** Fails unless the balance becomes this soon: the answering view may be a moment old. */
  async expectStock(saleId: string, wanted: object): Promise<void> {
    let seen: object | undefined;
    await until(
      async () => {
        seen = await this.stock(saleId);
        return isDeepStrictEqual(seen, wanted) ? true : undefined;
      },
      'the stock',
      5000,
    ).catch(() => undefined);
    expect(seen).toEqual(wanted);
  }

  /** The balance of a SKU as the sale shows it. */
  async stock(
    saleId: string,
  ): Promise<{ initial: number; available: number; reserved: number; sold: number }> {
    const { body } = await this.request('GET', `/api/sales/${saleId}`);
    return body.items[0].stock;
  }
}

export interface RequestOptions {
  readonly token?: string;
  readonly key?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}

export interface SaleOptions {
  readonly stock: number;
  readonly limitPerBuyer?: number;
  readonly reservationTtlSeconds?: number;
}

export interface OrderOptions {
  readonly saleId: string;
  readonly sku: string;
  readonly quantity?: number;
  readonly paymentMethod?: string;
  readonly token?: string;
  readonly key?: string;
}

/** Polls until the question has an answer; fails by name when it never has. */
export async function until<T>(
  ask: () => Promise<T | undefined>,
  what: string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let trouble: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      trouble = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: trouble });
}
