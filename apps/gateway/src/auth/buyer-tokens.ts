import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Clock, FlashmeshError, requirePositiveInteger } from '@flashmesh/core';

/** What a token says, once its signature and its time have been checked. */
export interface BuyerToken {
  readonly buyerId: string;
  /** First moment at which the token is no longer good, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

const VERSION = 'fm1';

/**
 * Signed buyer tokens: `fm1.<buyer>.<issued>.<expires>.<signature>`, times in seconds since the epoch in base 36, the
 * signature an HMAC-SHA256 of all that stands before it, in base64url. Nothing is stored: whoever knows the secret can check.
 */
export class BuyerTokens {
  private readonly secret: string;
  private readonly ttlSeconds: number;
  private readonly clock: Clock;

  /** @throws RangeError when `ttlSeconds` is not a positive integer. */
  constructor(options: { secret: string; ttlSeconds: number; clock: Clock }) {
    this.secret = options.secret;
    this.ttlSeconds = requirePositiveInteger('ttlSeconds', options.ttlSeconds);
    this.clock = options.clock;
  }

  /** A token for the buyer, good from now on. */
  issue(buyerId: string): BuyerToken & { readonly token: string } {
    const issued = Math.floor(this.clock.now() / 1000);
    const expires = issued + this.ttlSeconds;
    const claims = `${VERSION}.${buyerId}.${issued.toString(36)}.${expires.toString(36)}`;
    return { token: `${claims}.${this.sign(claims)}`, buyerId, expiresAt: expires * 1000 };
  }

  /** @throws FlashmeshError `unauthenticated`: `TOKEN_INVALID` when it is not one of ours, `TOKEN_EXPIRED` when it was. */
  verify(token: string): BuyerToken {
    const end = token.lastIndexOf('.');
    const claims = token.slice(0, Math.max(end, 0));
    // The texts are compared, not the bytes they stand for: base64url has several spellings of the same bytes.
    if (!equalInConstantTime(token.slice(end + 1), this.sign(claims))) {
      throw new FlashmeshError('unauthenticated', 'TOKEN_INVALID', 'the bearer token is not valid');
    }
    const [version, buyerId, , expires] = claims.split('.');
    if (version !== VERSION || !buyerId || !expires) {
      throw new FlashmeshError('unauthenticated', 'TOKEN_INVALID', 'the bearer token is not valid');
    }
    const expiresAt = Number.parseInt(expires, 36) * 1000;
    if (!(this.clock.now() < expiresAt)) {
      throw new FlashmeshError(
        'unauthenticated',
        'TOKEN_EXPIRED',
        'the bearer token has expired, get a new one',
      );
    }
    return { buyerId, expiresAt };
  }

  private sign(claims: string): string {
    return createHmac('sha256', this.secret).update(claims).digest('base64url');
  }
}

/** Whether two texts are equal, in a time that does not tell how much of them is. */
export function equalInConstantTime(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
