import { ZooKeeperError } from './errors.ts';

/** Where the two halves of a long are put together: one allocation, where `Buffer.readBigInt64BE` makes several. */
const scratch = new DataView(new ArrayBuffer(8));

/**
 * Reads jute records from one frame without copying: buffers that it returns are views of the frame.
 * Every read is bounds-checked and throws `ZK_MARSHALLING_ERROR` on a frame that is too short or makes no sense.
 */
export class JuteReader {
  private readonly bytes: Buffer;
  private offset = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  int(): number {
    return this.bytes.readInt32BE(this.advance(4));
  }

  long(): bigint {
    const start = this.advance(8);
    scratch.setInt32(0, this.bytes.readInt32BE(start));
    scratch.setInt32(4, this.bytes.readInt32BE(start + 4));
    return scratch.getBigInt64(0);
  }

  /** A long that is known to be a safe integer, such as a time in milliseconds. */
  safeLong(): number {
    const start = this.advance(8);
    return this.bytes.readInt32BE(start) * 2 ** 32 + this.bytes.readUInt32BE(start + 4);
  }

  bool(): boolean {
    return this.bytes[this.advance(1)] !== 0;
  }

  /** A jute `buffer`; its null reads as `null`. */
  buffer(): Buffer | null {
    const length = this.int();
    if (length < 0) return null;
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  ustring(): string {
    const length = this.int();
    if (length <= 0) return '';
    const start = this.advance(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  vector<T>(read: (reader: this) => T): T[] {
    const count = this.int();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read(this));
    return items;
  }

  private advance(count: number): number {
    const start = this.offset;
    if (count > this.bytes.length - start) {
      throw new ZooKeeperError(
        'ZK_MARSHALLING_ERROR',
        `${count} bytes expected, ${this.remaining} left in the frame`,
      );
    }
    this.offset = start + count;
    return start;
  }
}
