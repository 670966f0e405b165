import { invalidArgument } from '@flashmesh/core';
import { catalog } from '@flashmesh/contracts';

const ID = /^[a-z0-9-]{1,64}$/;
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
const MAX_NAME_LENGTH = 120;
const MAX_ITEMS = 100;
const MAX_RESERVATION_TTL_SECONDS = 86_400;

/** What a request to open a sale comes to. */
export interface CheckedSale {
  /** The sale in state PREPARING. */
  readonly sale: catalog.Sale;
  /** The products that come with it, each the subject of an item. */
  readonly products: readonly catalog.Product[];
}

/**
 * Checks everything about a sale that the request alone can tell. Fields are named as in JSON, from the sale: `opensAt`,
 * `items[0].unitPrice`, `products[1].name`.
 *
 * @throws FlashmeshError `invalid_argument` naming the first field that breaks a rule, and the rule.
 */
export function checkSale(request: catalog.OpenSaleRequest): CheckedSale {
  const { sale, products } = request;
  if (!sale) throw invalidArgument('sale', 'is missing');
  const { opensAt, closesAt } = sale;
  requireId('id', sale.id);
  requireName('name', sale.name);
  requireMoment('opensAt', opensAt);
  requireMoment('closesAt', closesAt);
  if (opensAt && closesAt && closesAt <= opensAt) throw invalidArgument('closesAt', 'must be after opensAt');
  if (!CURRENCIES.has(sale.currency)) {
    throw invalidArgument('currency', 'must be a code of ISO 4217 in capitals, e.g. EUR');
  }
  requirePositive('reservationTtlSeconds', sale.reservationTtlSeconds);
  if (sale.reservationTtlSeconds > MAX_RESERVATION_TTL_SECONDS) {
    throw invalidArgument('reservationTtlSeconds', `must be ${MAX_RESERVATION_TTL_SECONDS} or less`);
  }
  checkItems(sale.items);
  checkProducts(products, sale.items);
  return { sale: { ...sale, state: catalog.SaleState.PREPARING, token: undefined }, products };
}

/**
 * Checks what takes a look around: every item names a product that is known or comes along, and the window has not ended.
 *
 * @throws FlashmeshError `invalid_argument` as {@link checkSale}.
 */
export function checkNewSale(
  { sale, products }: CheckedSale,
  isKnown: (sku: string) => boolean,
  now: number,
): void {
  if (sale.closesAt && sale.closesAt.getTime() <= now) {
    throw invalidArgument('closesAt', 'must be in the future');
  }
  sale.items.forEach(({ sku }, index) => {
    if (!isKnown(sku) && !products.some((product) => product.sku === sku)) {
      throw invalidArgument(`items[${index}].sku`, 'must be a known product or come with one in products');
    }
  });
}

/** Whether a text can be the id of a sale or an SKU. */
export function isId(value: string): boolean {
  return ID.test(value);
}

/** Whether two sales offer the same, whatever state they are in and whoever wrote them. */
export function sameContent(a: catalog.Sale, b: catalog.Sale): boolean {
  const content = (sale: catalog.Sale) =>
    Buffer.from(
      catalog.Sale.encode({ ...sale, state: catalog.SaleState.UNSPECIFIED, token: undefined }).finish(),
    );
  return content(a).equals(content(b));
}

function checkItems(items: readonly catalog.SaleItem[]): void {
  if (items.length < 1 || items.length > MAX_ITEMS) {
    throw invalidArgument('items', `must be 1 to ${MAX_ITEMS} items`);
  }
  const seen = new Set<string>();
  items.forEach((item, index) => {
    const field = (name: string) => `items[${index}].${name}`;
    requireId(field('sku'), item.sku);
    if (seen.has(item.sku)) throw invalidArgument(field('sku'), 'must not occur twice');
    seen.add(item.sku);
    requirePositive(field('unitPrice'), item.unitPrice);
    requirePositive(field('limitPerBuyer'), item.limitPerBuyer);
    requirePositive(field('stock'), item.stock);
  });
}

function checkProducts(products: readonly catalog.Product[], items: readonly catalog.SaleItem[]): void {
  const seen = new Set<string>();
  products.forEach(({ sku, name }, index) => {
    const field = (part: string) => `products[${index}].${part}`;
    requireId(field('sku'), sku);
    if (seen.has(sku)) throw invalidArgument(field('sku'), 'must not occur twice');
    seen.add(sku);
    if (!items.some((item) => item.sku === sku)) throw invalidArgument(field('sku'), 'must be on sale');
    requireName(field('name'), name);
  });
}

function requireId(field: string, value: string): void {
  if (!isId(value)) throw invalidArgument(field, 'must be 1 to 64 characters of a-z, 0-9 and -');
}

function requireName(field: string, value: string): void {
  const { length } = value.trim();
  if (length < 1 || value.length > MAX_NAME_LENGTH) {
    throw invalidArgument(field, `must be 1 to ${MAX_NAME_LENGTH} characters`);
  }
}

function requireMoment(field: string, value: Date | undefined): void {
  if (!value || Number.isNaN(value.getTime())) throw invalidArgument(field, 'must be a moment in time');
}

function requirePositive(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw invalidArgument(field, 'must be an integer of 1 or more');
  }
}
