import { type Clock, type Credentials, within } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Call } from './call.ts';
import type { Connection } from './connection.ts';
import { type AuthEntry, authCall, digestEntry } from './control-calls.ts';
import { isZooKeeperError } from './errors.ts';
import { Xid } from './op-codes.ts';
import { authenticateBySasl } from './sasl-exchange.ts';

/** As whom a session makes itself known, on each of its connections. */
export class SessionAuth {
  private readonly given: Credentials | undefined;
  private readonly sasl: Credentials | undefined;
  private readonly logger: Logger | undefined;
  private readonly clock: Clock;
  /** What the caller added, beside what the session was given. */
  private readonly added: AuthEntry[] = [];
  private readonly refused = Promise.withResolvers<never>();
  private latest: Promise<unknown> = Promise.resolve();

  constructor(o: {
    auth: Credentials | undefined;
    sasl: Credentials | undefined;
    logger: Logger | undefined;
    clock: Clock;
  }) {
    this.given = o.auth;
    this.sasl = o.sasl;
    this.logger = o.logger;
    this.clock = o.clock;
    // Who does not wait for it need not hear of it.
    this.refused.promise.catch(() => undefined);
  }

  /** Rejects when the server refused credentials on the last connection, or that ended before it said anything of them. */
  get accepted(): Promise<unknown> {
    return this.latest;
  }

  /** Rejects when a server has refused to authenticate this client by SASL for the first time. It is tried again all the same. */
  get refusedBySasl(): Promise<never> {
    return this.refused.promise;
  }

  /**
   * Authenticates by SASL, before anything else is sent.
   *
   * @throws ZooKeeperError `ZK_AUTH_FAILED`, `ZK_CONNECTION_LOSS`; FlashmeshError `deadline_exceeded`. The connection is of no use then.
   */
  async prove(connection: Connection, timeoutMs: number): Promise<void> {
    if (!this.sasl) return;
    try {
      const exchange = authenticateBySasl(connection, this.sasl);
      await within(exchange, timeoutMs, 'SASL', undefined, this.clock);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_AUTH_FAILED')) this.refused.reject(error);
      throw error;
    }
  }

  /** Sends all other credentials. */
  offer(connection: Connection): void {
    const entries = [...(this.given ? [digestEntry(this.given)] : []), ...this.added];
    this.latest = Promise.all(entries.map((entry) => this.send(connection, entry)));
    this.latest.catch((error: unknown) => this.logger?.warn({ err: error }, 'credentials not accepted'));
  }

  /** Adds credentials to this and every later connection. @throws ZooKeeperError `ZK_AUTH_FAILED`. */
  async add(entry: AuthEntry, connection: Connection | undefined, signal?: AbortSignal): Promise<void> {
    this.added.push(entry);
    if (!connection) return;
    try {
      await this.send(connection, entry, signal);
    } catch (error) {
      // On a lost connection the next one sends it again.
      if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) return;
      this.drop(entry);
      throw error;
    }
  }

  private drop(entry: AuthEntry): void {
    const at = this.added.indexOf(entry);
    if (at >= 0) this.added.splice(at, 1);
  }

  private async send(connection: Connection, entry: AuthEntry, signal?: AbortSignal): Promise<void> {
    const call = authCall(entry);
    connection.sendNow(call as Call, Xid.auth);
    if (signal) call.abortWith(signal);
    try {
      await call.promise;
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_AUTH_FAILED')) {
        // The server is about to drop the connection. Be first, so that nothing is sent in vain. What was added is not offered
        // again; without what the session was given nothing may be sent, so that is tried until it is accepted.
        this.drop(entry);
        connection.close('the credentials were refused');
      }
      throw error;
    }
  }
}
