import { FlashmeshError } from '@flashmesh/core';

const RETRY_AFTER_MS = 1000;

/** An order is refused because of those before it. */
export function busy(): FlashmeshError {
  return new FlashmeshError('resource_exhausted', 'BUSY', 'more orders wait than can be worked off soon', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
