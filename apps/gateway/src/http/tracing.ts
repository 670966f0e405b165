import { contextFromTraceparent, type Span, SpanKind, runInSpan, startSpan } from '@flashmesh/telemetry';
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
    const route = request.routeOptions.url;
    if (route !== undefined && UNTRACED.test(route)) return done();
    const { traceparent } = request.headers;
    const span = startSpan(route === undefined ? request.method : `${request.method} ${route}`, {
      kind: SpanKind.SERVER,
      parent: contextFromTraceparent(typeof traceparent === 'string' ? traceparent : undefined),
      attributes: { 'http.request.method': request.method, ...(route === undefined ? {} : { 'http.route': route }) },
    });
    const { traceId, spanId, traceFlags } = span.spanContext();
    spans.set(request, span);
    reply.header('x-trace-id', traceId);
    reply.header('traceparent', `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`);
    // Comes once for every request: answered, aborted or cut off.
    reply.raw.once('close', () => {
      span.setAttribute('http.response.status_code', reply.raw.statusCode);
      if (reply.raw.statusCode >= 500) span.setStatus({ code: ERROR });
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
  return spans.get(request)?.spanContext().traceId;
}

/** OpenTelemetry's `SpanStatusCode.ERROR`. */
const ERROR = 2;
