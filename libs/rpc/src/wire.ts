import { BinaryReader } from '@bufbuild/protobuf/wire';

// Reading protobuf without generated code: for the few messages of gRPC's own that need no schema in the repository.

/**
 * Calls `take` for each field; a field that it does not take (`false`) is skipped.
 *
 * @throws Error for bytes that are no message.
 * @internal
 */
export function readFields(bytes: Uint8Array, take: (reader: BinaryReader, field: number) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!take(reader, field)) reader.skip(type);
  }
}

/** Every value of a field of type bytes, string or message. @internal */
export function allBytes(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  readFields(bytes, (reader, field) => {
    if (field !== wanted) return false;
    found.push(reader.bytes());
    return true;
  });
  return found;
}

/** The first value; empty when there is none. @internal */
export function firstBytes(bytes: Uint8Array, wanted: number): Uint8Array {
  return allBytes(bytes, wanted)[0] ?? new Uint8Array();
}

/** @internal */
export function firstString(bytes: Uint8Array, wanted: number): string {
  return Buffer.from(firstBytes(bytes, wanted)).toString();
}
