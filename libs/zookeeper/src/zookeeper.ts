import {
  abortError,
  type Clock,
  type Credentials,
  FlashmeshError,
  messageOf,
  requirePositiveInteger,
  systemClock,
  throwIfAborted,
  type TlsTrust,
  within,
} from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Request } from './call.ts';
import { isZooKeeperError } from './errors.ts';
import { HostList, parseServers } from './host-list.ts';
import { type CreateMode, createFlags, OpCode } from './op-codes.ts';
import { ancestry, Chroot } from './paths.ts';
import { type Acl, CREATOR_ALL_ACL, OPEN_ACL, readStat, type Stat, writeAcl } from './records.ts';
import { Session, type SessionCredentials } from './session.ts';
import type { ConnectionState } from './state.ts';
import { traced } from './tracing.ts';
import type { WatchEvent } from './watch-registry.ts';

/** How to reach ZooKeeper, and what kind of session to hold there. */
export interface ZooKeeperOptions {
  /** `host:port,host:port[/chroot]`; the nodes of the chroot must exist, or be made with `mkdirp('/')`. */
  readonly servers: string;
  /** Asked for; the server may give another, see {@link ZooKeeper.sessionTimeoutMs}. @default 6000 */
  readonly sessionTimeoutMs?: number;
  /** For one server, handshake included. @default session timeout / max(number of servers, 3) */
  readonly connectTimeoutMs?: number;
  /** How long {@link ZooKeeper.connect} keeps trying. @default 30000 */
  readonly initialTimeoutMs?: number;
  /** After a lost session, open a new one. @default true */
  readonly renewSession?: boolean;
  /** Resume this session instead of opening one. */
  readonly session?: SessionCredentials;
  /** Talk TLS with the servers. @default plain TCP */
  readonly tls?: TlsTrust;
  /**
   * A user of ZooKeeper's `digest` scheme, made known on each connection before anything else is asked. Nodes are then created
   * for this user alone unless {@link CreateOptions.acl} says otherwise.
   */
  readonly auth?: Credentials;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number;
  /** Gives up {@link ZooKeeper.connect}; of no effect later. */
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
}

export interface CreateOptions extends CallOptions {
  /** @default 'persistent' */
  readonly mode?: CreateMode;
  /** @default with {@link ZooKeeperOptions.auth} its user may do everything and nobody else anything, else everybody may */
  readonly acl?: readonly Acl[];
}

const ANY_VERSION = -1;

/**
 * A ZooKeeper client.
 *
 * Requests are pipelined and answered in order. While there is no connection they wait, at most for the session timeout; those
 * that were sent when a connection dropped fail with `ZK_CONNECTION_LOSS`, and their effect is unknown. Every failure is a
 * {@link ZooKeeperError}, or the reason of the caller's signal.
 */
export class ZooKeeper {
  private readonly session: Session;
  private readonly chroot: Chroot;
  private readonly defaultAcl: readonly Acl[];

  private constructor(session: Session, chroot: Chroot, defaultAcl: readonly Acl[]) {
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
      resume: o.session,
      tls: o.tls,
      auth: o.auth,
      clock,
      random,
      logger: o.logger,
    });
    const zk = new ZooKeeper(session, new Chroot(chroot), o.auth ? CREATOR_ALL_ACL : OPEN_ACL);
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

  /** One-shot watches that wait for their event. */
  get watchCount(): number {
    return this.session.watchCount;
  }

  /** Calls `listener` after every change of state, in order, until the returned function is called. It must not block. */
  onState(listener: (state: ConnectionState) => void): () => void {
    return this.session.onState(listener);
  }

  /**
   * Resolves at once when connected, else with the next connection.
   *
   * @throws ZooKeeperError `ZK_CLOSED`, or `ZK_SESSION_EXPIRED` without `renewSession`, when there will be none; the reason of
   *   the signal when it aborts first.
   */
  connected(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (signal?.aborted) settle(() => reject(abortError(signal)));
        else if (this.state.name === 'connected') settle(resolve);
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
    return this.call('create', path, o, (at) => this.createRequest(at, data, o));
  }

  /** The data, a view of what came from the network, and the stat. @throws ZooKeeperError `ZK_NO_NODE`. */
  get(path: string, o: ReadOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return this.call('get', path, o, (at) => ({
      op: OpCode.getData,
      sizeHint: sizeOf(at),
      encode: (writer) => writer.ustring(at).bool(o.watch !== undefined),
      decode: (reader) => ({ data: reader.buffer() ?? Buffer.alloc(0), stat: readStat(reader) }),
    }));
  }

  /** Replaces the data if the node has that version. @throws ZooKeeperError `ZK_NO_NODE`, `ZK_BAD_VERSION`. */
  set(path: string, data: Uint8Array | string, version = ANY_VERSION, o: CallOptions = {}): Promise<Stat> {
    return this.call('set', path, o, (at) => ({
      op: OpCode.setData,
      sizeHint: sizeOf(at) + sizeOf(data),
      encode: (writer) => writer.ustring(at).buffer(data).int(version),
      decode: readStat,
    }));
  }

  /** Deletes the node if it has that version. @throws ZooKeeperError `ZK_NO_NODE`, `ZK_BAD_VERSION`, `ZK_NOT_EMPTY`. */
  delete(path: string, version = ANY_VERSION, o: CallOptions = {}): Promise<void> {
    return this.call('delete', path, o, (at) => ({
      op: OpCode.delete,
      sizeHint: sizeOf(at),
      encode: (writer) => writer.ustring(at).int(version),
      decode: () => undefined,
    }));
  }

  /** The stat, or `undefined` when there is no such node; a watch then fires when it is created. */
  exists(path: string, o: ReadOptions = {}): Promise<Stat | undefined> {
    const absent = (error: unknown): undefined => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    };
    return this.call<Stat | undefined>(
      'exists',
      path,
      o,
      (at) => ({
        op: OpCode.exists,
        sizeHint: sizeOf(at),
        encode: (writer) => writer.ustring(at).bool(o.watch !== undefined),
        decode: readStat,
      }),
      absent,
    );
  }

  /** The names of the children, in no order; a watch fires when one is added or removed. @throws ZooKeeperError `ZK_NO_NODE`. */
  children(path: string, o: ReadOptions = {}): Promise<string[]> {
    return this.call('children', path, o, (at) => ({
      op: OpCode.getChildren,
      sizeHint: sizeOf(at),
      encode: (writer) => writer.ustring(at).bool(o.watch !== undefined),
      decode: (reader) => reader.vector((r) => r.ustring()),
    }));
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
   * @throws ZooKeeperError `ZK_AUTH_FAILED`; the server drops the connection then, which resumes without these credentials.
   */
  addAuth(scheme: string, auth: Uint8Array | string): Promise<void> {
    return this.session.addAuth(scheme, Buffer.from(auth as string));
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
      await this.connected(signal);
      try {
        await this.session.authenticated;
        return;
      } catch (error) {
        if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) throw error;
      }
    }
  }

  private createRequest(
    at: string,
    data: Uint8Array | string,
    o: CreateOptions,
  ): Request<{ path: string; stat: Stat }> {
    return {
      op: OpCode.create2,
      path: at,
      sizeHint: sizeOf(at) + sizeOf(data),
      encode: (writer) =>
        writer
          .ustring(at)
          .buffer(data)
          .vector(o.acl ?? this.defaultAcl, writeAcl)
          .int(createFlags[o.mode ?? 'persistent']),
      decode: (reader) => ({ path: this.chroot.toCaller(reader.ustring()), stat: readStat(reader) }),
    };
  }

  /** Checks and translates the path, traces, arms the watch. Async, so that every fault is a rejection. */
  private async call<T>(
    operation: string,
    path: string,
    o: ReadOptions,
    requestAt: (at: string) => Request<T>,
    recover?: (error: unknown) => T,
  ): Promise<T> {
    throwIfAborted(o.signal);
    const at = this.chroot.toServer(path);
    const request = { ...requestAt(at), path };
    const { watch } = o;
    const armed = watch && {
      kind: request.op === OpCode.getChildren ? ('child' as const) : ('data' as const),
      path: at,
      listener: (event: WatchEvent) => watch({ ...event, path: this.chroot.toCaller(event.path) }),
    };
    return traced(operation, path, async () => {
      const reply = this.session.request(request, o.signal, armed);
      return recover ? reply.catch(recover) : reply;
    });
  }
}

/** A deadline that passed says little: the last attempt tells what was wrong. */
function explained(error: unknown, lastFailure: unknown): unknown {
  if (!(error instanceof FlashmeshError && error.kind === 'deadline_exceeded') || !lastFailure) return error;
  const text = `${error.message}; last failure: ${messageOf(lastFailure)}`;
  return new FlashmeshError(error.kind, error.code, text, { cause: lastFailure });
}

/** The most bytes that it can take on the wire. */
function sizeOf(value: Uint8Array | string): number {
  return typeof value === 'string' ? value.length * 3 : value.length;
}
