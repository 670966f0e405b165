import { randomUUID } from 'node:crypto';
import { eventually, type Cluster, type Forward } from './cluster.ts';

/** An order on its way. */
export interface PlacedOrder {
  readonly id: string;
  readonly token: string;
  readonly traceId: string;
}

/** The shop as its owner and its buyers see it, through a port-forward to the gateway. */
export class Shop {
  private readonly gateway: Forward;
  private readonly adminToken: string;

  private constructor(gateway: Forward, adminToken: string) {
    this.gateway = gateway;
    this.adminToken = adminToken;
  }

  static async open(cluster: Cluster): Promise<Shop> {
    const adminToken = await cluster.secret('flashmesh-gateway', 'ADMIN_TOKEN');
    return new Shop(await cluster.forward('service/flashmesh-gateway', 8080), adminToken);
  }

  close(): void {
    this.gateway.close();
  }

  /** Opens a sale of one article; @returns its id, which is the article's too. */
  async openSale(stock: number): Promise<string> {
    const id = `e2e-${randomUUID().slice(0, 8)}`;
    const now = Date.now();
    await this.ask('POST', '/api/admin/sales', this.adminToken, {
      id,
      name: 'End to end',
      currency: 'EUR',
      opensAt: new Date(now - 1000).toISOString(),
      closesAt: new Date(now + 3_600_000).toISOString(),
      reservationTtlSeconds: 300,
      items: [{ sku: id, name: 'Thing', unitPrice: 4900, limitPerBuyer: 1, stock }],
    });
    return id;
  }

  async order(sale: string): Promise<PlacedOrder> {
    const session = await this.ask('POST', '/api/sessions');
    const token = session.body['token'] as string;
    const wish = { saleId: sale, sku: sale, quantity: 1, paymentMethod: 'tok_ok' };
    const { body, headers } = await this.ask('POST', '/api/orders', token, wish);
    return { id: body['id'] as string, token, traceId: headers.get('x-trace-id') ?? '' };
  }

  /** The order's last state, when it has come to it. */
  ended({ id, token }: PlacedOrder): Promise<string> {
    return eventually(`order ${id} ends`, 60, async () => {
      const { body } = await this.ask('GET', `/api/orders/${id}`, token);
      const state = body['state'] as string;
      return ['CONFIRMED', 'REJECTED', 'CANCELLED'].includes(state) ? state : undefined;
    });
  }

  private async ask(method: string, path: string, token?: string, body?: object) {
    const response = await fetch(`${this.gateway.url}${path}`, {
      method,
      headers: {
        'idempotency-key': randomUUID(),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(45_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return { headers: response.headers, body: JSON.parse(text) as Record<string, unknown> };
  }
}

/** The services that took part in a trace, by Jaeger's query API. */
export async function servicesOf(jaeger: Forward, traceId: string): Promise<ReadonlySet<string>> {
  const response = await fetch(`${jaeger.url}/api/traces/${traceId}`, {
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) return new Set();
  const { data } = (await response.json()) as {
    data: { processes: Record<string, { serviceName: string }> }[];
  };
  return new Set(
    data.flatMap(({ processes }) => Object.values(processes).map(({ serviceName }) => serviceName)),
  );
}
