/** A request as it was seen on the wire. */
export interface SeenFrame {
  readonly op: number;
  /** Its length, the four bytes of the length itself included. */
  readonly bytes: number;
}

/** Reads the lengths and the operations of a client's requests from the bytes of a new connection on. */
export class FrameMeter {
  readonly frames: SeenFrame[] = [];
  private rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= 4) {
      const bytes = 4 + this.rest.readInt32BE(0);
      if (this.rest.length < bytes) return;
      // The handshake has no operation: its second number is a part of a transaction's.
      this.frames.push({ op: this.rest.readInt32BE(8), bytes });
      this.rest = this.rest.subarray(bytes);
    }
  }
}
