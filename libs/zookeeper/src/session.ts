import { messageOf, sleep, type Timer } from '@flashmesh/core';
import { Call, type Request } from './call.ts';
import type { Connection } from './connection.ts';
import { closeSessionCall, setWatchesCall } from './control-calls.ts';
import { deliver } from './deliver.ts';
import { ZooKeeperError } from './errors.ts';
import { type Established, openConnection } from './open-connection.ts';
import { Xid } from './op-codes.ts';
import { findReadWrite } from './read-write-search.ts';
import { removeWatches, type WatcherType } from './requests.ts';
import { SessionAuth } from './session-auth.ts';
import type { SessionCredentials, SessionOptions } from './session-options.ts';
import { type ArmedWatch, SessionWatches, type Watch } from './session-watches.ts';
import type { ConnectionState, LossReason } from './state.ts';
import { WaitingCalls } from './waiting-calls.ts';
import type { Registration } from './watch-registry.ts';

const NO_SESSION: SessionCredentials = { sessionId: 0n, password: Buffer.alloc(16) };
const MAX_PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 50;
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
  readonly auth: SessionAuth;
  private readonly watches: SessionWatches;
  private readonly stateListeners = new Set<(state: ConnectionState) => void>();
  private readonly waiting: WaitingCalls;
  private failure: unknown;
  private readonly stopped = new AbortController();
  private current: ConnectionState = { name: 'connecting' };
  private credentialsNow: SessionCredentials;
  private negotiatedTimeoutMs: number;
  private lastZxid = 0n;
  /** The latest moment at which the session is known to have been alive, which only a server with a quorum knows. */
  private aliveAt = 0;
  /** The latest moment at which any server took it for alive. */
  private heardAt = 0;
  /** Whether a server with a quorum has seen the session: one that was made without is unknown to all others. */
  private confirmed: boolean;
  private connection: Connection | undefined;
  /** One on which the client still makes itself known. */
  private proving: Connection | undefined;
  private attempt: AbortController | undefined;
  private suspicion: Timer | undefined;

  constructor(o: SessionOptions) {
    this.o = o;
    this.waiting = new WaitingCalls(o.clock);
    this.watches = new SessionWatches((request) => this.askNow(request), o.logger);
    this.confirmed = o.resume !== undefined;
    this.auth = new SessionAuth(o);
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
    return sessionId === 0n || !this.confirmed
      ? 0
      : this.aliveAt + this.negotiatedTimeoutMs - this.o.clock.monotonic();
  }

  /** Why the last attempt to connect failed; `undefined` when none did. */
  get lastFailure(): unknown {
    return this.failure;
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
    const armed = watch && this.watches.arm(watch);
    let call: Call<T>;
    try {
      call = new Call(armed ? settling(request, armed) : request);
    } catch (error) {
      armed?.discard();
      throw error;
    }
    const refusal = this.refusal();
    if (refusal) call.fail(refusal);
    else if (this.connection) this.connection.send(call as Call);
    else this.waiting.add(call as Call, this.negotiatedTimeoutMs);
    if (signal) call.abortWith(signal);
    armed?.sent();
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
          if (error === undefined) removed.push(...this.watches.take(path, type));
        },
      },
      signal,
    );
    for (const { listener } of removed) deliver(listener, { type: 'removed', path });
  }

  private askNow(request: Request<unknown>): Promise<unknown> | undefined {
    if (!this.connection?.isOpen) return undefined;
    const call = new Call(request);
    this.connection.send(call);
    return call.promise;
  }

  /** Adds credentials to this and every later connection. @throws ZooKeeperError `ZK_AUTH_FAILED`. */
  async addAuth(scheme: string, auth: Buffer, signal?: AbortSignal): Promise<void> {
    const refusal = this.refusal();
    if (refusal) throw refusal;
    await this.auth.add({ scheme, auth }, this.connection, signal);
  }

  /** Ends the session at the server, when there is a connection, and the client. */
  async close(): Promise<void> {
    const connection = this.connection;
    if (connection && !this.stopped.signal.aborted) {
      const call = closeSessionCall();
      connection.send(call as Call);
      // The server may drop the connection instead of answering: both mean that it got the request.
      const answered = call.promise.catch(() => undefined);
      const late = this.o.clock.after(CLOSE_TIMEOUT_MS, () => call.fail(new ZooKeeperError('ZK_CLOSED')));
      await answered;
      late.cancel();
    }
    this.stop('the client was closed');
  }

  /** Ends the client and leaves the session to expire at the server. */
  stop(reason: string): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort(new ZooKeeperError('ZK_CLOSED', reason));
    this.suspicion?.cancel();
    this.watches.clear();
    (this.connection ?? this.proving)?.close(reason);
    this.waiting.fail(new ZooKeeperError('ZK_CLOSED', reason));
    this.setState({ name: 'closed' });
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.finished()) {
      const startedAt = this.o.clock.monotonic();
      this.attempt = new AbortController();
      const session = this.credentialsNow;
      const hello = {
        ...(this.confirmed ? session : NO_SESSION),
        lastZxid: this.lastZxid,
        timeoutMs: this.o.requestedTimeoutMs,
        readOnly: this.o.readOnly,
      };
      try {
        const established = await openConnection(this.o.hosts.next(), hello, {
          timeoutMs: this.attemptTimeoutMs(),
          dial: this.o.dial,
          clock: this.o.clock,
          signal: AbortSignal.any([this.attempt.signal, this.stopped.signal]),
        });
        await this.use(established, session, hello.sessionId);
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

  /**
   * Works with an established connection until it closes.
   *
   * @param session that the client had when it asked for one; it may have been lost since.
   * @param askedFor 0 when it asked for another.
   */
  private async use(established: Established, session: SessionCredentials, askedFor: bigint): Promise<void> {
    const { welcome, helloSentAt } = established;
    if (session !== this.credentialsNow || this.finished()) return established.discard();
    if (welcome.timeoutMs <= 0) {
      established.discard();
      return this.lose('expired');
    }
    const resumed = askedFor !== 0n && welcome.sessionId === askedFor;
    if (askedFor !== 0n && !resumed) {
      this.lose('replaced');
      if (this.finished()) return established.discard();
    }
    // One that only read-only servers knew is replaced without having been lost.
    const newSession = !resumed && this.credentialsNow.sessionId === 0n;
    const { sessionId, password, readOnly } = welcome;
    this.credentialsNow = { sessionId, password };
    this.confirmed = resumed || !readOnly;
    this.negotiatedTimeoutMs = welcome.timeoutMs;
    const alive = (sentAt: number) => {
      this.heardAt = Math.max(this.heardAt, sentAt);
      if (!readOnly) this.aliveAt = Math.max(this.aliveAt, sentAt);
    };
    alive(helloSentAt);
    // The server has the session: it is not lost while this connection stands.
    this.suspicion?.cancel();
    const closed = Promise.withResolvers<void>();
    const over = new AbortController();
    const connection = established.start(
      {
        onZxid: (zxid) => {
          if (zxid > this.lastZxid) this.lastZxid = zxid;
        },
        onAcknowledged: alive,
        onNotification: (event) => this.watches.notify(event),
        onClose: (error, unsent) => {
          over.abort();
          closed.resolve();
          this.disconnected(error, unsent);
        },
      },
      this.o.maxInFlight,
    );
    this.proving = connection;
    try {
      await this.auth.prove(connection, this.attemptTimeoutMs());
    } catch (error) {
      this.failure = error;
      connection.close('SASL failed', error);
    }
    this.proving = undefined;
    // It may have broken meanwhile, or been closed with the session: what was sent on it then would wait for ever.
    if (!over.signal.aborted) {
      this.restore(connection, { newSession, readOnly });
      if (readOnly) await this.seekReadWrite(connection, over.signal);
    }
    await closed.promise;
  }

  /** Leaves a read-only server as soon as another takes writes. */
  private async seekReadWrite(connection: Connection, signal: AbortSignal): Promise<void> {
    const { hosts, dial, clock, logger } = this.o;
    const found = await findReadWrite({
      hosts,
      dial,
      clock,
      logger,
      signal,
      timeoutMs: this.attemptTimeoutMs(),
    });
    if (!found) return;
    hosts.prefer(found);
    connection.close('a server that takes writes was found');
  }

  /** Credentials, then watches, then what waited: nobody may read past an event that was missed. */
  private restore(connection: Connection, o: { newSession: boolean; readOnly: boolean }): void {
    const { newSession, readOnly } = o;
    this.auth.offer(connection);
    const zxid = this.lastZxid;
    for (const batch of this.watches.batches(newSession)) {
      const call = setWatchesCall(zxid, batch);
      connection.sendNow(call as Call, Xid.setWatches);
      call.promise.catch((error: unknown) =>
        connection.close(`watches not restored: ${messageOf(error)}`, error),
      );
    }
    this.connection = connection;
    for (const call of this.waiting.take()) connection.send(call);
    const { sessionId } = this.credentialsNow;
    this.o.logger?.debug(
      { newSession, readOnly, timeoutMs: this.negotiatedTimeoutMs },
      'connected to ZooKeeper',
    );
    this.setState({ name: 'connected', sessionId, readOnly });
    if (this.connection === connection) this.watches.rearmed();
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
    const left = this.heardAt + this.negotiatedTimeoutMs - this.o.clock.monotonic();
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
    this.confirmed = false;
    // A new session may start on any server, also on one that was restored from a backup.
    this.lastZxid = 0n;
    this.attempt?.abort(new ZooKeeperError('ZK_SESSION_EXPIRED'));
    this.o.logger?.warn({ reason }, 'the ZooKeeper session is lost');
    this.waiting.fail(new ZooKeeperError('ZK_SESSION_EXPIRED'));
    this.setState({ name: 'lost', sessionId, reason });
    this.watches.expire(this.finished());
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

  private setState(state: ConnectionState): void {
    this.current = state;
    for (const listener of this.stateListeners) {
      // A listener may have closed the client: the others know that already.
      if (this.current === state) deliver(listener, state);
    }
  }
}

/** The request, at whose end its watch is settled too. */
function settling<T>(request: Request<T>, armed: ArmedWatch): Request<T> {
  const onSettled = (error: unknown) => {
    request.onSettled?.(error);
    armed.settled(request.op, error);
  };
  return { ...request, onSettled };
}
