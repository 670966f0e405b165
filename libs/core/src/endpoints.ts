/** One live instance of a service, as naming knows it. */
export interface ServiceInstance {
  /** Unique name of the instance, e.g. `inventory-2`. */
  readonly id: string;
  /** `host:port` of its gRPC server. */
  readonly address: string;
  /** Version of the service. */
  readonly version: string;
  /** Names what it serves: instances with equal revisions serve the same methods. @default nothing was said about it */
  readonly revision?: string;
  /** Where it runs; callers prefer their own zone. */
  readonly zone: string;
  /** Share of the calls relative to the other instances; 0 takes it out. */
  readonly weight: number;
  /** `draining` says that it is about to stop: it is called only when there is nobody else. @default 'serving' */
  readonly state?: 'serving' | 'draining';
}

/**
 * The port between naming and calling: `registry` implements it over ZooKeeper, `rpc` resolves `zk:///service` through it.
 */
export interface Resolver {
  /**
   * Calls `listener` with the live instances of a service: soon after the call, and after every change, until the returned
   * function is called. While naming is unreachable nothing is said: the last instances stay in use.
   */
  watch(service: string, listener: (instances: readonly ServiceInstance[]) => void): () => void;
  /** How long naming has been unreachable, in milliseconds: the age that the instances of a watched service may have. */
  staleMs?(service: string): number;
}
