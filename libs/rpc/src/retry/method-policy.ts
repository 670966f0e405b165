import {
  ERROR_KINDS,
  type ErrorKind,
  requireInRange,
  requireKnownOptions,
  requirePositiveInteger,
} from '@flashmesh/core';
import type { MethodDefinitionLike } from '../service-definition.ts';

/** When a second attempt is sent while the first one still runs. */
export interface HedgePolicy {
  /** After this share of the method's calls would have been answered. @default 0.95 */
  readonly percentile?: number;
  /** Never earlier, in milliseconds. @default 10 */
  readonly minDelayMs?: number;
  /** This long while fewer than 100 calls were measured, in milliseconds; without it there is no hedge until then. */
  readonly initialDelayMs?: number;
}

/** How calls of one method are made. */
export interface MethodPolicy<Request = never> {
  /** Deadline of a call that names none, in milliseconds. @default the client's `defaultDeadlineMs` */
  readonly deadlineMs?: number;
  /**
   * Whether doing it twice is like doing it once. Only such methods are retried and hedged by the mesh; a call that never
   * reached a server is sent elsewhere for any. @default what the schema says under `idempotency_level`
   */
  readonly idempotent?: boolean;
  /** Attempts at most, the first one included. @default 3 */
  readonly maxAttempts?: number;
  /** Kinds of errors after which another attempt is made. @default ['unavailable'] */
  readonly retryOn?: readonly ErrorKind[];
  /**
   * How long an attempt may take before another one is made in its place, in milliseconds; the last attempt has until the
   * deadline. @default the deadline divided by `maxAttempts`
   */
  readonly tryTimeoutMs?: number;
  /** @default false */
  readonly hedge?: HedgePolicy | boolean;
  /** What `ring_hash` goes by: calls with equal keys go to the same endpoint. */
  readonly affinityKey?: (request: Request) => string;
}

/** A method's policy, complete. @internal */
export interface CallPolicy {
  readonly deadlineMs: number;
  readonly maxAttempts: number;
  readonly retryOn: ReadonlySet<ErrorKind>;
  readonly tryTimeoutMs: number | undefined;
  readonly hedge: (Required<Omit<HedgePolicy, 'initialDelayMs'>> & HedgePolicy) | undefined;
  readonly affinityKey: ((request: never) => string) | undefined;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_HEDGE = { percentile: 0.95, minDelayMs: 10 };
const OPTIONS: Readonly<Record<keyof MethodPolicy, true>> = {
  deadlineMs: true,
  idempotent: true,
  maxAttempts: true,
  retryOn: true,
  tryTimeoutMs: true,
  hedge: true,
  affinityKey: true,
};
const HEDGE_OPTIONS: Readonly<Record<keyof HedgePolicy, true>> = {
  percentile: true,
  minDelayMs: true,
  initialDelayMs: true,
};

/**
 * Completes and checks a method's policy.
 *
 * @throws RangeError naming the option and the value; TypeError when a method that is not idempotent is to be retried or hedged.
 * @internal
 */
export function callPolicy(
  method: MethodDefinitionLike,
  policy: MethodPolicy,
  defaultDeadlineMs: number,
): CallPolicy {
  requireKnownOptions(method.name, policy, OPTIONS);
  const idempotent = policy.idempotent ?? method.options?.idempotencyLevel !== undefined;
  const wantsMore =
    (policy.maxAttempts ?? 1) > 1 || policy.retryOn !== undefined || (policy.hedge ?? false) !== false;
  if (!idempotent && wantsMore) {
    throw new TypeError(`${method.name} is not idempotent: it can be neither retried nor hedged`);
  }
  const deadlineMs = requirePositiveInteger('deadlineMs', policy.deadlineMs ?? defaultDeadlineMs);
  const maxAttempts = idempotent
    ? requirePositiveInteger('maxAttempts', policy.maxAttempts ?? DEFAULT_ATTEMPTS)
    : 1;
  if (policy.tryTimeoutMs !== undefined) requirePositiveInteger('tryTimeoutMs', policy.tryTimeoutMs);
  return {
    deadlineMs,
    maxAttempts,
    retryOn: new Set((policy.retryOn ?? ['unavailable']).map(requireKind)),
    tryTimeoutMs: policy.tryTimeoutMs,
    hedge: hedgePolicy(policy.hedge),
    affinityKey: policy.affinityKey,
  };
}

function requireKind(kind: ErrorKind): ErrorKind {
  if (!ERROR_KINDS.includes(kind)) throw new RangeError(`retryOn knows no kind ${kind}`);
  return kind;
}

function hedgePolicy(hedge: HedgePolicy | boolean | undefined): CallPolicy['hedge'] {
  if (hedge === undefined || hedge === false) return undefined;
  if (hedge !== true) requireKnownOptions('hedge', hedge, HEDGE_OPTIONS);
  const complete = { ...DEFAULT_HEDGE, ...(hedge === true ? {} : hedge) };
  requireInRange('percentile', complete.percentile, 0.5, 0.9999);
  requireInRange('minDelayMs', complete.minDelayMs, 1, 60_000);
  if (complete.initialDelayMs !== undefined)
    requireInRange('initialDelayMs', complete.initialDelayMs, 1, 60_000);
  return complete;
}
