import type { Metadata } from '@grpc/grpc-js';
import type { CallContext } from '../call-context.ts';
import { IncomingCall } from '../incoming-call.ts';

/** Tells a server that a call was made before: which one it is after the first, e.g. `1`. Handed on by calls made meanwhile. @internal */
export const RETRY_HEADER = 'flashmesh-retry';
/** gRFC A6: the server says when to come again, in milliseconds; a negative value says never. */
const PUSHBACK_HEADER = 'grpc-retry-pushback-ms';

const BASE_DELAY_MS = 25;
const MAX_DELAY_MS = 250;

/**
 * What the call being served says under {@link RETRY_HEADER}. Chain stop, as in Kitex: what is a retry already is not retried again
 * further down, however far, or three layers make 27 calls.
 *
 * @internal
 */
export function repetition(serving: CallContext | undefined): string | undefined {
  return serving instanceof IncomingCall ? serving.header(RETRY_HEADER) : undefined;
}

/** Whether a server said when to come again, or not to. @internal */
export function hasPushback(trailers: Metadata): boolean {
  return trailers.get(PUSHBACK_HEADER).length > 0;
}

/**
 * How long to wait before the attempt that follows `attempts`, in milliseconds; `undefined` when there may be none. The server's
 * word counts; what cannot be read means no, as gRFC A6 says and grpc-js does not do. Without one the first retry goes at once if it
 * goes `elsewhere`, and others after 25 ms, doubling, at random between half and all of it.
 *
 * @internal
 */
export function retryDelayMs(
  trailers: Metadata | undefined,
  attempts: number,
  elsewhere: boolean,
  random: () => number = Math.random,
): number | undefined {
  const said = trailers?.get(PUSHBACK_HEADER);
  if (said && said.length > 0) {
    const text = String(said[0]);
    return said.length === 1 && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  }
  if (attempts <= 1 && elsewhere) return 0;
  const delayMs = Math.min(BASE_DELAY_MS * 2 ** (attempts - 1), MAX_DELAY_MS);
  return delayMs * (0.5 + 0.5 * random());
}

/** Whether an attempt that has `leftMs` has a chance: half of all calls take `usualMs` or less. @internal */
export function mayRetry(leftMs: number, usualMs: number | undefined): boolean {
  return leftMs > Math.max(usualMs ?? 0, 0);
}
