/** Bytes that a request may need before its paths and data: frame length, header, versions, flags, one ACL entry. */
const FIXED_PART = 96;
const NULL_LENGTH = -1;

/**
 * Writes one frame in jute, ZooKeeper's serialization (big endian), straight into the buffer that goes to the socket.
 * The frame's length takes the first four bytes and is filled in by {@link JuteWriter.finish}.
 */
export class JuteWriter {
  private bytes: Buffer;
  private offset = 4;

  /** `variableBytes`: about how many bytes of paths and data will follow; a good guess saves growing. */
  constructor(variableBytes = 0) {
    this.bytes = Buffer.allocUnsafe(FIXED_PART + variableBytes);
  }

  int(value: number): this {
    this.reserve(4);
    this.offset = this.bytes.writeInt32BE(value, this.offset);
    return this;
  }

  long(value: bigint): this {
    this.reserve(8);
    this.offset = this.bytes.writeBigInt64BE(value, this.offset);
    return this;
  }

  bool(value: boolean): this {
    this.reserve(1);
    this.offset = this.bytes.writeUInt8(value ? 1 : 0, this.offset);
    return this;
  }

  /** A jute `buffer`. A string is written as UTF-8, `null` as jute's null. */
  buffer(value: Uint8Array | string | null): this {
    if (value === null) return this.int(NULL_LENGTH);
    if (typeof value === 'string') return this.ustring(value);
    this.int(value.length);
    this.reserve(value.length);
    this.bytes.set(value, this.offset);
    this.offset += value.length;
    return this;
  }

  ustring(value: string): this {
    // UTF-8 needs at most three bytes for a UTF-16 unit; the length is known only after the write.
    this.reserve(4 + value.length * 3);
    const written = this.bytes.write(value, this.offset + 4, 'utf8');
    this.bytes.writeInt32BE(written, this.offset);
    this.offset += 4 + written;
    return this;
  }

  vector<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.int(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** The whole frame, its length in front. The writer must not be used afterwards. */
  finish(): Buffer {
    this.bytes.writeInt32BE(this.offset - 4, 0);
    return this.bytes.subarray(0, this.offset);
  }

  private reserve(count: number): void {
    const needed = this.offset + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.offset);
    this.bytes = grown;
  }
}
