import { randomUUID } from 'node:crypto';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
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

  /** Buys one, in a trace that is recorded whatever share of them the shop records. */
  async order(sale: string): Promise<PlacedOrder> {
    const session = await this.ask('POST', '/api/sessions');
    const token = session['token'] as string;
    const wish = { saleId: sale, sku: sale, quantity: 1, paymentMethod: 'tok_ok' };
    const traceId = randomUUID().replaceAll('-', '');
    const traceparent = `00-${traceId}-${traceId.slice(0, 16)}-01`;
    const placed = await this.ask('POST', '/api/orders', token, wish, { traceparent });
    return { id: placed['id'] as string, token, traceId };
  }

  /** The order's last state, when it has come to it. */
  ended({ id, token }: PlacedOrder): Promise<string> {
    return eventually(`order ${id} ends`, 60, async () => {
      const order = await this.ask('GET', `/api/orders/${id}`, token);
      const state = order['state'] as string;
      return ['CONFIRMED', 'REJECTED', 'CANCELLED'].includes(state) ? state : undefined;
    });
  }

  private async ask(
    method: string,
    path: string,
    token?: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.gateway.url}${path}`, {
      method,
      headers: {
        'idempotency-key': randomUUID(),
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(45_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }
}

/** Jaeger's query API through a port-forward; over TLS where the release has a certificate. */
export class Traces {
  private readonly forward: Forward;
  private readonly ca: string | undefined;

  private constructor(forward: Forward, ca: string | undefined) {
    this.forward = forward;
    this.ca = ca;
  }

  static async open(cluster: Cluster): Promise<Traces> {
    const secrets = await cluster.items('secrets', '--field-selector=metadata.name=jaeger-tls');
    const ca = secrets.length > 0 ? await cluster.secret('jaeger-tls', 'ca.crt') : undefined;
    return new Traces(await cluster.forward('service/jaeger', 16686), ca);
  }

  close(): void {
    this.forward.close();
  }

  /** The services that took part in a trace; none while Jaeger does not know it. */
  async servicesOf(traceId: string): Promise<ReadonlySet<string>> {
    const { status, text } = await this.get(`/api/traces/${traceId}`);
    if (status !== 200) return new Set();
    const { data } = JSON.parse(text) as { data: { processes: Record<string, { serviceName: string }> }[] };
    return new Set(
      data.flatMap(({ processes }) => Object.values(processes).map(({ serviceName }) => serviceName)),
    );
  }

  private get(path: string): Promise<{ status?: number; text: string }> {
    const { ca, forward } = this;
    const url = ca === undefined ? forward.url : forward.url.replace('http:', 'https:');
    return new Promise((resolve, reject) => {
      const request = ca === undefined ? httpGet : httpsGet;
      request(`${url}${path}`, { ca, timeout: 10_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
        );
      }).on('error', reject);
    });
  }
}
