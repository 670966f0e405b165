import { assertNever, FlashmeshError, invalidArgument, type WriteToken } from '@flashmesh/core';
import type { coordination, inventory } from '@flashmesh/contracts';

/** A command to the stock of one SKU, checked and flat; times are in milliseconds since the epoch. */
export type Command =
  | {
      readonly kind: 'restock';
      readonly sku: string;
      readonly restockId: string;
      readonly quantity: number;
      /** The sale that the units are for, if they are for one: its fence must let the token by. */
      readonly saleId?: string;
      readonly token?: WriteToken;
    }
  | { readonly kind: 'fence'; readonly sku: string; readonly saleId: string; readonly token: WriteToken }
  | {
      readonly kind: 'reserve';
      readonly sku: string;
      readonly orderId: string;
      readonly saleId: string;
      readonly buyerId: string;
      readonly quantity: number;
      readonly limitPerBuyer: number;
      readonly ttlMs: number;
    }
  | { readonly kind: 'commit' | 'release' | 'expire'; readonly sku: string; readonly orderId: string };

/** What an SKU and a sale's id look like. */
const ID = /^[a-z0-9-]{1,64}$/;
const ENSEMBLE = /^[\w.-]{1,64}$/;
const CZXID = /^[0-9a-f]{16}$/;

/**
 * The command that a record of `inventory.commands` carries. Pure: live processing and a replay agree on what is a command.
 *
 * @throws FlashmeshError `invalid_argument` naming the field, when the record can never be applied.
 */
export function commandOf(message: inventory.InventoryCommand): Command {
  const sku = requireId('sku', message.sku);
  const { command } = message;
  if (!command) {
    throw new FlashmeshError('invalid_argument', 'UNKNOWN_COMMAND', 'the record holds no command');
  }
  switch (command.$case) {
    case 'restock': {
      const { restockId, quantity, saleId, token } = command.value;
      return {
        kind: 'restock',
        sku,
        restockId: requireText('restockId', restockId),
        quantity: requirePositive('quantity', quantity),
        ...(saleId === '' ? {} : { saleId: requireId('saleId', saleId) }),
        ...(saleId === '' || !token ? {} : { token: requireToken(token) }),
      };
    }
    case 'fence': {
      const { saleId, token } = command.value;
      return { kind: 'fence', sku, saleId: requireId('saleId', saleId), token: requireToken(token) };
    }
    case 'reserve': {
      const { orderId, saleId, buyerId, quantity, limitPerBuyer, ttlSeconds } = command.value;
      return {
        kind: 'reserve',
        sku,
        orderId: requireText('orderId', orderId),
        saleId: requireId('saleId', saleId),
        buyerId: requireText('buyerId', buyerId),
        quantity: requirePositive('quantity', quantity),
        limitPerBuyer: requirePositive('limitPerBuyer', limitPerBuyer),
        ttlMs: requirePositive('ttlSeconds', ttlSeconds) * 1000,
      };
    }
    case 'commit':
    case 'release':
    case 'expire':
      return { kind: command.$case, sku, orderId: requireText('orderId', command.value.orderId) };
    default:
      return assertNever(command, 'command');
  }
}

/** @throws FlashmeshError `invalid_argument` unless the value looks like an SKU or the id of a sale. */
export function requireId(field: string, value: string): string {
  if (!ID.test(value)) throw invalidArgument(field, 'must be 1 to 64 characters of a-z, 0-9 and -');
  return value;
}

/** @throws FlashmeshError `invalid_argument` unless the value is a text of 1 to 200 characters. */
export function requireText(field: string, value: string): string {
  if (value.length < 1 || value.length > 200) throw invalidArgument(field, 'must be 1 to 200 characters');
  return value;
}

/** @throws FlashmeshError `invalid_argument` unless the value is an integer of 1 or more. */
export function requirePositive(field: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw invalidArgument(field, 'must be 1 or more');
  return value;
}

/** @throws FlashmeshError `invalid_argument` unless the value is a token as FencingToken describes it. */
export function requireToken(token: coordination.FencingToken | undefined): WriteToken {
  if (!token) throw invalidArgument('token', 'is missing');
  const { ensemble, czxid } = token;
  if (!ENSEMBLE.test(ensemble)) throw invalidArgument('token.ensemble', 'must name an ensemble');
  if (!CZXID.test(czxid)) throw invalidArgument('token.czxid', 'must be 16 hexadecimal digits');
  return { ensemble, czxid };
}
