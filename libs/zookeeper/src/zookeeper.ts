import {
  abortError,
  type Clock,
  FlashmeshError,
  messageOf,
  requirePositiveInteger,
  systemClock,
  throwIfAborted,
  within,
} from '@flashmesh/core';
import type { Request } from './call.ts';
import { dialTcp } from './dial.ts';
import { isZooKeeperError, ZooKeeperError } from './errors.ts';
import { HostList, parseServers } from './host-list.ts';
import { OpCode } from './op-codes.ts';
import type { CallOptions, CreateOptions, ReadOptions, WatchOptions, ZooKeeperOptions } from './options.ts';
import { ancestry, Chroot } from './paths.ts';
import { type Acl, CREATOR_ALL_ACL, OPEN_ACL, type Stat } from './records.ts';
import * as requests from './requests.ts';
import type { Watch } from './session-watches.ts';
import type { SessionCredentials } from './session-options.ts';
import { Session } from './session.ts';
import type { ConnectionState } from './state.ts';
import { traced } from './tracing.ts';
import {
  multi,
  multiRead,
  type Operation,
  type ReadOperation,
  type ReadResultOf,
  type ResultOf,
  TransactionRefused,
} from './transaction.ts';
import type { WatchEvent } from './watch-registry.ts';

const ANY_VERSION = -1;
/** The same for every chroot. */
const CONFIG_PATH = '/zookeeper/config';

/**
 * A ZooKeeper client.
 *
 * Requests are pipelined and answered in order. While there is no connection they wait, at most for the session timeout; those
 * that were sent when a connection dropped fail with `ZK_CONNECTION_LOSS`, and their effect is unknown. Every failure is a
 * {@link ZooKeeperError}, or the reason of the caller's signal.
 */
export class ZooKeeper {
  /** By which it measures time; what is built on this client measures by the same. */
  readonly clock: Clock;
  private readonly session: Session;
  private readonly chroot: Chroot;
  private readonly defaultAcl: readonly Acl[];

  private constructor(session: Session, chroot: Chroot, defaultAcl: readonly Acl[], clock: Clock) {
    this.clock = clock;
    this.session = session;
    this.chroot = chroot;
    this.defaultAcl = defaultAcl;
  }

  /**
   * Resolves once a session is open, and the server has taken the credentials where there are any.
   *
   * @throws FlashmeshError `deadline_exceeded` after `initialTimeoutMs`, with what kept the last attempt from succeeding;
   *   ZooKeeperError `ZK_AUTH_FAILED`; ZooKeeperError `ZK_SESSION_EXPIRED` when the session to resume is over and `renewSession`
   *   is off; RangeError for a bad option.
   */
  static async connect(o: ZooKeeperOptions): Promise<ZooKeeper> {
    const { endpoints, chroot } = parseServers(o.servers);
    const clock = o.clock ?? systemClock;
    const random = o.random ?? Math.random;
    throwIfAborted(o.signal);
    const session = new Session({
      hosts: new HostList(endpoints, random),
      requestedTimeoutMs: requirePositiveInteger('sessionTimeoutMs', o.sessionTimeoutMs ?? 6000),
      connectTimeoutMs: o.connectTimeoutMs,
      renewSession: o.renewSession ?? true,
      readOnly: o.readOnly ?? false,
      maxInFlight: requirePositiveInteger('maxInFlight', o.maxInFlight ?? 1000),
      resume: o.session,
      dial: o.dial ?? dialTcp(o.tls),
      auth: o.auth,
      sasl: o.sasl,
      clock,
      random,
      logger: o.logger,
    });
    const zk = new ZooKeeper(session, new Chroot(chroot), o.auth ? CREATOR_ALL_ACL : OPEN_ACL, clock);
    session.start();
    try {
      await within(
        zk.authenticated(o.signal),
        o.initialTimeoutMs ?? 30_000,
        'connecting to ZooKeeper',
        o.signal,
        clock,
      );
    } catch (error) {
      zk.destroy();
      throw explained(error, session.lastFailure);
    }
    return zk;
  }

  get state(): ConnectionState {
    return this.session.state;
  }

  /** The current session; 0 while there is none. */
  get sessionId(): bigint {
    return this.session.credentials.sessionId;
  }

  /** With these another client can resume this session, or end it. Never log them. */
  get credentials(): SessionCredentials {
    return this.session.credentials;
  }

  /** As negotiated with the server, milliseconds. */
  get sessionTimeoutMs(): number {
    return this.session.timeoutMs;
  }

  /**
   * For how long the session is known to live, milliseconds; 0 or less: it may be over. By the monotonic clock and computed when asked,
   * so it is right at once when a frozen process wakes, before any event has told it.
   */
  get aliveForMs(): number {
    return this.session.aliveForMs;
  }

  /** Watches that wait for an event. */
  get watchCount(): number {
    return this.session.watchCount;
  }

  /** Calls `listener` after every change of state, in order, until the returned function is called. It must not block. */
  onState(listener: (state: ConnectionState) => void): () => void {
    return this.session.onState(listener);
  }

  /**
   * Resolves at once when connected, else with the next connection; it may be to a read-only server where that is allowed.
   *
   * @throws ZooKeeperError `ZK_CLOSED`, or `ZK_SESSION_EXPIRED` without `renewSession`, when there will be none; the reason of
   *   the signal when it aborts first.
   */
  connected(signal?: AbortSignal): Promise<void> {
    return this.reached(({ name }) => name === 'connected', signal);
  }

  /** As {@link ZooKeeper.connected}, to a server that takes writes. */
  writable(signal?: AbortSignal): Promise<void> {
    return this.reached((state) => state.name === 'connected' && !state.readOnly, signal);
  }

  private reached(wanted: (state: ConnectionState) => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (signal?.aborted) settle(() => reject(abortError(signal)));
        else if (wanted(this.state)) settle(resolve);
        else {
          const refusal = this.session.refusal();
          if (refusal) settle(() => reject(refusal));
        }
      };
      const settle = (finish: () => void) => {
        stop();
        signal?.removeEventListener('abort', check);
        finish();
      };
      const stop = this.onState(check);
      signal?.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /**
   * Creates a node and returns its path, with the sequence number for sequential modes, and its stat.
   *
   * @throws ZooKeeperError `ZK_NODE_EXISTS`, `ZK_NO_NODE` (the parent is missing), `ZK_NO_CHILDREN_FOR_EPHEMERALS`,
   *   `ZK_FRAME_TOO_LARGE` (about 1 MiB) and the general ones.
   */
  create(
    path: string,
    data: Uint8Array | string,
    o: CreateOptions = {},
  ): Promise<{ path: string; stat: Stat }> {
    return this.call('create', path, o, (at) => this.createRequest(at, data, o)).then(
      ({ path: made, stat }) => ({
        path: this.chroot.toCaller(made),
        stat,
      }),
    );
  }

  /** The data, a view of what came from the network, and the stat. @throws ZooKeeperError `ZK_NO_NODE`. */
  get(path: string, o: ReadOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return this.call('get', path, o, (at) => requests.get(at, o.watch !== undefined));
  }

  /** Replaces the data if the node has that version. @throws ZooKeeperError `ZK_NO_NODE`, `ZK_BAD_VERSION`. */
  set(path: string, data: Uint8Array | string, version = ANY_VERSION, o: CallOptions = {}): Promise<Stat> {
    return this.call('set', path, o, (at) => requests.set(at, data, version));
  }

  /** Deletes the node if it has that version. @throws ZooKeeperError `ZK_NO_NODE`, `ZK_BAD_VERSION`, `ZK_NOT_EMPTY`. */
  delete(path: string, version = ANY_VERSION, o: CallOptions = {}): Promise<void> {
    return this.call('delete', path, o, (at) => requests.remove(at, version));
  }

  /** The stat, or `undefined` when there is no such node; a watch then fires when it is created. */
  exists(path: string, o: ReadOptions = {}): Promise<Stat | undefined> {
    return this.call('exists', path, o, (at) => requests.exists(at, o.watch !== undefined));
  }

  /** The names of the children, in no order; a watch fires when one is added or removed. @throws ZooKeeperError `ZK_NO_NODE`. */
  children(path: string, o: ReadOptions = {}): Promise<string[]> {
    return this.call('children', path, o, (at) => requests.children(at, o.watch !== undefined));
  }

  /** As {@link ZooKeeper.children}, with the node's stat of the same moment. */
  childrenAndStat(path: string, o: ReadOptions = {}): Promise<{ children: string[]; stat: Stat }> {
    return this.call('children', path, o, (at) => requests.childrenAndStat(at, o.watch !== undefined));
  }

  /** How many nodes are beneath. @throws ZooKeeperError `ZK_NO_NODE`. */
  countDescendants(path: string, o: CallOptions = {}): Promise<number> {
    return this.call('count', path, o, requests.countDescendants);
  }

  /** The paths of this session's ephemeral nodes that start with `prefix`. */
  async ephemerals(prefix = '/', o: CallOptions = {}): Promise<string[]> {
    const paths = await this.call('ephemerals', prefix, o, requests.ephemerals);
    return paths.map((path) => this.chroot.toCaller(path));
  }

  /** Who may do what with the node. @throws ZooKeeperError `ZK_NO_NODE`. */
  getAcl(path: string, o: CallOptions = {}): Promise<{ acl: Acl[]; stat: Stat }> {
    return this.call('getAcl', path, o, requests.getAcl);
  }

  /**
   * Replaces who may do what, if the node's ACL has that version (`aversion`).
   *
   * @throws ZooKeeperError `ZK_NO_NODE`, `ZK_BAD_VERSION`, `ZK_INVALID_ACL`, `ZK_NO_AUTH`.
   */
  setAcl(path: string, acl: readonly Acl[], version = ANY_VERSION, o: CallOptions = {}): Promise<Stat> {
    return this.call('setAcl', path, o, (at) => requests.setAcl(at, acl, version));
  }

  /** Resolves when the server that this client talks to has all that was written anywhere before. */
  sync(path = '/', o: CallOptions = {}): Promise<void> {
    return this.call('sync', path, o, requests.sync);
  }

  /**
   * Does all of it at the same moment, or nothing. The results are in the order of the operations.
   *
   * @throws TransactionRefused with the code and the position of the operation that could not be done.
   */
  async transaction<const T extends readonly Operation[]>(
    operations: T,
    o: CallOptions = {},
  ): Promise<{ -readonly [K in keyof T]: ResultOf<T[K]> }> {
    const acl = this.defaultAcl;
    const toServer = (path: string) => this.chroot.toServer(path);
    const results = await this.send('transaction', o, () => multi(operations, { toServer, acl }));
    if (results instanceof TransactionRefused) throw results;
    const translated = operations.map((operation, index) => {
      if (operation.op !== 'create') return results[index];
      const made = results[index] as { path: string; stat: Stat };
      return { path: this.chroot.toCaller(made.path), stat: made.stat };
    });
    return translated as { -readonly [K in keyof T]: ResultOf<T[K]> };
  }

  /** Reads all of it at the same moment. One that fails answers its error in its place. */
  async readAll<const T extends readonly ReadOperation[]>(
    operations: T,
    o: CallOptions = {},
  ): Promise<{ -readonly [K in keyof T]: ReadResultOf<T[K]> }> {
    const toServer = (path: string) => this.chroot.toServer(path);
    const results = await this.send('readAll', o, () => multiRead(operations, toServer));
    return results as { -readonly [K in keyof T]: ReadResultOf<T[K]> };
  }

  /**
   * Watches a node for good, whether it exists or not: over reconnects and over lost sessions, each of which it tells with a
   * `rearmed`. Resolves when the server knows.
   */
  watch(path: string, listener: (event: WatchEvent) => void, o: WatchOptions = {}): Promise<void> {
    const { recursive = false, until } = o;
    const kind = recursive ? ('recursive' as const) : ('persistent' as const);
    return this.call('watch', path, o, (at) => requests.addWatch(at, recursive), {
      kind,
      listener,
      until,
    });
  }

  /**
   * Takes back all watches of that type that this client has on the node; their listeners see `removed`.
   *
   * @throws ZooKeeperError `ZK_NO_WATCHER`.
   */
  async removeWatches(path: string, type: requests.WatcherType = 'any', o: CallOptions = {}): Promise<void> {
    throwIfAborted(o.signal);
    await this.session.removeWatches(this.chroot.toServer(path), type, o.signal);
  }

  /** Whether the server has a watch of that type on the node for this client. */
  async hasWatch(path: string, type: requests.WatcherType = 'any', o: CallOptions = {}): Promise<boolean> {
    try {
      await this.call('hasWatch', path, o, (at) => requests.checkWatches(at, type));
      return true;
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_WATCHER')) throw error;
      return false;
    }
  }

  /** As whom the server knows this session: its address and what it authenticated as. */
  whoAmI(o: CallOptions = {}): Promise<requests.ClientInfo[]> {
    return this.send('whoAmI', o, requests.whoAmI);
  }

  /** The ensemble's configuration: its servers, one a line, and its version. */
  getConfig(o: ReadOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return rejecting(() =>
      this.at('get', CONFIG_PATH, CONFIG_PATH, o, (at) => requests.get(at, o.watch !== undefined)),
    );
  }

  /**
   * Changes who is a member of the ensemble; answers the new configuration.
   *
   * @throws ZooKeeperError `ZK_RECONFIG_DISABLED`, `ZK_NO_AUTH`, `ZK_BAD_VERSION`, `ZK_BAD_ARGUMENTS`, `ZK_RECONFIG_IN_PROGRESS`,
   *   `ZK_NEW_CONFIG_NO_QUORUM`.
   */
  reconfig(change: requests.Reconfiguration, o: CallOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return this.send('reconfig', o, () => requests.reconfig(change));
  }

  /** Creates the node and its missing parents, persistent and empty, the chroot included. Does nothing when it is there. */
  async mkdirp(path: string, o: CallOptions = {}): Promise<void> {
    if (await this.exists(path, o)) return;
    // In one round trip: the server applies them in order. Only the last one's outcome counts.
    const outcomes = await Promise.allSettled(
      ancestry(this.chroot.toServer(path)).map((at) =>
        traced('create', at, () => this.session.request(this.createRequest(at, '', o), o.signal)),
      ),
    );
    const last = outcomes.at(-1);
    if (last?.status === 'rejected' && !isZooKeeperError(last.reason, 'ZK_NODE_EXISTS')) throw last.reason;
  }

  /**
   * Authenticates this session, also on later connections, e.g. `('digest', 'user:password')`.
   *
   * @throws ZooKeeperError `ZK_AUTH_FAILED`; the server drops the connection then, which resumes without these credentials. The reason
   *   of the signal: the server may know them on this connection, no later one is told.
   */
  async addAuth(scheme: string, auth: Uint8Array | string, o: CallOptions = {}): Promise<void> {
    throwIfAborted(o.signal);
    await this.session.addAuth(scheme, Buffer.from(auth as string), o.signal);
  }

  /** Ends the session: its ephemeral nodes are gone when this resolves, if there was a connection. Never rejects. */
  close(): Promise<void> {
    return this.session.close();
  }

  /** Ends this client without ending the session: as a crash would, its nodes stay until the server lets it expire. */
  destroy(): void {
    this.session.stop('the client was destroyed');
  }

  /** Resolves when a connection stands whose credentials the server took. */
  private async authenticated(signal?: AbortSignal): Promise<void> {
    for (;;) {
      await Promise.race([this.connected(signal), this.session.auth.refusedBySasl]);
      try {
        await this.session.auth.accepted;
        return;
      } catch (error) {
        if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) throw error;
      }
    }
  }

  private createRequest(
    at: string,
    data: Uint8Array | string,
    { acl = this.defaultAcl, mode = 'persistent', ttlMs }: CreateOptions,
  ): Request<{ path: string; stat: Stat }> {
    if (mode.startsWith('ttl') !== (ttlMs !== undefined)) {
      throw new ZooKeeperError('ZK_BAD_ARGUMENTS', 'ttlMs goes with the ttl modes, and they with it', {
        path: at,
      });
    }
    return { ...requests.create({ at, data, mode, acl, ttlMs }), path: at };
  }

  /** Translates the path. Every fault is a rejection. */
  private call<T>(
    operation: string,
    path: string,
    o: ReadOptions,
    requestAt: (at: string) => Request<T>,
    watch?: Omit<Watch, 'path'>,
  ): Promise<T> {
    // Not an async function: on the hot path each promise around a promise is felt.
    return rejecting(() => this.at(operation, path, this.chroot.toServer(path), o, requestAt, watch));
  }

  /** Traces, and arms the watch. */
  private at<T>(
    operation: string,
    path: string,
    at: string,
    o: ReadOptions,
    requestAt: (at: string) => Request<T>,
    lasting?: Omit<Watch, 'path'>,
  ): Promise<T> {
    throwIfAborted(o.signal);
    const request = { ...requestAt(at), path };
    const kind = request.op === OpCode.getChildren || request.op === OpCode.getChildren2 ? 'child' : 'data';
    const watch: Omit<Watch, 'path'> | undefined =
      lasting ?? (o.watch && { kind, listener: o.watch, until: o.watchUntil });
    const armed: Watch | undefined = watch && {
      ...watch,
      path: at,
      listener: (event) =>
        watch.listener({ ...event, path: event.path === at ? path : this.chroot.toCaller(event.path) }),
    };
    return traced(operation, path, () => {
      const reply = this.session.request(request, o.signal, armed);
      return request.recover ? reply.catch(request.recover) : reply;
    });
  }

  /** For what is about no single path. */
  private async send<T>(operation: string, o: CallOptions, request: () => Request<T>): Promise<T> {
    throwIfAborted(o.signal);
    const asked = request();
    return traced(operation, asked.path ?? '', () => this.session.request(asked, o.signal));
  }
}

/** What `run` throws, as a rejection. */
function rejecting<T>(run: () => Promise<T>): Promise<T> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A deadline that passed says little: the last attempt tells what was wrong. */
function explained(error: unknown, lastFailure: unknown): unknown {
  if (!(error instanceof FlashmeshError && error.kind === 'deadline_exceeded') || !lastFailure) return error;
  const text = `${error.message}; last failure: ${messageOf(lastFailure)}`;
  return new FlashmeshError(error.kind, error.code, text, { cause: lastFailure });
}
