import { z } from 'zod';

/** The largest number of units that the wire's int32 holds. */
const MAX_UNITS = 2 ** 31 - 1;

const id = z.string('must be text').regex(/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 characters of [a-z0-9-]');
const name = z
  .string('must be text')
  .min(1, 'must be 1 to 120 characters')
  .max(120, 'must be 1 to 120 characters');
const units = z
  .int('must be a whole number')
  .min(1, 'must be 1 or more')
  .max(MAX_UNITS, `must be at most ${MAX_UNITS}`);
const moment = z.iso.datetime({ offset: true, error: 'must be a time like 2026-11-27T08:00:00Z' });
const object = 'must be a JSON object';

/** What a buyer sends to order. */
export const placeOrderBody = z
  .strictObject(
    {
      saleId: id,
      sku: id,
      quantity: units,
      paymentMethod: z
        .string('must be text')
        .regex(/^tok_[a-z0-9_]{1,60}$/, 'must be "tok_" and 1 to 60 characters of [a-z0-9_]'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? object : undefined) },
  )
  .meta({
    id: 'PlaceOrder',
    examples: [{ saleId: 'demo', sku: 'phone', quantity: 1, paymentMethod: 'tok_ok' }],
  });
export type PlaceOrderBody = z.infer<typeof placeOrderBody>;

/** What a newcomer may say about herself. */
export const openSessionBody = z
  .strictObject(
    { name: name.optional() },
    { error: (issue) => (issue.code === 'invalid_type' ? object : undefined) },
  )
  .optional()
  .meta({ id: 'OpenSession' });
export type OpenSessionBody = z.infer<typeof openSessionBody>;

/** What an admin sends to open a sale. */
export const openSaleBody = z
  .strictObject(
    {
      id,
      name,
      opensAt: moment,
      closesAt: moment,
      currency: z.string('must be text').regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code'),
      reservationTtlSeconds: units,
      items: z
        .array(
          z.strictObject({
            sku: id,
            name: name.optional().describe('Name of the product; may be left out when the product exists.'),
            unitPrice: units.describe('In minor units of the currency, e.g. cents.'),
            limitPerBuyer: units,
            stock: units,
          }),
          'must be a list',
        )
        .min(1, 'must have 1 item or more')
        .max(100, 'must have at most 100 items'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? object : undefined) },
  )
  .refine((sale) => Date.parse(sale.opensAt) < Date.parse(sale.closesAt), {
    path: ['closesAt'],
    message: 'must be after opensAt',
  })
  .meta({ id: 'OpenSale' });
export type OpenSaleBody = z.infer<typeof openSaleBody>;

/** What an admin sends to add units. */
export const restockBody = z
  .strictObject(
    { quantity: units },
    { error: (issue) => (issue.code === 'invalid_type' ? object : undefined) },
  )
  .meta({ id: 'Restock' });
export type RestockBody = z.infer<typeof restockBody>;

export const sessionView = z
  .object({
    buyerId: z.string(),
    name: z.string().optional(),
    token: z.string().describe('Send it as `Authorization: Bearer <token>`.'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' });
export type SessionView = z.infer<typeof sessionView>;

export const productView = z.object({ sku: z.string(), name: z.string() }).meta({ id: 'Product' });
export type ProductView = z.infer<typeof productView>;

export const stockView = z
  .object({
    initial: z.int().describe('Units ever put in; always available + reserved + sold.'),
    available: z.int(),
    reserved: z.int().describe('Held by orders that are not yet paid.'),
    sold: z.int(),
  })
  .meta({ id: 'Stock' });
export type StockView = z.infer<typeof stockView>;

export const saleView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(['PREPARING', 'OPEN', 'CLOSED']),
    opensAt: z.iso.datetime().optional(),
    closesAt: z.iso.datetime().optional(),
    currency: z.string(),
    reservationTtlSeconds: z.int(),
    items: z.array(
      z.object({
        sku: z.string(),
        unitPrice: z.int().describe('In minor units of the currency, e.g. cents.'),
        limitPerBuyer: z.int(),
        units: z.int().describe('Units put on sale.'),
        stock: stockView.optional().describe('Only in the answer for one sale, and absent while unknown.'),
      }),
    ),
  })
  .meta({ id: 'Sale' });
export type SaleView = z.infer<typeof saleView>;

export const orderView = z
  .object({
    id: z.string(),
    buyerId: z.string(),
    saleId: z.string(),
    sku: z.string(),
    quantity: z.int(),
    unitPrice: z.int(),
    amount: z.int().describe('unitPrice * quantity, in minor units of the currency.'),
    currency: z.string(),
    state: z.enum(['PLACED', 'PAYING', 'COMMITTING', 'REFUNDING', 'CONFIRMED', 'REJECTED', 'CANCELLED']),
    reason: z
      .enum(['SOLD_OUT', 'BUYER_LIMIT', 'UNKNOWN_SKU', 'PAYMENT_DECLINED', 'EXPIRED'])
      .optional()
      .describe('Why it was rejected or cancelled.'),
    placedAt: z.iso.datetime().optional(),
    updatedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'Order' });
export type OrderView = z.infer<typeof orderView>;

export const restockView = z.object({ restockId: z.string() }).meta({ id: 'Restocked' });
export type RestockView = z.infer<typeof restockView>;

export const problemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable, e.g. `SOLD_OUT`.'),
    detail: z.string(),
    field: z.string().optional().describe('The input that broke a rule.'),
    traceId: z.string().optional(),
  })
  .meta({ id: 'Problem' });
