import type { event } from '@flashmesh/contracts';
import { invalidArgument } from '@flashmesh/core';

const MAX_DATA_BYTES = 64 * 1024;
const KEY_LENGTH = 256;

/** Text without spaces and control characters, as a URI reference or a type in reverse-DNS style is. */
const PRINTABLE = /^[!-~]+$/;

/**
 * The event, ready for the log: with its key and its time.
 *
 * @throws FlashmeshError `invalid_argument` naming the first field that breaks its rule.
 */
export function checkEvent(received: event.Event, nowMs: number): event.Event {
  const { id, type, source, key, data, time } = received;
  if (!/^[A-Za-z0-9._:-]{1,128}$/.test(id)) {
    throw invalidArgument('id', 'must be 1 to 128 characters of [A-Za-z0-9._:-]');
  }
  requirePrintable('type', type, 128);
  requirePrintable('source', source, 256);
  if (key.length > KEY_LENGTH) throw invalidArgument('key', `must be at most ${KEY_LENGTH} characters`);
  if (data.length > MAX_DATA_BYTES) throw invalidArgument('data', `must be at most ${MAX_DATA_BYTES} bytes`);
  if (time !== undefined && Number.isNaN(time.getTime())) {
    throw invalidArgument('time', 'must be a moment in time');
  }
  return { ...received, key: key || id, time: time ?? new Date(nowMs) };
}

function requirePrintable(field: string, value: string, maxLength: number): void {
  if (value.length > maxLength || !PRINTABLE.test(value)) {
    throw invalidArgument(field, `must be 1 to ${maxLength} printable ASCII characters without spaces`);
  }
}
