import { type ChannelCredentials, type ChannelOptions, credentials, ServerCredentials } from '@grpc/grpc-js';
import { isLoopback, LoopbackCredentials } from './loopback.ts';
import { ANY_SERVICE, type MeshTls } from './mesh-tls.ts';

/**
 * How calls travel: under mutual TLS; in plain text on this machine only; or in plain text anywhere, where something else
 * protects the network.
 */
export type MeshSecurity = MeshTls | 'loopback' | 'plaintext';

const loopback = new LoopbackCredentials();
let ofChannels: MeshSecurity = 'loopback';

/** Decides for every channel of this process that connects from now on. @default 'loopback' */
export function useMeshSecurity(security: MeshSecurity): void {
  ofChannels = security;
}

/** What a channel to `target` is opened with. @internal */
export function channelSecurity(target: string): {
  readonly credentials: ChannelCredentials;
  readonly options?: ChannelOptions;
} {
  if (ofChannels === 'loopback') return { credentials: loopback };
  if (ofChannels === 'plaintext') return { credentials: credentials.createInsecure() };
  if (target.startsWith('zk:')) return { credentials: ofChannels.toService };
  // Node refuses an IP address as the name to ask for, which is what grpc-js would take from the target.
  return { credentials: ofChannels.toAddress, options: { 'grpc.ssl_target_name_override': ANY_SERVICE } };
}

/** @throws RangeError for plain text on an address that others can reach, unless it was asked for. @internal */
export function serverCredentials(security: MeshSecurity, host: string): ServerCredentials {
  if (security === 'loopback' && !isLoopback(host)) {
    throw new RangeError(
      `host must be a loopback address without TLS, got ${host}: others could call in plain text; use TLS, or say so`,
    );
  }
  return typeof security === 'string' ? ServerCredentials.createInsecure() : security.serverCredentials();
}
