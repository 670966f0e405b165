import { FlashmeshError } from '@flashmesh/core';
import type { FastifyInstance } from 'fastify';
import { problemOf } from '../http/problem.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Asked of a refused buyer: by then a good part of the line has been answered. */
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
 * Orders pass through the waiting room, and are refused with 429 when it is full or too slow. It comes before everything else (body,
 * token, span), because waiting and refusing must cost next to nothing just when there is most of both.
 */
export function admitOrders(server: FastifyInstance, room: WaitingRoom): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'POST' || request.routeOptions.url !== '/api/orders') return done();
    const place = room.enter({
      admitted: done,
      refused: () => {
        reply
          .code(429)
          .header('retry-after', RETRY_AFTER_SECONDS)
          .type('application/problem+json')
          .send(refusal);
      },
    });
    // Comes once for every request: answered, aborted or cut off, also while it waits.
    reply.raw.once('close', () => place.leave(reply.raw.statusCode >= 500));
    return undefined;
  });
}
