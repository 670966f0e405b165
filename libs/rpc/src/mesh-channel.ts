import { unavailable } from '@flashmesh/core';
import { Channel, type ChannelOptions } from '@grpc/grpc-js';
import { balancerConfig, type BalancingOptions, type BreakerOptions } from './balancer/balancer-options.ts';
import { EndpointSet } from './balancer/endpoint-set.ts';
import { channelSecurity } from './identity/mesh-security.ts';
import { ENDPOINTS_OPTION, meshServiceConfig } from './mesh-balancer.ts';
import { naming, requireMeshResolver } from './mesh-resolver.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry/retry-budget.ts';

const CHANNEL_OPTIONS: ChannelOptions = {
  // Bookkeeping that nobody reads, at 2 to 9 % of a call.
  'grpc.enable_channelz': 0,
  // A peer that froze or was cut off answers no ping; without pings only deadlines would tell.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  // A restarted instance is found within seconds, not within the default two minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

type GrpcCall = ReturnType<Channel['createCall']>;

/** How a channel balances, ejects and bounds its retries. */
export interface MeshChannelOptions {
  readonly balancing?: BalancingOptions;
  readonly breaker?: BreakerOptions;
  readonly retryBudget?: RetryBudgetOptions;
  /** grpc-js options on top of ours. */
  readonly channelOptions?: ChannelOptions;
}

/** One channel to a service, shared by every client of it in this process; it connects at the first call. @internal */
export class MeshChannel {
  private static readonly open = new Map<string, MeshChannel>();
  readonly target: string;
  readonly budget: RetryBudget;
  /** Attempts beyond the first of their calls: why, and how many. */
  readonly totals = { calls: 0, retries: 0, hedges: 0, hedgesWon: 0, budgetExhausted: 0 };
  private readonly options: MeshChannelOptions;
  private readonly serviceConfig: string;
  private set: EndpointSet | undefined;
  private channel: Channel | undefined;
  private closed = false;

  /** The channel to `target`; clients with the same target and the same options share it. */
  static to(target: string, options: MeshChannelOptions = {}): MeshChannel {
    const { balancing, breaker, retryBudget, channelOptions } = options;
    const key = `${target} ${JSON.stringify([balancing, breaker, retryBudget, channelOptions])}`;
    let channel = MeshChannel.open.get(key);
    if (!channel) MeshChannel.open.set(key, (channel = new MeshChannel(target, options)));
    return channel;
  }

  static all(): Iterable<MeshChannel> {
    return MeshChannel.open.values();
  }

  static closeAll(): void {
    const channels = [...MeshChannel.open.values()];
    MeshChannel.open.clear();
    for (const channel of channels) channel.close();
  }

  private constructor(target: string, options: MeshChannelOptions) {
    this.target = target;
    this.options = options;
    const { balancing, breaker } = options;
    this.serviceConfig = meshServiceConfig({ balancing, breaker });
    this.budget = new RetryBudget(options.retryBudget);
  }

  /** What is known of the endpoints; empty before the first call. */
  get endpoints(): EndpointSet {
    const { balancing, breaker } = this.options;
    this.set ??= new EndpointSet(balancerConfig(balancing, breaker), { zone: naming().zone });
    return this.set;
  }

  createCall(path: string, deadline: number): GrpcCall {
    this.channel ??= this.connect();
    return this.channel.createCall(path, deadline, null, null, null);
  }

  private connect(): Channel {
    if (this.closed) throw unavailable('CLIENT_CLOSED', 'this process is stopping');
    if (this.target.startsWith('zk:')) requireMeshResolver();
    const { credentials, options } = channelSecurity(this.target);
    return new Channel(this.target, credentials, {
      ...CHANNEL_OPTIONS,
      ...options,
      'grpc.service_config': this.serviceConfig,
      [ENDPOINTS_OPTION]: this.endpoints,
      ...this.options.channelOptions,
    });
  }

  private close(): void {
    this.closed = true;
    this.channel?.close();
    this.channel = undefined;
  }
}
