import { type Clock, sleep, systemClock } from '@flashmesh/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** How often a drain looks whether it may end. */
const LOOK_MS = 100;
/** Connections that carry requests all the time have said one more by then, and were told to go elsewhere. */
const FAREWELL_MS = 3000;

/**
 * Counts requests under way and, once told to, moves clients to other instances: every answer from then on closes its
 * connection, which a client takes as the end of a connection and not as a failure. Streams of events do not count: they last
 * as long as the buyer looks, and reconnect by themselves.
 */
export class RequestDrain {
  private readonly server: FastifyInstance;
  private readonly clock: Clock;
  private active = 0;
  private draining = false;

  constructor(server: FastifyInstance, clock: Clock = systemClock) {
    this.server = server;
    this.clock = clock;
    server.addHook('onRequest', (request, reply, done) => {
      if (isStream(request)) return done();
      this.active++;
      reply.raw.once('close', () => this.active--);
      return done();
    });
    server.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.draining) reply.header('connection', 'close');
      done();
    });
  }

  /**
   * Resolves when no request is under way and the idle connections are closed, or after `timeoutMs`. New requests are served
   * meanwhile: whoever sends them did not know yet.
   */
  async run(timeoutMs: number): Promise<void> {
    this.draining = true;
    const start = this.clock.monotonic();
    const elapsed = () => this.clock.monotonic() - start;
    await sleep(Math.min(FAREWELL_MS, timeoutMs), undefined, this.clock);
    this.server.server.closeIdleConnections();
    while (this.active > 0 && elapsed() < timeoutMs) {
      await sleep(LOOK_MS, undefined, this.clock);
      this.server.server.closeIdleConnections();
    }
  }
}

function isStream({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url?.endsWith('/events') ?? false;
}
