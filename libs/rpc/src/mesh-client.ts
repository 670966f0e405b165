import { requireKnownOptions, requirePositiveInteger } from '@flashmesh/core';
import { MeshChannel, type MeshChannelOptions } from './mesh-channel.ts';
import { registerMeshMetrics } from './mesh-metrics.ts';
import { MethodLatency } from './retry/method-latency.ts';
import { callPolicy, type MethodPolicy } from './retry/method-policy.ts';
import {
  type MethodName,
  pathOf,
  type RequestInput,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinitionLike,
} from './service-definition.ts';
import { observedMethod } from './observed-call.ts';
import { callUnary, type ClientMethod, type MeshCallOptions } from './unary-call.ts';

const DEFAULT_DEADLINE_MS = 2000;
const OPTIONS: Readonly<Record<keyof MeshClientOptions, true>> = {
  target: true,
  defaultDeadlineMs: true,
  methods: true,
  balancing: true,
  breaker: true,
  retryBudget: true,
  channelOptions: true,
};

/**
 * Where a client finds its service, and how it calls it. Clients with the same target and the same options share connections, what
 * is known of the endpoints, and the budget for retries.
 */
export interface MeshClientOptions<
  D extends ServiceDefinitionLike = ServiceDefinitionLike,
> extends MeshChannelOptions {
  /** `zk:///inventory` for a service that naming knows; any other grpc-js target (`host:port`) works too. */
  readonly target: string;
  /** Deadline of a call that names none, in milliseconds. @default 2000 */
  readonly defaultDeadlineMs?: number;
  /** How calls of single methods are made, by the names that programs use, e.g. `placeOrder`. */
  readonly methods?: MethodPolicies<D>;
}

/** How calls of a service's methods are made: see {@link MethodPolicy}. */
export type MethodPolicies<D extends ServiceDefinitionLike> = {
  readonly [K in MethodName<D>]?: MethodPolicy<RequestOf<D['methods'][K]>>;
};

/**
 * A typed client: one method a call, e.g. `await orders.placeOrder({ sku })`.
 *
 * A call waits for a connection within its deadline, but fails at once with `unavailable` when naming knows no instance. It
 * never outlives the call that is being served (see `currentCall`), and is refused unsent when nothing is left of that one's
 * time. Every rejection is a FlashmeshError: the one that the far side threw (kind, code, message, field, retryAfterMs), or
 * `unavailable`, `deadline_exceeded`, `cancelled`. After the latter three nothing is known about the effect.
 */
export type MeshClient<D extends ServiceDefinitionLike> = {
  readonly [K in MethodName<D>]: (
    request: RequestInput<D['methods'][K]>,
    options?: MeshCallOptions,
  ) => Promise<ResponseOf<D['methods'][K]>>;
};

/**
 * Makes a client of a service. It connects at its first call; {@link closeMeshClients} closes it. Methods that stream are
 * left out.
 *
 * @throws RangeError naming an option and its value; TypeError for a method that does not exist, or that is to be retried and is not
 * idempotent.
 */
export function createMeshClient<D extends ServiceDefinitionLike>(
  definition: D,
  options: MeshClientOptions<D>,
): MeshClient<D> {
  requireClientOptions(definition, options);
  const channel = MeshChannel.to(options.target, options);
  registerMeshMetrics();
  const policies = (options.methods ?? {}) as Readonly<Record<string, MethodPolicy | undefined>>;
  const unknown = Object.keys(policies).find((name) => !(name in definition.methods));
  if (unknown !== undefined) throw new TypeError(`${definition.name} has no method ${unknown}`);
  const defaultDeadlineMs = requirePositiveInteger(
    'defaultDeadlineMs',
    options.defaultDeadlineMs ?? DEFAULT_DEADLINE_MS,
  );
  const calls = Object.entries(definition.methods)
    .filter(([, method]) => !method.requestStream && !method.responseStream)
    .map(([name, method]) => {
      const client: ClientMethod = {
        path: pathOf(definition, method),
        service: definition.name,
        method,
        observed: observedMethod(definition, method),
        policy: callPolicy(method, policies[name] ?? {}, defaultDeadlineMs),
        latency: new MethodLatency(),
      };
      return [name, (request: unknown, call?: MeshCallOptions) => callUnary(channel, client, request, call)];
    });
  return Object.fromEntries(calls) as MeshClient<D>;
}

/** @throws RangeError naming an option that does not exist. @internal */
export function requireClientOptions({ name }: ServiceDefinitionLike, options: MeshClientOptions): void {
  requireKnownOptions(`a client of ${name}`, options, OPTIONS);
}

/** Closes every channel of this process. Calls that wait for a connection, and later ones, fail with `unavailable`. */
export function closeMeshClients(): void {
  MeshChannel.closeAll();
}
