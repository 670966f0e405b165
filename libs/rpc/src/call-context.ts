import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock } from '@flashmesh/core';
import type { ServiceIdentity } from './identity/service-naming.ts';

/** What a call that is being served hands on to the calls it makes. */
export interface CallContext {
  /** When the caller stops waiting, in milliseconds since the epoch; `Infinity` when it said nothing. */
  readonly deadline: number;
  /** Aborts when the caller gave up, its deadline passed, or this server stops; never after the call was answered. */
  readonly signal: AbortSignal;
  /** Who makes the call, proven by a certificate; `undefined` in plain text, and for work that did not come as a call. */
  readonly caller?: ServiceIdentity | undefined;
  /** Milliseconds until the deadline, 0 when it has passed. */
  remainingMs(): number;
}

const ambient = new AsyncLocalStorage<CallContext>();

/** The call that the running code serves, wherever in its asynchronous flow; `undefined` outside of a call. */
export function currentCall(): CallContext | undefined {
  return ambient.getStore();
}

/** Runs `run` on behalf of a call: every outgoing call inside takes over its deadline and its cancellation. */
export function runWithCall<T>(call: CallContext, run: () => T): T {
  return ambient.run(call, run);
}

/**
 * The context of work that did not arrive as a gRPC call (a REST request, a timer, a message): it may take `timeoutMs` from
 * now, and ends early when `signal` aborts.
 */
export function callWithin(
  timeoutMs: number,
  signal: AbortSignal = new AbortController().signal,
): CallContext {
  const deadline = systemClock.now() + timeoutMs;
  return { deadline, signal, remainingMs: () => remainingUntil(deadline) };
}

/** @internal */
export function remainingUntil(deadline: number): number {
  return Math.max(deadline - systemClock.now(), 0);
}
