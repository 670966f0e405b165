import { randomBytes } from 'node:crypto';

/**
 * How an entry looks in the shared store: a header of ten bytes, then the payload.
 *
 * | bytes | meaning |
 * |---|---|
 * | 0 | format, now 1: a reader takes every other format for a miss, so formats can change while both are deployed |
 * | 1 | kind: 0 value, 1 negative (the loader found nothing), 2 tombstone (invalidated) |
 * | 2-9 | when it expires, float64, milliseconds since the epoch |
 * | 10- | the encoded value; nothing; a random id |
 *
 * The expiry is inside, beside the store's own, so that a near cache never keeps an entry longer than the store would.
 */
export type Envelope =
  | { readonly kind: 'value'; readonly expiresAt: number; readonly payload: Buffer }
  | { readonly kind: 'negative'; readonly expiresAt: number }
  | { readonly kind: 'tombstone'; readonly expiresAt: number };

const FORMAT = 1;
const HEADER_BYTES = 10;
const KINDS = ['value', 'negative', 'tombstone'] as const;

export function encodeEnvelope(
  kind: Envelope['kind'],
  expiresAt: number,
  payload: string | Buffer = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes[0] = FORMAT;
  bytes[1] = KINDS.indexOf(kind);
  bytes.writeDoubleBE(expiresAt, 2);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** A tombstone unlike any other, so that a fill can tell the invalidation it saw from a later one. */
export function encodeTombstone(expiresAt: number): Buffer {
  return encodeEnvelope('tombstone', expiresAt, randomBytes(8));
}

/** The entry, or undefined for bytes of another format. */
export function decodeEnvelope(bytes: Buffer): Envelope | undefined {
  const kind = KINDS[bytes[1] ?? -1];
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT || kind === undefined) return undefined;
  const expiresAt = bytes.readDoubleBE(2);
  return kind === 'value' ? { kind, expiresAt, payload: bytes.subarray(HEADER_BYTES) } : { kind, expiresAt };
}
