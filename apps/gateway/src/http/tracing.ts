import {
  attr,
  contextFromTraceparent,
  runInSpan,
  type Span,
  SpanKind,
  SpanStatusCode,
  startSpan,
  traceparentOfSpan,
} from '@flashmesh/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** The spans of the requests under way. */
const spans = new WeakMap<FastifyRequest, Span>();

/** Probes and documentation say nothing about the shop. */
const UNTRACED = /^\/(livez|readyz|docs)/;

/**
 * One server span a request, named by its route (`POST /api/orders`), a child of the client's `traceparent`; the answer names
 * the trace in `traceparent` and `x-trace-id`. The handler runs inside the span.
 */
export function traceRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    const { method, headers } = request;
    const route = request.routeOptions.url;
    if (route !== undefined && UNTRACED.test(route)) return done();
    const { traceparent } = headers;
    const span = startSpan(route === undefined ? method : `${method} ${route}`, {
      kind: SpanKind.SERVER,
      parent: contextFromTraceparent(typeof traceparent === 'string' ? traceparent : undefined),
      attributes: { [attr.httpMethod]: method, [attr.httpRoute]: route },
    });
    spans.set(request, span);
    const own = traceparentOfSpan(span);
    if (own !== undefined) {
      reply.header('traceparent', own);
      reply.header('x-trace-id', span.spanContext().traceId);
    }
    const { raw } = reply;
    // Comes once for every request: answered, aborted or cut off.
    raw.once('close', () => {
      span.setAttribute(attr.httpStatusCode, raw.statusCode);
      if (raw.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    return done();
  });
  // After the body has been read: reading it loses the asynchronous context of the hook above.
  server.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) runInSpan(span, done);
    else done();
  });
}

/** The trace of the request, where it has one. */
export function traceIdOf(request: FastifyRequest): string | undefined {
  const traceId = spans.get(request)?.spanContext().traceId;
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId;
}
