import type { Resolver, ServiceInstance } from '@flashmesh/core';
import { context, ROOT_CONTEXT } from '@flashmesh/telemetry';
import { experimental, logVerbosity, Metadata, status as Status } from '@grpc/grpc-js';

type Listener = ConstructorParameters<ResolverClass>[1];
type ResolverClass = Parameters<typeof experimental.registerResolver>[1];

/**
 * Where the balancer finds weight, zone and id of the endpoints: a map by `endpointToString`. Endpoints themselves carry
 * nothing. Under this prefix the attribute stays out of the key of shared connections; any other key would reconnect every
 * endpoint at every update.
 */
export const INSTANCES_ATTRIBUTE = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.flashmesh_instances`;

/** What grpc-js is told of a call, which is nothing: it only reads these, so all calls share them. */
const EVERY_CALL = {
  methodConfig: { name: [] },
  pickInformation: {},
  status: Status.OK,
  dynamicFilterFactories: [],
};
const NOBODY = { ...EVERY_CALL, status: Status.UNAVAILABLE };

const SCHEME = 'zk';
let port: Resolver | undefined;
let ownZone: string | undefined;

/** What the mesh should know of this process. */
export interface MeshResolverOptions {
  /** Where this process runs: endpoints of the same zone are preferred. @default none is */
  readonly zone?: string;
}

/**
 * Lets `zk:///service` targets find their instances through `resolver`. Once a process; a second call replaces the resolver
 * for channels that connect from then on.
 */
export function registerMeshResolver(resolver: Resolver, options: MeshResolverOptions = {}): void {
  if (!port) experimental.registerResolver(SCHEME, MeshResolver);
  port = resolver;
  ownZone = options.zone;
}

/** The resolver in use, and the zone of this process. @internal */
export function naming(): { readonly resolver: Resolver | undefined; readonly zone: string | undefined } {
  return { resolver: port, zone: ownZone };
}

/** @throws TypeError before {@link registerMeshResolver} was called. @internal */
export function requireMeshResolver(): void {
  if (!port) throw new TypeError('call registerMeshResolver before the first call to a zk:/// target');
}

/**
 * Tells a grpc-js channel the instances of a service. Naming that says nothing (unreachable) leaves the last list in use;
 * naming that says "none" fails calls at once with UNAVAILABLE, while everything else may wait for a connection.
 */
class MeshResolver {
  private readonly service: string;
  private readonly listener: Listener;
  private readonly port: Resolver;
  private unwatch: (() => void) | undefined;
  /** Naming was heard and knows no instance. */
  private empty = false;
  /**
   * One object for the channel's life: a new one at every update would reconnect every endpoint. Decides per call, which is
   * where policies by method belong.
   */
  private readonly selector = {
    invoke: () => (this.empty ? NOBODY : EVERY_CALL),
    unref: () => undefined,
  };

  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return target.path;
  }

  constructor(target: experimental.GrpcUri, listener: Listener) {
    requireMeshResolver();
    this.service = target.path;
    this.listener = listener;
    this.port = port as Resolver;
  }

  /** Naming pushes, so there is nothing to ask for again; after `destroy` (the channel went idle) it subscribes anew. */
  updateResolution(): void {
    if (this.unwatch) return;
    let open = true;
    const listener = (instances: readonly ServiceInstance[]) => {
      // grpc-js must not be called back from within its own call, and not after `destroy`.
      queueMicrotask(() => {
        if (open) this.report(instances);
      });
    };
    // The first call of many comes here; what naming does from now on is no part of that one's trace.
    const stop = context.with(ROOT_CONTEXT, () => this.port.watch(this.service, listener));
    this.unwatch = () => {
      open = false;
      stop();
    };
  }

  destroy(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.empty = false;
  }

  private report(instances: readonly ServiceInstance[]): void {
    const byEndpoint = new Map<string, ServiceInstance>();
    const endpoints: experimental.Endpoint[] = [];
    for (const instance of instances) {
      // One that drains may have no weight; the balancer decides about it.
      if (instance.weight <= 0 && instance.state !== 'draining') continue;
      const address = experimental.splitHostPort(instance.address);
      if (address?.port === undefined) {
        experimental.log(logVerbosity.ERROR, `${instance.id}: ${instance.address} is not host:port`);
        continue;
      }
      const endpoint = { addresses: [{ host: address.host, port: address.port }] };
      endpoints.push(endpoint);
      byEndpoint.set(experimental.endpointToString(endpoint), instance);
    }
    this.empty = endpoints.length === 0;
    const result = this.empty
      ? experimental.statusOrFromError<experimental.Endpoint[]>({
          code: Status.UNAVAILABLE,
          details: `naming knows no instance of ${this.service}`,
          metadata: new Metadata(),
        })
      : experimental.statusOrFromValue(endpoints);
    const attributes = {
      [INSTANCES_ATTRIBUTE]: byEndpoint,
      [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: this.selector,
    };
    this.listener(result, attributes, null, '');
  }
}
