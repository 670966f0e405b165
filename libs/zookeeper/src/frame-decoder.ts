import { ZooKeeperError } from './errors.ts';

const PREFIX_BYTES = 4;

/**
 * Cuts a byte stream into frames (int32 length, then the payload), however the network sliced it. A frame that arrived in one
 * piece is a view of that piece; one that spans pieces is assembled once into a buffer of its exact size.
 */
export class FrameDecoder {
  private readonly maxBytes: number;
  private readonly prefix = Buffer.alloc(PREFIX_BYTES);
  private prefixFilled = 0;
  private partial: Buffer | undefined;
  private partialFilled = 0;

  /** @param maxBytes the longest payload accepted. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** @throws ZooKeeperError `ZK_FRAME_TOO_LARGE` when a frame announces more than the limit; the stream is useless then. */
  push(chunk: Buffer, onFrame: (payload: Buffer) => void): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.partial) {
        const copied = chunk.copy(this.partial, this.partialFilled, offset);
        offset += copied;
        this.partialFilled += copied;
        if (this.partialFilled < this.partial.length) return;
        const frame = this.partial;
        this.partial = undefined;
        onFrame(frame);
        continue;
      }
      let length: number;
      if (this.prefixFilled === 0 && chunk.length - offset >= PREFIX_BYTES) {
        length = chunk.readInt32BE(offset);
        offset += PREFIX_BYTES;
      } else {
        const end = offset + PREFIX_BYTES - this.prefixFilled;
        const copied = chunk.copy(this.prefix, this.prefixFilled, offset, end);
        offset += copied;
        this.prefixFilled += copied;
        if (this.prefixFilled < PREFIX_BYTES) return;
        this.prefixFilled = 0;
        length = this.prefix.readInt32BE(0);
      }
      if (length < 0 || length > this.maxBytes) {
        throw new ZooKeeperError(
          'ZK_FRAME_TOO_LARGE',
          `the server sent a frame of ${length} bytes, the limit is ${this.maxBytes}`,
        );
      }
      if (chunk.length - offset >= length) {
        onFrame(chunk.subarray(offset, offset + length));
        offset += length;
      } else {
        this.partial = Buffer.allocUnsafe(length);
        this.partialFilled = 0;
      }
    }
  }
}
