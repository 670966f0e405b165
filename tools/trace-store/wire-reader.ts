const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/**
 * Reads one protobuf message field by field, without a schema. After `next()` exactly one of the value methods, or `skip()`,
 * must be called.
 *
 * @throws RangeError where the bytes are no protobuf message
 */
export class WireReader {
  /** Number of the field that `next()` stands on. */
  field = 0;
  private wireType = 0;
  private position = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.position >= this.bytes.length) return false;
    const tag = this.varint();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    return true;
  }

  /** An integer; 64-bit ones beyond 2^53 lose their last digits. Negative ones are two's complement. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    let big = BigInt(value);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      big |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, big));
    }
    throw new RangeError('a varint of more than ten bytes');
  }

  fixed64(): bigint {
    return this.bytes.readBigUInt64LE(this.advance(8));
  }

  double(): number {
    return this.bytes.readDoubleLE(this.advance(8));
  }

  /** A view, not a copy. */
  view(): Buffer {
    const length = this.varint();
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  text(): string {
    return this.view().toString('utf8');
  }

  message(): WireReader {
    return new WireReader(this.view());
  }

  skip(): void {
    if (this.wireType === VARINT) this.varint();
    else if (this.wireType === FIXED64) this.advance(8);
    else if (this.wireType === LENGTH_DELIMITED) this.advance(this.varint());
    else if (this.wireType === FIXED32) this.advance(4);
    else throw new RangeError(`unknown wire type ${this.wireType}`);
  }

  private byte(): number {
    const byte = this.bytes[this.position++];
    if (byte === undefined) throw new RangeError('the message is cut off');
    return byte;
  }

  /** Moves over `length` bytes and returns where they began. */
  private advance(length: number): number {
    const start = this.position;
    if (length < 0 || start + length > this.bytes.length) throw new RangeError('the message is cut off');
    this.position = start + length;
    return start;
  }
}
