import { FlashmeshError } from '@flashmesh/core';
import type { FastifyInstance } from 'fastify';
import { problemOf } from '../http/problem.ts';
import type { InFlight } from './in-flight.ts';

/** Asked of a refused buyer: by then a good part of what is under way has been answered. */
const RETRY_AFTER_SECONDS = 1;

const refusal = JSON.stringify(
  problemOf(
    new FlashmeshError(
      'resource_exhausted',
      'TOO_MANY_REQUESTS',
      'too many orders are under way, come back in a moment',
    ),
  ).problem,
);

/**
 * Admission at the edge: so many orders under way, and the next one is refused at once instead of waiting in a queue that
 * nobody sees. What is under way keeps its latency, and a refused buyer knows when to come back. It comes before everything
 * else (body, token, span), because refusing must cost next to nothing just when there is most to refuse.
 */
export function shedOrders(server: FastifyInstance, inFlight: InFlight): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'POST' || request.routeOptions.url !== '/api/orders') return done();
    if (!inFlight.enter()) {
      reply
        .code(429)
        .header('retry-after', RETRY_AFTER_SECONDS)
        .type('application/problem+json')
        .send(refusal);
      return undefined;
    }
    // Comes once for every request: answered, aborted or cut off.
    reply.raw.once('close', () => inFlight.leave());
    return done();
  });
}
