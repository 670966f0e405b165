import { FlashmeshError } from '@flashmesh/core';

const SCHEME = 'bearer ';

/**
 * The token of an `Authorization: Bearer <token>` header.
 *
 * @throws FlashmeshError `unauthenticated` (`TOKEN_MISSING`).
 */
export function bearerToken(authorization: string | undefined): string {
  const token =
    authorization && authorization.slice(0, SCHEME.length).toLowerCase() === SCHEME
      ? authorization.slice(SCHEME.length).trim()
      : '';
  if (token === '') {
    throw new FlashmeshError('unauthenticated', 'TOKEN_MISSING', 'a bearer token is needed', {
      field: 'Authorization',
    });
  }
  return token;
}
