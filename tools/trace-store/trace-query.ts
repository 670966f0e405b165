import type { ExportRing } from './export-ring.ts';
import {
  type Attribute,
  type OtlpSpan,
  readResource,
  readSpan,
  type SpanGroup,
  spanGroups,
  traceIdOf,
} from './otlp.ts';

/** A span with where it came from. */
export interface StoredSpan extends OtlpSpan {
  readonly service: string;
  readonly resource: Attribute[];
  readonly scope: string;
}

/** A trace matches when one of its spans fulfils all that is given. Times are in microseconds. */
export interface TraceFilter {
  readonly service: string;
  readonly operation?: string;
  /** Attributes of the span or of its resource, compared as text. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly startUs?: number;
  readonly endUs?: number;
  readonly minDurationUs?: number;
  readonly maxDurationUs?: number;
  readonly limit: number;
}

/** Answers questions by decoding what the ring holds. A request that is no OTLP is passed over. */
export class TraceQuery {
  private readonly ring: ExportRing;

  constructor(ring: ExportRing) {
    this.ring = ring;
  }

  services(): string[] {
    const names = new Set<string>();
    for (const group of this.groups()) names.add(group.service);
    return [...names].sort();
  }

  operations(service: string): string[] {
    const names = new Set<string>();
    for (const group of this.groups()) {
      if (group.service !== service) continue;
      for (const { bytes } of group.spans) names.add(readable(bytes)?.name ?? '(unreadable)');
    }
    return [...names].sort();
  }

  /** The latest traces that match, each whole, the latest first. */
  find(filter: TraceFilter): StoredSpan[][] {
    const ids = new Set<string>();
    search: for (const group of this.groups()) {
      if (group.service !== filter.service) continue;
      for (const { bytes } of group.spans.toReversed()) {
        if (ids.size >= filter.limit) break search;
        const id = traceIdOf(bytes);
        const span = ids.has(id) ? undefined : readable(bytes);
        if (span && matches(span, group.resource, filter)) ids.add(id);
      }
    }
    return this.traces(ids);
  }

  /** The spans of these traces, a list a trace, in order of start; the latest trace first. */
  traces(ids: ReadonlySet<string>): StoredSpan[][] {
    const found = new Map<string, StoredSpan[]>();
    for (const group of this.groups(rawIds(ids))) {
      for (const { scope, bytes } of group.spans.toReversed()) {
        const id = traceIdOf(bytes);
        const span = ids.has(id) ? readable(bytes) : undefined;
        if (!span) continue;
        const spans = found.get(id) ?? [];
        spans.push({ ...span, service: group.service, resource: group.resource, scope });
        found.set(id, spans);
      }
    }
    const startOf = (spans: StoredSpan[]) => spans[0]?.startUs ?? 0;
    // Clocks of exporters may be as coarse as a millisecond: of two that began together, the one that ended later is outside.
    for (const spans of found.values()) spans.sort((a, b) => a.startUs - b.startUs || b.endUs - a.endUs);
    return [...found.values()].sort((a, b) => startOf(b) - startOf(a));
  }

  /** @param containing only requests that hold one of these byte strings somewhere */
  private *groups(containing?: Buffer[]): Generator<Group> {
    for (const request of this.ring.newestFirst()) {
      if (containing && !containing.some((id) => request.includes(id))) continue;
      yield* unlessBroken(() => spanGroups(request).map(withResource)) ?? [];
    }
  }
}

interface Group {
  readonly service: string;
  readonly resource: Attribute[];
  readonly spans: SpanGroup['spans'];
}

function withResource({ resource: bytes, spans }: SpanGroup): Group {
  const resource = readResource(bytes);
  const name = resource.find(({ key }) => key === 'service.name')?.value;
  return { service: String(name ?? 'unknown_service'), resource, spans };
}

function readable(span: Buffer): OtlpSpan | undefined {
  return unlessBroken(() => readSpan(span));
}

/** Nothing is checked when it arrives, so bytes that are no OTLP show only now. */
function unlessBroken<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Searching bytes is a hundred times faster than decoding, but only pays for a few ids. */
function rawIds(ids: ReadonlySet<string>): Buffer[] | undefined {
  return ids.size <= 4 ? [...ids].map((id) => Buffer.from(id, 'hex')) : undefined;
}

function matches(span: OtlpSpan, resource: Attribute[], filter: TraceFilter): boolean {
  const { operation, startUs, endUs, minDurationUs, maxDurationUs, tags = {} } = filter;
  const duration = span.endUs - span.startUs;
  if (operation !== undefined && span.name !== operation) return false;
  if (startUs !== undefined && span.startUs < startUs) return false;
  if (endUs !== undefined && span.startUs > endUs) return false;
  if (minDurationUs !== undefined && duration < minDurationUs) return false;
  if (maxDurationUs !== undefined && duration > maxDurationUs) return false;
  return Object.entries(tags).every(([key, value]) => {
    if (key === 'error') return String(span.statusCode === 2) === value;
    return [...span.attributes, ...resource].some((a) => a.key === key && String(a.value) === value);
  });
}
