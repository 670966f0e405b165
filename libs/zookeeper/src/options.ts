import type { Clock, Credentials, TlsTrust } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Dial } from './dial.ts';
import type { CreateMode } from './op-codes.ts';
import type { Acl } from './records.ts';
import type { SessionCredentials } from './session-options.ts';
import type { WatchEvent } from './watch-registry.ts';

/** How to reach ZooKeeper, and what kind of session to hold there. */
export interface ZooKeeperOptions {
  /** `host:port,host:port[/chroot]`; the nodes of the chroot must exist, or be made with `mkdirp('/')`. */
  readonly servers: string;
  /** Asked for; the server may give another, see `ZooKeeper.sessionTimeoutMs`. @default 6000 */
  readonly sessionTimeoutMs?: number;
  /** For one server, handshake included. @default session timeout / max(number of servers, 3) */
  readonly connectTimeoutMs?: number;
  /** How long `ZooKeeper.connect` keeps trying. @default 30000 */
  readonly initialTimeoutMs?: number;
  /** After a lost session, open a new one. @default true */
  readonly renewSession?: boolean;
  /**
   * Take a server that has no quorum, where no other can be reached: reads work, writes fail with `ZK_NOT_READ_ONLY`, and the state says
   * so. Servers must be told to offer it: `readonlymode.enabled`, and for 3.9 also `localSessionsEnabled` and
   * `localSessionsUpgradingEnabled`. @default false
   */
  readonly readOnly?: boolean;
  /** Requests under way at once; more wait for their turn. @default 1000, the server's own bound for a client */
  readonly maxInFlight?: number;
  /** Resume this session instead of opening one. */
  readonly session?: SessionCredentials;
  /** Talk TLS with the servers. @default plain TCP */
  readonly tls?: TlsTrust;
  /** Reaches the servers by another way than TCP, e.g. through a proxy; `tls` is then that way's affair. @default TCP */
  readonly dial?: Dial;
  /**
   * A user of ZooKeeper's `digest` scheme, made known on each connection before anything else is asked. Nodes are then created
   * for this user alone unless {@link CreateOptions.acl} says otherwise.
   */
  readonly auth?: Credentials;
  /** Authenticate by SASL (DIGEST-MD5) before anything else, on each connection. @default none */
  readonly sasl?: Credentials;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number;
  /** Gives up `ZooKeeper.connect`; of no effect later. */
  readonly signal?: AbortSignal;
}

/** For one call. */
export interface CallOptions {
  /** Ends the call for the caller; a write that was sent already may still be applied. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions extends CallOptions {
  /** Called once, at the next change or when the session is lost. Survives reconnects. Not armed when the call fails. */
  readonly watch?: (event: WatchEvent) => void;
  /** Takes the watch back, at the server too when nobody else watches the same. */
  readonly watchUntil?: AbortSignal;
}

export interface WatchOptions extends CallOptions {
  /** Whether to see what happens beneath the node, too; then without `children` events. @default false */
  readonly recursive?: boolean;
  /** Takes the watch back, at the server too when nobody else watches the same. */
  readonly until?: AbortSignal;
}

export interface CreateOptions extends CallOptions {
  /** @default 'persistent' */
  readonly mode?: CreateMode;
  /** @default with {@link ZooKeeperOptions.auth} its user may do everything and nobody else anything, else everybody may */
  readonly acl?: readonly Acl[];
  /** For the `ttl` modes, milliseconds; 1 to about 34 years. */
  readonly ttlMs?: number;
}
