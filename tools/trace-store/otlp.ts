import { WireReader } from './wire-reader.ts';

/** An attribute's value; lists, maps and bytes come as JSON or base64 text. */
export type AttributeValue = string | number | boolean;

export interface Attribute {
  readonly key: string;
  /** As Jaeger names it. */
  readonly type: 'string' | 'int64' | 'float64' | 'bool' | 'binary';
  readonly value: AttributeValue;
}

export interface SpanEvent {
  readonly timeUs: number;
  readonly name: string;
  readonly attributes: Attribute[];
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span as OTLP brings it; ids in hex, times in microseconds since the epoch. */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: number;
  startUs: number;
  endUs: number;
  attributes: Attribute[];
  events: SpanEvent[];
  links: SpanLink[];
  /** 0 unset, 1 ok, 2 error. */
  statusCode: number;
  statusMessage: string;
}

/** The spans of one resource in an export request, not decoded yet. */
export interface SpanGroup {
  readonly resource: Buffer | undefined;
  readonly spans: { readonly scope: string; readonly bytes: Buffer }[];
}

/** Takes an ExportTraceServiceRequest apart without decoding its spans. */
export function spanGroups(request: Buffer): SpanGroup[] {
  const groups: SpanGroup[] = [];
  for (const reader = new WireReader(request); reader.next();) {
    if (reader.field === 1) groups.push(readGroup(reader.message()));
    else reader.skip();
  }
  return groups;
}

function readGroup(reader: WireReader): SpanGroup {
  let resource: Buffer | undefined;
  const spans: { scope: string; bytes: Buffer }[] = [];
  while (reader.next()) {
    if (reader.field === 1) resource = reader.view();
    else if (reader.field === 2) readScope(reader.message(), spans);
    else reader.skip();
  }
  return { resource, spans };
}

function readScope(reader: WireReader, into: { scope: string; bytes: Buffer }[]): void {
  let scope = '';
  const views: Buffer[] = [];
  while (reader.next()) {
    if (reader.field === 1) scope = readScopeName(reader.message());
    else if (reader.field === 2) views.push(reader.view());
    else reader.skip();
  }
  for (const bytes of views) into.push({ scope, bytes });
}

function readScopeName(reader: WireReader): string {
  let name = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else reader.skip();
  }
  return name;
}

/** The attributes of a Resource. */
export function readResource(bytes: Buffer | undefined): Attribute[] {
  const attributes: Attribute[] = [];
  for (const reader = new WireReader(bytes ?? Buffer.alloc(0)); reader.next();) {
    if (reader.field === 1) attributes.push(readAttribute(reader.message()));
    else reader.skip();
  }
  return attributes;
}

/** The trace id in hex, without decoding the rest. Encoders write it first. */
export function traceIdOf(span: Buffer): string {
  if (span[0] === 0x0a && span[1] === 16) return span.toString('hex', 2, 18);
  for (const reader = new WireReader(span); reader.next();) {
    if (reader.field === 1) return reader.view().toString('hex');
    reader.skip();
  }
  return '';
}

export function readSpan(bytes: Buffer): OtlpSpan {
  const span: OtlpSpan = {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    name: '',
    kind: 0,
    startUs: 0,
    endUs: 0,
    attributes: [],
    events: [],
    links: [],
    statusCode: 0,
    statusMessage: '',
  };
  for (const reader = new WireReader(bytes); reader.next();) {
    if (reader.field === 1) span.traceId = reader.view().toString('hex');
    else if (reader.field === 2) span.spanId = reader.view().toString('hex');
    else if (reader.field === 3) span.traceState = reader.text();
    else if (reader.field === 4) span.parentSpanId = reader.view().toString('hex');
    else if (reader.field === 5) span.name = reader.text();
    else if (reader.field === 6) span.kind = reader.varint();
    else if (reader.field === 7) span.startUs = microseconds(reader.fixed64());
    else if (reader.field === 8) span.endUs = microseconds(reader.fixed64());
    else if (reader.field === 9) span.attributes.push(readAttribute(reader.message()));
    else if (reader.field === 11) span.events.push(readEvent(reader.message()));
    else if (reader.field === 13) span.links.push(readLink(reader.message()));
    else if (reader.field === 15) readStatus(reader.message(), span);
    else reader.skip();
  }
  return span;
}

function readStatus(reader: WireReader, span: OtlpSpan): void {
  while (reader.next()) {
    if (reader.field === 2) span.statusMessage = reader.text();
    else if (reader.field === 3) span.statusCode = reader.varint();
    else reader.skip();
  }
}

function readEvent(reader: WireReader): SpanEvent {
  let timeUs = 0;
  let name = '';
  const attributes: Attribute[] = [];
  while (reader.next()) {
    if (reader.field === 1) timeUs = microseconds(reader.fixed64());
    else if (reader.field === 2) name = reader.text();
    else if (reader.field === 3) attributes.push(readAttribute(reader.message()));
    else reader.skip();
  }
  return { timeUs, name, attributes };
}

function readLink(reader: WireReader): SpanLink {
  let traceId = '';
  let spanId = '';
  while (reader.next()) {
    if (reader.field === 1) traceId = reader.view().toString('hex');
    else if (reader.field === 2) spanId = reader.view().toString('hex');
    else reader.skip();
  }
  return { traceId, spanId };
}

function readAttribute(reader: WireReader): Attribute {
  let key = '';
  let typed: Typed = { type: 'string', value: '' };
  while (reader.next()) {
    if (reader.field === 1) key = reader.text();
    else if (reader.field === 2) typed = readValue(reader.message());
    else reader.skip();
  }
  return { key, ...typed };
}

type Typed = Pick<Attribute, 'type' | 'value'>;

function readValue(reader: WireReader): Typed {
  let typed: Typed = { type: 'string', value: '' };
  while (reader.next()) {
    if (reader.field === 1) typed = { type: 'string', value: reader.text() };
    else if (reader.field === 2) typed = { type: 'bool', value: reader.varint() !== 0 };
    else if (reader.field === 3) typed = { type: 'int64', value: reader.varint() };
    else if (reader.field === 4) typed = { type: 'float64', value: reader.double() };
    else if (reader.field === 5) typed = asJson(readList(reader.message()));
    else if (reader.field === 6) typed = asJson(readMap(reader.message()));
    else if (reader.field === 7) typed = { type: 'binary', value: reader.view().toString('base64') };
    else reader.skip();
  }
  return typed;
}

function asJson(value: unknown): Typed {
  return { type: 'string', value: JSON.stringify(value) };
}

function readList(reader: WireReader): AttributeValue[] {
  const values: AttributeValue[] = [];
  while (reader.next()) {
    if (reader.field === 1) values.push(readValue(reader.message()).value);
    else reader.skip();
  }
  return values;
}

function readMap(reader: WireReader): Record<string, AttributeValue> {
  const entries: Attribute[] = [];
  while (reader.next()) {
    if (reader.field === 1) entries.push(readAttribute(reader.message()));
    else reader.skip();
  }
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

function microseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n);
}
