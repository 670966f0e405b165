import { StackError } from './stack-error.ts';

/** A SKU to be sold. */
export interface DemoItem {
  readonly sku: string;
  readonly name: string;
  /** Minor units, e.g. cents. */
  readonly unitPrice: number;
  readonly limitPerBuyer: number;
  readonly stock: number;
}

/** Where to open a sale, and as whom. */
export interface Shop {
  /** Base URL of the gateway. */
  readonly gateway: string;
  readonly adminToken: string;
}

const requestTimeoutMs = 20_000;
const openForMs = 24 * 60 * 60 * 1000;
/** Long enough for a payment that has to wait for a view to be rebuilt. */
const reservationTtlSeconds = 300;

/** Opens a sale through the admin API, as the shop's owner would; answers when buyers can order. */
export async function openSale(
  shop: Shop,
  id: string,
  name: string,
  items: readonly DemoItem[],
): Promise<void> {
  const now = Date.now();
  const sale = {
    id,
    name,
    currency: 'EUR',
    opensAt: new Date(now - 1000).toISOString(),
    closesAt: new Date(now + openForMs).toISOString(),
    reservationTtlSeconds,
    items,
  };
  const response = await fetch(`${shop.gateway}/api/admin/sales`, {
    method: 'POST',
    headers: { authorization: `Bearer ${shop.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(sale),
    signal: AbortSignal.timeout(requestTimeoutMs),
  });
  if (!response.ok) throw await refusal(response);
}

/** Whether buyers can still order the first item of the sale. */
async function stateOf(shop: Shop, id: string): Promise<'open' | 'over' | 'unknown'> {
  const response = await fetch(`${shop.gateway}/api/sales/${id}`, {
    signal: AbortSignal.timeout(requestTimeoutMs),
  });
  if (response.status === 404) return 'unknown';
  if (!response.ok) throw await refusal(response);
  const { state, closesAt, items } = (await response.json()) as SaleAnswer;
  const soldOut = items?.[0]?.stock?.available === 0;
  return state === 'OPEN' && Date.parse(closesAt ?? '') > Date.now() && !soldOut ? 'open' : 'over';
}

interface SaleAnswer {
  readonly state?: string;
  readonly closesAt?: string;
  readonly items?: readonly { readonly stock?: { readonly available: number } }[];
}

async function refusal(response: Response): Promise<StackError> {
  return new StackError(
    `The demo sale could not be opened: the gateway answered ${response.status}.`,
    "Look into the gateway's and the catalog's logs in .local/logs.",
    { evidence: [(await response.text()).slice(0, 500)] },
  );
}

/**
 * The sale that `npm start` offers: `demo`; where the data of an earlier run holds one that is over, `demo-2` and so on.
 *
 * @returns its id.
 */
export async function ensureDemoSale(shop: Shop, items: readonly DemoItem[]): Promise<string> {
  for (let i = 1; ; i++) {
    const id = i === 1 ? 'demo' : `demo-${i}`;
    const state = await stateOf(shop, id);
    if (state === 'open') return id;
    if (state === 'unknown') {
      await openSale(shop, id, 'Demo sale', items);
      return id;
    }
  }
}
