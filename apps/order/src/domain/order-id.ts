import { createHash } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_CHARACTERS = 26;

/**
 * The id of the order that a buyer's idempotency key names: the same everywhere and for ever, so that a repeated request
 * is the same order even for a service that remembers nothing. `ord_` and the first 130 bits of a SHA-256, in base32.
 */
export function orderIdOf(buyerId: string, idempotencyKey: string): string {
  const digest = createHash('sha256').update(`${buyerId}\0${idempotencyKey}`).digest();
  return `ord_${base32(digest, ID_CHARACTERS)}`;
}

/** What an order asks for. */
export interface Wish {
  readonly saleId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly paymentMethod: string;
}

/** SHA-256 of what was asked for, hexadecimal: tells a repeated request from another one under the same key. */
export function fingerprintOf(wish: Wish): string {
  const parts = [wish.saleId, wish.sku, String(wish.quantity), wish.paymentMethod];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/** The first `characters` of the lower-case base32 (RFC 4648, no padding) of `bytes`, which must be long enough. */
function base32(bytes: Uint8Array, characters: number): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
      if (text.length === characters) return text;
    }
    held &= (1 << bits) - 1;
  }
  throw new RangeError(`${bytes.length} bytes are too few for ${characters} characters`);
}
