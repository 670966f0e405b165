import { currentCall } from '@flashmesh/rpc';

/** What every log line of a service tells: who made the call that the code serves, when that is proven. */
export function logFields(): { readonly caller?: string } {
  const caller = currentCall()?.caller?.id;
  return caller === undefined ? {} : { caller };
}
