import type { Attribute } from './otlp.ts';
import type { StoredSpan } from './trace-query.ts';

/** A tag in Jaeger's JSON. */
type Tag = Attribute;

interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references: { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[];
  /** Microseconds since the epoch. */
  startTime: number;
  /** Microseconds. */
  duration: number;
  flags: number;
  tags: Tag[];
  logs: { timestamp: number; fields: Tag[] }[];
  processID: string;
  warnings: null;
}

/** One trace as Jaeger's query API and page know it. */
export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags: Tag[] }>;
  warnings: null;
}

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

/** Spans of one trace in Jaeger's JSON: resources become processes, events logs, links FOLLOWS_FROM references. */
export function jaegerTrace(spans: StoredSpan[]): JaegerTrace {
  const processIds = new Map<string, string>();
  const processes: JaegerTrace['processes'] = {};
  const processOf = (span: StoredSpan): string => {
    const tags = span.resource.filter(({ key }) => key !== 'service.name');
    const identity = JSON.stringify([span.service, tags]);
    const known = processIds.get(identity);
    if (known) return known;
    const id = `p${processIds.size + 1}`;
    processIds.set(identity, id);
    processes[id] = { serviceName: span.service, tags };
    return id;
  };
  return {
    traceID: spans[0]?.traceId ?? '',
    spans: spans.map((span) => jaegerSpan(span, processOf(span))),
    processes,
    warnings: null,
  };
}

function jaegerSpan(span: StoredSpan, processID: string): JaegerSpan {
  const references: JaegerSpan['references'] = [];
  if (span.parentSpanId !== '') {
    references.push({ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentSpanId });
  }
  for (const link of span.links) {
    references.push({ refType: 'FOLLOWS_FROM', traceID: link.traceId, spanID: link.spanId });
  }
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    operationName: span.name,
    references,
    startTime: span.startUs,
    duration: Math.max(0, span.endUs - span.startUs),
    flags: 1,
    tags: [...span.attributes, ...derivedTags(span)],
    logs: span.events.map((event) => ({
      timestamp: event.timeUs,
      fields: [text('event', event.name), ...event.attributes],
    })),
    processID,
    warnings: null,
  };
}

/** What OTLP says in fields of its own and Jaeger in tags. */
function derivedTags(span: StoredSpan): Tag[] {
  const tags: Tag[] = [];
  const kind = KINDS[span.kind];
  if (kind) tags.push(text('span.kind', kind));
  if (span.scope !== '') tags.push(text('otel.scope.name', span.scope));
  if (span.traceState !== '') tags.push(text('w3c.tracestate', span.traceState));
  if (span.statusCode === 1) tags.push(text('otel.status_code', 'OK'));
  if (span.statusCode === 2) {
    tags.push(text('otel.status_code', 'ERROR'), { key: 'error', type: 'bool', value: true });
    if (span.statusMessage !== '') tags.push(text('otel.status_description', span.statusMessage));
  }
  return tags;
}

function text(key: string, value: string): Tag {
  return { key, type: 'string', value };
}
