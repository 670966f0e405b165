import type { ServiceInstance } from '@flashmesh/core';
import { type ChannelOptions, connectivityState as State, experimental } from '@grpc/grpc-js';
import {
  balancerConfig,
  type BalancerConfig,
  type BalancingOptions,
  type BreakerOptions,
} from './balancer/balancer-options.ts';
import type { Endpoint, EndpointInfo } from './balancer/endpoint.ts';
import { EndpointSet } from './balancer/endpoint-set.ts';
import { MeshPicker } from './mesh-picker.ts';
import { INSTANCES_ATTRIBUTE } from './mesh-resolver.ts';

type GrpcEndpoint = experimental.Endpoint;
type Helper = experimental.ChannelControlHelper;
type Picker = experimental.Picker;

/** The balancer's name in a service config. @internal */
export const MESH_POLICY = 'mesh';

/**
 * Channel option under which a channel brings its {@link EndpointSet}, so that what was learnt survives the balancer, which
 * grpc-js destroys when a channel was idle. The prefix keeps it out of the key of shared connections. @internal
 */
export const ENDPOINTS_OPTION = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.flashmesh_endpoints`;

/** What stands under `mesh` in a service config. */
export interface MeshBalancingJson {
  readonly balancing?: BalancingOptions;
  readonly breaker?: BreakerOptions;
}

let registered = false;

/**
 * Makes the balancer known to grpc-js, and returns the service config that asks for it. grpc-js falls back to a single endpoint,
 * without a word, when it does not like a config: so it is parsed here once, where it can fail.
 *
 * @throws RangeError naming what is wrong.
 * @internal
 */
export function meshServiceConfig(json: MeshBalancingJson): string {
  if (!registered) {
    registered = true;
    experimental.registerLoadBalancerType(MESH_POLICY, MeshBalancer, MeshBalancingConfig);
  }
  const loadBalancing = { [MESH_POLICY]: json };
  experimental.parseLoadBalancingConfig(loadBalancing);
  return JSON.stringify({ loadBalancingConfig: [loadBalancing] });
}

class MeshBalancingConfig implements experimental.TypedLoadBalancingConfig {
  readonly config: BalancerConfig;
  private readonly json: MeshBalancingJson;

  static createFromJson(json: MeshBalancingJson): MeshBalancingConfig {
    return new MeshBalancingConfig(json);
  }

  constructor(json: MeshBalancingJson) {
    this.json = json;
    this.config = balancerConfig(json.balancing, json.breaker);
  }

  getLoadBalancerName(): string {
    return MESH_POLICY;
  }

  toJsonObject(): object {
    return { [MESH_POLICY]: this.json };
  }
}

/** An endpoint's connection, as grpc-js keeps it, beside what the mesh knows of it. */
interface Child {
  readonly leaf: experimental.LeafLoadBalancer;
  state: Endpoint;
}

/**
 * The grpc-js side of the balancer: a connection to every endpoint, kept over updates, made again when it is lost. Where calls go
 * is {@link EndpointSet}'s affair.
 */
class MeshBalancer implements experimental.LoadBalancer {
  private readonly helper: Helper;
  private readonly children = new Map<string, Child>();
  private readonly subchannels = new Map<Endpoint, experimental.SubchannelInterface>();
  private endpoints: EndpointSet | undefined;
  private picker: MeshPicker | undefined;
  private lastError = 'no connection yet';
  /** While a list is being applied, the state of the whole is not reported. */
  private updating = false;
  private reported: State | undefined;

  constructor(helper: Helper) {
    this.helper = helper;
  }

  updateAddressList(
    list: experimental.StatusOr<GrpcEndpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
    note: string,
  ): boolean {
    if (!(config instanceof MeshBalancingConfig)) return false;
    // Naming that fails or knows nobody leaves those in use that are connected.
    if (!list.ok) {
      if (this.children.size === 0) this.fail(list.error.details);
      return true;
    }
    const given = options[ENDPOINTS_OPTION] as EndpointSet | undefined;
    const endpoints = (this.endpoints ??= given ?? new EndpointSet(config.config));
    this.picker ??= new MeshPicker(endpoints, this.subchannels);
    this.updating = true;
    this.apply(endpoints, list.value, options, note);
    this.updating = false;
    this.report(true);
    return list.value.length > 0;
  }

  /** grpc-js says so for every call. One that is leaving is connected to again only when there is nobody else. */
  exitIdle(): void {
    const alone = this.reported !== State.READY;
    for (const { leaf, state } of this.children.values()) if (alone || !state.info.draining) wake(leaf);
  }

  resetBackoff(): void {
    // grpc-js' leaves have none of their own.
  }

  destroy(): void {
    for (const { leaf, state } of this.children.values()) {
      leaf.destroy();
      this.endpoints?.setReady(state, false);
    }
    this.children.clear();
    this.subchannels.clear();
  }

  getTypeName(): string {
    return MESH_POLICY;
  }

  private apply(endpoints: EndpointSet, list: GrpcEndpoint[], options: ChannelOptions, note: string): void {
    const instances = options[INSTANCES_ATTRIBUTE] as ReadonlyMap<string, ServiceInstance> | undefined;
    const byKey = new Map(list.map((endpoint) => [experimental.endpointToString(endpoint), endpoint]));
    for (const [key, { leaf, state }] of this.children) {
      if (byKey.has(key)) continue;
      leaf.destroy();
      this.children.delete(key);
      this.subchannels.delete(state);
      endpoints.setReady(state, false);
    }
    endpoints.update([...byKey.keys()].map((key) => infoOf(key, instances?.get(key))));
    for (const [key, endpoint] of byKey)
      this.connect(endpoints.get(key) as Endpoint, endpoint, options, note);
  }

  /** Connects to an endpoint that is new; another instance may have taken an old one's place behind the same connection. */
  private connect(state: Endpoint, endpoint: GrpcEndpoint, options: ChannelOptions, note: string): void {
    const { key } = state.info;
    const known = this.children.get(key);
    if (known) {
      if (known.state === state) {
        // It may have lost its connection while it drained, when nobody opened it again, and serve again now.
        if (!state.info.draining) wake(known.leaf);
        return;
      }
      this.subchannels.delete(known.state);
      known.state = state;
      return this.follow(known);
    }
    const helper = experimental.createChildChannelControlHelper(this.helper, {
      updateState: (_state: State, _picker: Picker, error: string | null) => {
        if (error !== null) this.lastError = error;
        const child = this.children.get(key);
        if (child) this.follow(child);
      },
    });
    const leaf = new experimental.LeafLoadBalancer(endpoint, helper, options, note);
    const child = { leaf, state };
    this.children.set(key, child);
    leaf.startConnecting();
    this.follow(child);
  }

  /** Takes over the state of a connection. */
  private follow({ leaf, state }: Child): void {
    const connectivity = leaf.getConnectivityState();
    const ready = connectivity === State.READY;
    const lost = state.ready && !ready;
    const { subchannel } = ready ? leaf.getPicker().pick(NO_ARGS) : NO_SUBCHANNEL;
    if (subchannel) this.subchannels.set(state, subchannel);
    else this.subchannels.delete(state);
    this.endpoints?.setReady(state, subchannel !== null);
    if (lost) this.helper.requestReresolution();
    // A server that is leaving closes its connections; there is no use in opening them again.
    if (connectivity === State.IDLE && !state.info.draining) wake(leaf);
    this.report();
  }

  /** Reports the state of the whole, when it changed: the picker itself never does. */
  private report(always = false): void {
    if (this.updating) return;
    const states = [...this.children.values()].map(({ leaf }) => leaf.getConnectivityState());
    const state = aggregate(states);
    if (!always && state === this.reported && state !== State.TRANSIENT_FAILURE) return;
    if (state === State.TRANSIENT_FAILURE) return this.fail(this.lastError);
    this.reported = state;
    const ready = state === State.READY && this.picker;
    this.helper.updateState(state, ready || new experimental.QueuePicker(this), null);
  }

  private fail(details: string): void {
    this.reported = State.TRANSIENT_FAILURE;
    const message = `no endpoint can be reached: ${details}`;
    const picker = new experimental.UnavailablePicker({ details: message });
    this.helper.updateState(State.TRANSIENT_FAILURE, picker, message);
  }
}

const NO_ARGS = { metadata: undefined, extraPickInfo: {} } as unknown as experimental.PickArgs;
const NO_SUBCHANNEL = { subchannel: null };

function wake(leaf: experimental.LeafLoadBalancer): void {
  if (leaf.getConnectivityState() === State.IDLE) leaf.exitIdle();
}

function aggregate(states: readonly State[]): State {
  if (states.includes(State.READY)) return State.READY;
  if (states.includes(State.CONNECTING)) return State.CONNECTING;
  if (states.includes(State.IDLE)) return State.IDLE;
  return State.TRANSIENT_FAILURE;
}

function infoOf(key: string, instance: ServiceInstance | undefined): EndpointInfo {
  if (!instance) return { key, address: key, id: key, zone: '', weight: 1, draining: false };
  const { address, id, zone, weight, state } = instance;
  return { key, address, id, zone, weight: weight || 1, draining: state === 'draining' };
}
