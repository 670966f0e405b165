import { type Clock, sleep, systemClock } from '@flashmesh/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** How often a drain looks whether it may end. */
const LOOK_MS = 100;
/**
 * Looks in a row without a request before it does. Counted and not timed: each look lets the event loop read what has arrived, also
 * when a busy node lets it turn only once a second. A connection that is closed with an unread request on it is a failed request.
 */
const QUIET_LOOKS = 20;

/**
 * Counts requests under way and, once told to, moves clients to other instances: every answer from then on closes its
 * connection, which a client takes as the end of a connection and not as a failure. Streams of events do not count: they last
 * as long as the buyer looks, and reconnect by themselves.
 */
export class RequestDrain {
  private readonly clock: Clock;
  private active = 0;
  private seen = 0;
  private draining = false;

  constructor(server: FastifyInstance, clock: Clock = systemClock) {
    this.clock = clock;
    server.addHook('onRequest', (request, reply, done) => {
      if (isStream(request)) return done();
      this.active++;
      this.seen++;
      reply.raw.once('close', () => this.active--);
      return done();
    });
    server.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.draining) reply.header('connection', 'close');
      done();
    });
  }

  /**
   * Resolves when no request is under way and none has come for a while, or after `timeoutMs`. New requests are served meanwhile:
   * whoever sends them did not know yet.
   */
  async run(timeoutMs: number): Promise<void> {
    this.draining = true;
    const deadline = this.clock.monotonic() + timeoutMs;
    let { seen } = this;
    for (let quiet = 0; quiet < QUIET_LOOKS && this.clock.monotonic() < deadline; quiet++) {
      await sleep(LOOK_MS, undefined, this.clock);
      if (this.active > 0 || this.seen !== seen) quiet = -1;
      ({ seen } = this);
    }
  }
}

function isStream({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.url?.endsWith('/events') ?? false;
}
