import { type Clock, type Credentials, messageOf, sleep, type Timer, type TlsTrust } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { Call, type Request } from './call.ts';
import type { Connection } from './connection.ts';
import {
  type AuthEntry,
  authCall,
  closeSessionCall,
  digestEntry,
  saslCall,
  setWatchesCall,
} from './control-calls.ts';
import { DigestMd5 } from './digest-md5.ts';
import { ZooKeeperError } from './errors.ts';
import type { HostList } from './host-list.ts';
import { type Established, openConnection } from './open-connection.ts';
import { OpCode, Xid } from './op-codes.ts';
import { removeWatches, type WatcherType } from './requests.ts';
import type { WatcherEvent } from './records.ts';
import type { ConnectionState, LossReason } from './state.ts';
import { WaitingCalls } from './waiting-calls.ts';
import { type Registration, type WatchEvent, type WatchKind, WatchRegistry } from './watch-registry.ts';

/** Identifies a session to any server. Whoever has it can use and end the session: never log it. */
export interface SessionCredentials {
  readonly sessionId: bigint;
  readonly password: Buffer;
}

/** A watch to be armed with a request. */
export interface Watch {
  readonly kind: WatchKind;
  readonly path: string;
  readonly listener: (event: WatchEvent) => void;
  /** Takes the watch back. */
  readonly until?: AbortSignal | undefined;
}

/** How the server names the kinds of watches when they are to be removed. */
const TYPE_OF = {
  data: 'data',
  exist: 'data',
  child: 'children',
  persistent: 'persistent',
  recursive: 'recursive',
} as const satisfies Record<WatchKind, WatcherType>;
const KINDS_OF: Readonly<Record<WatcherType, readonly WatchKind[]>> = {
  data: ['data', 'exist'],
  children: ['child'],
  persistent: ['persistent'],
  recursive: ['recursive'],
  any: ['data', 'exist', 'child', 'persistent', 'recursive'],
};

export interface SessionOptions {
  readonly hosts: HostList;
  readonly requestedTimeoutMs: number;
  /** For one server, connection and handshake; undefined: by the rule of {@link Session.attemptTimeoutMs}. */
  readonly connectTimeoutMs: number | undefined;
  readonly renewSession: boolean;
  readonly maxInFlight: number;
  readonly resume: SessionCredentials | undefined;
  readonly tls: TlsTrust | undefined;
  /** Sent on every connection before anything else. */
  readonly auth: Credentials | undefined;
  readonly sasl: Credentials | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger | undefined;
}

const NO_SESSION: SessionCredentials = { sessionId: 0n, password: Buffer.alloc(16) };
/** The server's limit is its frame limit; Java's client and ours keep well below it. */
const MAX_WATCH_BATCH_BYTES = 128 * 1024 - 64;
const MAX_PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 50;
/** What all clients and servers of ZooKeeper call themselves in DIGEST-MD5, whatever the host. */
const SASL_URI = 'zookeeper/zk-sasl-md5';
/** How long `close` waits for the server's word that the session is over. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * A session: finds a server, resumes the session on another when the connection drops, restores credentials and watches before
 * anything else is sent, and knows when the session is over.
 *
 * The server counts its timeout from the last thing it received. The client counts from when it *sent* the last thing that was
 * acknowledged, which is earlier, by the monotonic clock. So the client calls a session lost no later than the server would.
 */
export class Session {
  private readonly o: SessionOptions;
  private readonly watches = new WatchRegistry();
  private readonly stateListeners = new Set<(state: ConnectionState) => void>();
  private readonly waiting: WaitingCalls;
  /** What the caller added, beside what the session was given. */
  private readonly auths: AuthEntry[] = [];
  private authentication: Promise<unknown> = Promise.resolve();
  private failure: unknown;
  private readonly stopped = new AbortController();
  private current: ConnectionState = { name: 'connecting' };
  private credentialsNow: SessionCredentials;
  private negotiatedTimeoutMs: number;
  private lastZxid = 0n;
  /** The latest moment at which the session is known to have been alive. */
  private aliveAt = 0;
  private connection: Connection | undefined;
  private attempt: AbortController | undefined;
  private suspicion: Timer | undefined;

  constructor(o: SessionOptions) {
    this.o = o;
    this.waiting = new WaitingCalls(o.clock);
    this.credentialsNow = o.resume ?? NO_SESSION;
    this.negotiatedTimeoutMs = o.requestedTimeoutMs;
  }

  get state(): ConnectionState {
    return this.current;
  }

  get credentials(): SessionCredentials {
    return this.credentialsNow;
  }

  get timeoutMs(): number {
    return this.negotiatedTimeoutMs;
  }

  /** For how long the session is known to live, as far as this process can tell at this very moment; 0 or less: it may be over. */
  get aliveForMs(): number {
    const { sessionId } = this.credentialsNow;
    return sessionId === 0n ? 0 : this.aliveAt + this.negotiatedTimeoutMs - this.o.clock.monotonic();
  }

  /** Why the last attempt to connect failed; `undefined` when none did. */
  get lastFailure(): unknown {
    return this.failure;
  }

  /** Rejects when the server refused credentials on the last connection, or that ended before it said anything of them. */
  get authenticated(): Promise<unknown> {
    return this.authentication;
  }

  /** How many watches wait. */
  get watchCount(): number {
    return this.watches.size;
  }

  /** Calls `listener` after every change of state, until the returned function is called. */
  onState(listener: (state: ConnectionState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  start(): void {
    this.run().catch((error: unknown) => {
      this.o.logger?.error({ err: error }, 'the ZooKeeper session failed');
      this.stop(messageOf(error));
    });
  }

  /**
   * Sends a request, or keeps it until there is a connection, at most for the session timeout. A watch is armed before the
   * request leaves, since the event may come before the reply, and disarmed when the request fails.
   */
  request<T>(request: Request<T>, signal?: AbortSignal, watch?: Watch): Promise<T> {
    const registration = watch && this.watches.add(watch.kind, watch.path, watch.listener);
    let call: Call<T>;
    try {
      call = new Call(registration ? this.settling(request, registration) : request);
    } catch (error) {
      if (registration) this.watches.remove(registration);
      throw error;
    }
    const refusal = this.refusal();
    if (refusal) call.fail(refusal);
    else if (this.connection) this.connection.send(call as Call);
    else this.waiting.add(call as Call, this.negotiatedTimeoutMs);
    if (signal) call.abortWith(signal);
    if (registration && watch?.until) this.takeBackOn(watch.until, registration, call.promise);
    return call.promise;
  }

  /**
   * Takes persistent watches of the path, or all of a kind of the caller's choice, out at the server and here. Their listeners see
   * `removed`.
   *
   * @throws ZooKeeperError `ZK_NO_WATCHER`.
   */
  async removeWatches(path: string, type: WatcherType, signal?: AbortSignal): Promise<void> {
    const removed: Registration[] = [];
    const request = removeWatches(path, type);
    await this.request(
      {
        ...request,
        // In the order of the replies: a watch that is armed after this one is another.
        onSettled: (error) => {
          if (error === undefined) removed.push(...this.watches.take(path, KINDS_OF[type]));
        },
      },
      signal,
    );
    for (const { listener } of removed) this.deliver(listener, { type: 'removed', path });
  }

  /**
   * Takes one watch back, at the server too when it was the last of its kind there. Never fails: what the server does not hear of
   * now, it learns with the next connection.
   */
  private takeBack(registration: Registration): void {
    if (!this.watches.remove(registration)) return;
    const { kind, path } = registration;
    const type = TYPE_OF[kind];
    if (this.watches.has(path, KINDS_OF[type]) || !this.connection) return;
    const call = new Call(removeWatches(path, type));
    this.connection.send(call as Call);
    // It may just have fired.
    call.promise.catch((error: unknown) => this.o.logger?.debug({ err: error, path }, 'watch not removed'));
  }

  private takeBackOn(until: AbortSignal, registration: Registration, asked: Promise<unknown>): void {
    const takeBack = () => this.takeBack(registration);
    if (until.aborted) return takeBack();
    until.addEventListener('abort', takeBack, { once: true });
    const forget = () => until.removeEventListener('abort', takeBack);
    registration.onGone = forget;
    asked.catch(forget);
  }

  /** Adds credentials to this and every later connection. @throws ZooKeeperError `ZK_AUTH_FAILED`. */
  async addAuth(scheme: string, auth: Buffer): Promise<void> {
    const refusal = this.refusal();
    if (refusal) throw refusal;
    const entry = { scheme, auth };
    this.auths.push(entry);
    if (!this.connection) return;
    try {
      await this.sendAuth(this.connection, entry);
    } catch (error) {
      // On a lost connection the next one sends it again.
      if (!(error instanceof ZooKeeperError && error.code === 'ZK_CONNECTION_LOSS')) throw error;
    }
  }

  /** Ends the session at the server, when there is a connection, and the client. */
  async close(): Promise<void> {
    const connection = this.connection;
    if (connection && !this.stopped.signal.aborted) {
      const call = closeSessionCall();
      connection.send(call as Call);
      // The server may drop the connection instead of answering: both mean that it got the request.
      await Promise.race([
        call.promise.catch(() => undefined),
        sleep(CLOSE_TIMEOUT_MS, undefined, this.o.clock),
      ]);
    }
    this.stop('the client was closed');
  }

  /** Ends the client and leaves the session to expire at the server. */
  stop(reason: string): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort(new ZooKeeperError('ZK_CLOSED', reason));
    this.suspicion?.cancel();
    this.watches.clear();
    this.connection?.close(reason);
    this.waiting.fail(new ZooKeeperError('ZK_CLOSED', reason));
    this.setState({ name: 'closed' });
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.finished()) {
      const startedAt = this.o.clock.monotonic();
      this.attempt = new AbortController();
      const hello = { ...this.credentialsNow, lastZxid: this.lastZxid, timeoutMs: this.o.requestedTimeoutMs };
      try {
        const established = await openConnection(this.o.hosts.next(), hello, {
          timeoutMs: this.attemptTimeoutMs(),
          tls: this.o.tls,
          clock: this.o.clock,
          signal: AbortSignal.any([this.attempt.signal, this.stopped.signal]),
        });
        await this.use(established, hello.sessionId);
        // A server that takes us and drops us at once is no better than one that cannot be reached.
        if (this.o.clock.monotonic() - startedAt > MAX_PAUSE_MS) failures = 0;
      } catch (error) {
        this.failure = error;
        this.o.logger?.debug({ err: error }, 'no connection to ZooKeeper');
      }
      await this.pause(failures++);
    }
  }

  /** Every server is tried before the first pause, and again before every longer one. */
  private async pause(failures: number): Promise<void> {
    const round = (failures + 1) / this.o.hosts.size;
    if (this.finished() || !Number.isInteger(round)) return;
    const ms = Math.min(FIRST_PAUSE_MS * 2 ** (round - 1), MAX_PAUSE_MS) * (0.5 + this.o.random() / 2);
    await sleep(ms, this.stopped.signal, this.o.clock).catch(() => undefined);
  }

  /** Works with an established connection until it closes. */
  private async use(established: Established, askedFor: bigint): Promise<void> {
    const { welcome, helloSentAt } = established;
    if (askedFor !== this.credentialsNow.sessionId || this.finished()) return established.discard();
    if (welcome.timeoutMs <= 0) {
      established.discard();
      return this.lose('expired');
    }
    const resumed = askedFor !== 0n && welcome.sessionId === askedFor;
    if (askedFor !== 0n && !resumed) {
      this.lose('replaced');
      if (this.finished()) return established.discard();
    }
    this.credentialsNow = { sessionId: welcome.sessionId, password: welcome.password };
    this.negotiatedTimeoutMs = welcome.timeoutMs;
    this.aliveAt = helloSentAt;
    const closed = Promise.withResolvers<void>();
    const connection = established.start(
      {
        onZxid: (zxid) => {
          if (zxid > this.lastZxid) this.lastZxid = zxid;
        },
        onAcknowledged: (sentAt) => {
          this.aliveAt = Math.max(this.aliveAt, sentAt);
        },
        onNotification: (event) => this.notify(event),
        onClose: (error, unsent) => {
          closed.resolve();
          this.disconnected(error, unsent);
        },
      },
      this.o.maxInFlight,
    );
    if (await this.prove(connection)) this.restore(connection, resumed);
    await closed.promise;
  }

  /** SASL comes before anything else; nothing is sent beside it. Answers whether the connection may be used. */
  private async prove(connection: Connection): Promise<boolean> {
    const { sasl } = this.o;
    if (!sasl) return true;
    const digest = new DigestMd5(sasl, SASL_URI);
    const exchange = async (token: string) => {
      const call = saslCall(token);
      connection.send(call as Call);
      return call.promise;
    };
    try {
      digest.verify(await exchange(digest.respond(await exchange(''))));
      return true;
    } catch (error) {
      this.failure = new ZooKeeperError('ZK_AUTH_FAILED', `SASL: ${messageOf(error)}`, { cause: error });
      connection.close('SASL failed', error);
      return false;
    }
  }

  /** Credentials, then watches, then what waited: nobody may read past an event that was missed. */
  private restore(connection: Connection, resumed: boolean): void {
    this.suspicion?.cancel();
    const entries = [...(this.o.auth ? [digestEntry(this.o.auth)] : []), ...this.auths];
    this.authentication = Promise.all(entries.map((entry) => this.sendAuth(connection, entry)));
    this.authentication.catch((error: unknown) =>
      this.o.logger?.warn({ err: error }, 'credentials not accepted'),
    );
    const zxid = this.lastZxid;
    for (const batch of this.watches.batches(MAX_WATCH_BATCH_BYTES, !resumed)) {
      const call = setWatchesCall(zxid, batch);
      connection.sendNow(call as Call, Xid.setWatches);
      call.promise.catch((error: unknown) =>
        connection.close(`watches not restored: ${messageOf(error)}`, error),
      );
    }
    this.connection = connection;
    for (const call of this.waiting.take()) connection.send(call);
    const { sessionId } = this.credentialsNow;
    this.o.logger?.debug({ resumed, timeoutMs: this.negotiatedTimeoutMs }, 'connected to ZooKeeper');
    this.setState({ name: 'connected', sessionId });
    if (this.connection === connection) {
      this.watches.rearmed((registration, event) => this.deliver(registration.listener, event));
    }
  }

  private async sendAuth(connection: Connection, entry: AuthEntry): Promise<void> {
    const call = authCall(entry);
    connection.sendNow(call as Call, Xid.auth);
    try {
      await call.promise;
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === 'ZK_AUTH_FAILED') {
        // The server is about to drop the connection. Be first, so that nothing is sent in vain. What was added is not offered
        // again; without what the session was given nothing may be sent, so that is tried until it is accepted.
        const added = this.auths.indexOf(entry);
        if (added >= 0) this.auths.splice(added, 1);
        connection.close('the credentials were refused');
      }
      throw error;
    }
  }

  private disconnected(error: ZooKeeperError, unsent: Call[]): void {
    this.connection = undefined;
    const refusal = this.refusal();
    if (refusal) {
      for (const call of unsent) call.fail(refusal);
      return;
    }
    for (const call of unsent) this.waiting.add(call, this.negotiatedTimeoutMs);
    this.o.logger?.warn({ err: error }, 'the connection to ZooKeeper is gone');
    const left = this.aliveAt + this.negotiatedTimeoutMs - this.o.clock.monotonic();
    this.suspicion?.cancel();
    this.suspicion = this.o.clock.after(left, () => this.lose('suspected'));
    const { sessionId } = this.credentialsNow;
    this.setState({ name: 'suspended', sessionId, since: this.o.clock.now() });
  }

  private lose(reason: LossReason): void {
    const { sessionId } = this.credentialsNow;
    if (this.finished() || sessionId === 0n) return;
    this.suspicion?.cancel();
    this.credentialsNow = NO_SESSION;
    // A new session may start on any server, also on one that was restored from a backup.
    this.lastZxid = 0n;
    this.attempt?.abort(new ZooKeeperError('ZK_SESSION_EXPIRED'));
    this.o.logger?.warn({ reason }, 'the ZooKeeper session is lost');
    this.waiting.fail(new ZooKeeperError('ZK_SESSION_EXPIRED'));
    this.setState({ name: 'lost', sessionId, reason });
    this.watches.expire(this.finished(), (registration, event) => this.deliver(registration.listener, event));
  }

  private finished(): boolean {
    return this.stopped.signal.aborted || (this.current.name === 'lost' && !this.o.renewSession);
  }

  /** Why no request can succeed any more, or `undefined`. */
  refusal(): ZooKeeperError | undefined {
    if (this.stopped.signal.aborted) return new ZooKeeperError('ZK_CLOSED');
    return this.finished() ? new ZooKeeperError('ZK_SESSION_EXPIRED') : undefined;
  }

  /**
   * All servers are to be tried within a session timeout; and after a connection was given up at 2/3 of it, the last third must
   * be enough for an attempt.
   */
  private attemptTimeoutMs(): number {
    return this.o.connectTimeoutMs ?? this.negotiatedTimeoutMs / Math.max(this.o.hosts.size, 3);
  }

  /** The request, at whose end its watch is settled too. */
  private settling<T>(request: Request<T>, registration: Registration): Request<T> {
    const onSettled = (error: unknown) => {
      request.onSettled?.(error);
      this.settleWatch(registration, request, error);
    };
    return { ...request, onSettled };
  }

  private settleWatch(registration: Registration, request: Request<unknown>, error: unknown): void {
    if (error === undefined) return;
    const absent = error instanceof ZooKeeperError && error.code === 'ZK_NO_NODE';
    // `exists` on a missing node arms a watch all the same: for its creation.
    if (absent && request.op === OpCode.exists) this.watches.move(registration, 'exist');
    else this.watches.remove(registration);
  }

  private notify(event: WatcherEvent): void {
    this.watches.dispatch(event, (registration, seen) => this.deliver(registration.listener, seen));
  }

  private setState(state: ConnectionState): void {
    this.current = state;
    for (const listener of this.stateListeners) {
      // A listener may have closed the client: the others know that already.
      if (this.current === state) this.deliver(listener, state);
    }
  }

  /** A fault in a listener is its owner's: it must not reach the protocol, nor vanish. */
  private deliver<T>(listener: (value: T) => void, value: T): void {
    try {
      listener(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
