import { unavailable } from '@flashmesh/core';
import { Channel, type ChannelOptions } from '@grpc/grpc-js';
import { channelSecurity } from './identity/mesh-security.ts';
import { requireMeshResolver } from './mesh-resolver.ts';

/**
 * Plain round robin over what naming knows. grpc-js falls back to one backend without a word when it does not like a
 * balancing config, so a test counts the calls of each.
 */
const SERVICE_CONFIG = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.service_config': SERVICE_CONFIG,
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

/** One channel to a service, shared by every client of it in this process; it connects at the first call. @internal */
export class MeshChannel {
  private static readonly open = new Map<string, MeshChannel>();
  private readonly target: string;
  private readonly options: ChannelOptions | undefined;
  private channel: Channel | undefined;
  private closed = false;

  /** The channel to `target`; clients with the same target and the same options share it. */
  static to(target: string, options?: ChannelOptions): MeshChannel {
    const key = options ? `${target} ${JSON.stringify(options)}` : target;
    let channel = MeshChannel.open.get(key);
    if (!channel) MeshChannel.open.set(key, (channel = new MeshChannel(target, options)));
    return channel;
  }

  static closeAll(): void {
    const channels = [...MeshChannel.open.values()];
    MeshChannel.open.clear();
    for (const channel of channels) channel.close();
  }

  private constructor(target: string, options: ChannelOptions | undefined) {
    this.target = target;
    this.options = options;
  }

  createCall(path: string, deadline: number): GrpcCall {
    this.channel ??= this.connect();
    return this.channel.createCall(path, deadline, null, null, null);
  }

  private connect(): Channel {
    if (this.closed) throw unavailable('CLIENT_CLOSED', 'this process is stopping');
    if (this.target.startsWith('zk:')) requireMeshResolver();
    const { credentials, options } = channelSecurity(this.target);
    return new Channel(this.target, credentials, { ...CHANNEL_OPTIONS, ...options, ...this.options });
  }

  private close(): void {
    this.closed = true;
    this.channel?.close();
    this.channel = undefined;
  }
}
