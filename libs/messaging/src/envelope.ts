import type { Topic } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import type { FetchedRecord } from './driver.ts';

/** What a publisher says about an event. */
export interface EventAttributes {
  /** Unique: consumers count the first record with an id only. */
  readonly id: string;
  readonly type: string;
  /** Who says so, a URI reference. */
  readonly source: string;
  /** When it happened, milliseconds since the epoch. */
  readonly time: number;
  /** W3C trace context. */
  readonly traceparent?: string;
}

/** An event as a handler gets it. */
export interface IncomingEvent<T> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly source: string;
  /** When it happened, milliseconds since the epoch. */
  readonly time: number;
  readonly data: T;
  readonly traceparent?: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The headers of the CloudEvents 1.0 binary binding for Kafka, with W3C trace context beside them. */
export function encodeHeaders(event: EventAttributes): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_time: new Date(event.time).toISOString(),
    'content-type': 'application/protobuf',
  };
  if (event.traceparent) headers['traceparent'] = event.traceparent;
  return headers;
}

/**
 * Reads a record. A missing or malformed time counts as the time when the log took the record, and a malformed traceparent
 * as none: neither decides anything.
 *
 * @throws FlashmeshError `invalid_argument` (`UNDECODABLE`) when there is no value, no id, another type than the topic's, or
 *   a value that is not such a message.
 */
export function decodeEvent<T>(topic: Topic<T>, partition: number, record: FetchedRecord): IncomingEvent<T> {
  const { headers } = record;
  const id = headers['ce_id'];
  const type = headers['ce_type'];
  if (!id) throw undecodable('has no ce_id');
  if (type !== topic.type) throw undecodable(`has the ce_type "${type ?? ''}" instead of "${topic.type}"`);
  if (!record.value) throw undecodable('has no value');
  const time = Date.parse(headers['ce_time'] ?? '');
  const traceparent = headers['traceparent'];
  return {
    topic: topic.name,
    partition,
    offset: record.offset,
    key: record.key?.toString() ?? '',
    id,
    type,
    source: headers['ce_source'] ?? '',
    time: Number.isNaN(time) ? record.timestamp : time,
    data: decodeValue(topic, record.value),
    traceparent: traceparent && TRACEPARENT.test(traceparent) ? traceparent : undefined,
    headers,
  };
}

function decodeValue<T>(topic: Topic<T>, value: Buffer): T {
  try {
    return topic.codec.decode(value);
  } catch (cause) {
    throw undecodable(`is not a ${topic.type}`, cause);
  }
}

function undecodable(what: string, cause?: unknown): FlashmeshError {
  return new FlashmeshError('invalid_argument', 'UNDECODABLE', `the record ${what}`, { cause });
}
