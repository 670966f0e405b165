import {
  type Clock,
  FlashmeshError,
  messageOf,
  numberFlag,
  parseFlags,
  required,
  sleep,
  systemClock,
  urlFlag,
} from '@flashmesh/core';

const text = { type: 'string' } as const;
const ATTEMPT_TIMEOUT_MS = 35_000;
const PAUSE_MS = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Long enough for a payment that has to wait for a view to be rebuilt. */
const RESERVATION_TTL_SECONDS = 300;

/** What is sold, and where. */
export interface SaleRequest {
  /** Base URL of the gateway. */
  readonly gateway: string;
  readonly adminToken: string;
  readonly sale: string;
  readonly sku: string;
  readonly name: string;
  readonly stock: number;
  /** Minor units, e.g. cents. */
  readonly price: number;
  readonly limit: number;
}

/** `setup sale`. */
export async function saleCommand(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args, {
    gateway: text,
    sale: text,
    sku: text,
    stock: text,
    name: text,
    price: { ...text, default: '9900' },
    limit: { ...text, default: '2' },
    wait: { ...text, default: '60' },
  });
  const sku = required('sku', flags.sku);
  const adminToken = process.env['ADMIN_TOKEN'] ?? '';
  if (adminToken === '') throw new FlashmeshError('invalid_argument', 'USAGE', 'ADMIN_TOKEN is not set');
  const count = (name: string, value: string) => numberFlag(name, value, { min: 1, max: 1e9, whole: true });
  const request: SaleRequest = {
    gateway: urlFlag('gateway', required('gateway', flags.gateway)),
    adminToken,
    sale: required('sale', flags.sale),
    sku,
    name: flags.name ?? sku,
    stock: count('stock', required('stock', flags.stock)),
    price: count('price', flags.price),
    limit: count('limit', flags.limit),
  };
  const waitMs = numberFlag('wait', flags.wait, { min: 0, max: 3600 }) * 1000;
  process.stdout.write(`sale ${request.sale}: ${await openSale(request, waitMs)}\n`);
}

/**
 * Opens the sale, and asks again for `waitMs` while the shop is not up yet (no answer, 503, 504). A sale of this id that is open
 * already is taken as it is: its times differ from ours, and stock is not seeded twice.
 *
 * @returns its state.
 * @throws FlashmeshError `failed_precondition` (`SALE_REFUSED`) with the shop's own words.
 */
export async function openSale(
  request: SaleRequest,
  waitMs: number,
  clock: Clock = systemClock,
): Promise<string> {
  const deadline = clock.monotonic() + waitMs;
  for (let last = ''; ;) {
    try {
      const open = await stateOf(request);
      if (open === 'OPEN') return open;
      return await post(request, clock.now());
    } catch (error) {
      const final = error instanceof FlashmeshError && error.kind === 'failed_precondition';
      if (final || clock.monotonic() >= deadline) throw error;
      const why = messageOf(error).replace(/"traceId":"[^"]*"/, '');
      if (why !== last) process.stderr.write(`not yet: ${why}\n`);
      last = why;
      await sleep(PAUSE_MS, undefined, clock);
    }
  }
}

async function stateOf({ gateway, sale }: SaleRequest): Promise<string | undefined> {
  const response = await fetch(`${gateway}/api/sales/${encodeURIComponent(sale)}`, {
    signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
  });
  const body = await response.text();
  if (response.status === 404) return undefined;
  return stateIn(response.status, body);
}

async function post(request: SaleRequest, now: number): Promise<string> {
  const { gateway, adminToken, sale, sku, name, stock, price, limit } = request;
  const response = await fetch(`${gateway}/api/admin/sales`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      id: sale,
      name,
      currency: 'EUR',
      opensAt: new Date(now - 1000).toISOString(),
      closesAt: new Date(now + DAY_MS).toISOString(),
      reservationTtlSeconds: RESERVATION_TTL_SECONDS,
      items: [{ sku, name, unitPrice: price, limitPerBuyer: limit, stock }],
    }),
    signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
  });
  return stateIn(response.status, await response.text());
}

function stateIn(status: number, body: string): string {
  if (status >= 200 && status < 300) return (JSON.parse(body) as { state: string }).state;
  const what = `the gateway answered ${status}: ${body.slice(0, 300)}`;
  if (status >= 500) throw new FlashmeshError('unavailable', 'SHOP_UNAVAILABLE', what);
  throw new FlashmeshError('failed_precondition', 'SALE_REFUSED', what);
}
