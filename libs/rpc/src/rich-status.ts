import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { FlashmeshError } from '@flashmesh/core';
import { firstBytes, firstString, readFields } from './wire.ts';

/**
 * Rich errors as every gRPC library reads them: a `google.rpc.Status` in the trailer `grpc-status-details-bin`, with details of
 * three types of google/rpc/error_details.proto. The few fields of theirs are read and written by hand, as those of health.
 */
export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';

const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
/** Tells our reasons from those of others. */
const DOMAIN = 'flashmesh';

/** What a status said beside its code and its message. @internal */
export interface StatusDetails {
  /** ErrorInfo: a stable word for programs. */
  readonly reason: string | undefined;
  /** BadRequest: the first field that broke a rule. */
  readonly field: string | undefined;
  /** RetryInfo: how long to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** @internal */
export function encodeStatusDetails(code: number, error: FlashmeshError): Buffer {
  const message = error.message.toWellFormed();
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(code);
  writer.tag(2, WireType.LengthDelimited).string(message);
  detail(writer, 'ErrorInfo', (info) => {
    info.tag(1, WireType.LengthDelimited).string(error.code.toWellFormed());
    info.tag(2, WireType.LengthDelimited).string(DOMAIN);
  });
  const { field, retryAfterMs } = error;
  if (field !== undefined) {
    detail(writer, 'BadRequest', (request) => {
      const violation = request.tag(1, WireType.LengthDelimited).fork();
      violation.tag(1, WireType.LengthDelimited).string(field.toWellFormed());
      violation.tag(2, WireType.LengthDelimited).string(message);
      violation.join();
    });
  }
  if (retryAfterMs !== undefined) {
    detail(writer, 'RetryInfo', (info) => {
      const delay = info.tag(1, WireType.LengthDelimited).fork();
      delay.tag(1, WireType.Varint).int64(Math.floor(retryAfterMs / 1000));
      delay.tag(2, WireType.Varint).int32(Math.round((retryAfterMs % 1000) * 1e6));
      delay.join();
    });
  }
  return Buffer.from(writer.finish());
}

/** `undefined` for bytes that are no status: whoever wrote them, they are worth nothing. @internal */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | undefined {
  const found: { reason?: string; field?: string; retryAfterMs?: number } = {};
  try {
    readFields(bytes, (status, number) => {
      if (number !== 3) return false;
      const { type, value } = decodeAny(status.bytes());
      if (type === 'ErrorInfo') found.reason = firstString(value, 1) || undefined;
      if (type === 'BadRequest') found.field ??= firstString(firstBytes(value, 1), 1) || undefined;
      if (type === 'RetryInfo') found.retryAfterMs = decodeDuration(firstBytes(value, 1));
      return true;
    });
  } catch {
    return undefined;
  }
  return { reason: found.reason, field: found.field, retryAfterMs: found.retryAfterMs };
}

function detail(writer: BinaryWriter, type: string, write: (value: BinaryWriter) => void): void {
  const any = writer.tag(3, WireType.LengthDelimited).fork();
  any.tag(1, WireType.LengthDelimited).string(TYPE_PREFIX + type);
  const value = any.tag(2, WireType.LengthDelimited).fork();
  write(value);
  value.join();
  any.join();
}

function decodeAny(bytes: Uint8Array): { readonly type: string; readonly value: Uint8Array } {
  const name = firstString(bytes, 1);
  return {
    type: name.startsWith(TYPE_PREFIX) ? name.slice(TYPE_PREFIX.length) : '',
    value: firstBytes(bytes, 2),
  };
}

function decodeDuration(bytes: Uint8Array): number {
  let ms = 0;
  readFields(bytes, (reader, field) => {
    if (field === 1) ms += Number(reader.int64()) * 1000;
    else if (field === 2) ms += reader.int32() / 1e6;
    else return false;
    return true;
  });
  return ms;
}
