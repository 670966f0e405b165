/** What keeping one request costs beside its bytes. */
const OVERHEAD_BYTES = 200;

/**
 * The raw export requests, oldest dropped first when they take more than `maxBytes`. Keeping one is a copy; nothing is decoded
 * until somebody asks.
 */
export class ExportRing {
  private requests: Buffer[] = [];
  /** Everything before it has been dropped; the array is cut when half of it is such. */
  private first = 0;
  private total = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  add(request: Buffer): void {
    const cost = request.length + OVERHEAD_BYTES;
    if (cost > this.maxBytes) return;
    // A copy of its own: what arrived may be a small part of a large network buffer, which would stay alive with it.
    const copy = Buffer.allocUnsafeSlow(request.length);
    request.copy(copy);
    this.requests.push(copy);
    this.total += cost;
    while (this.total > this.maxBytes) {
      this.total -= (this.requests[this.first] as Buffer).length + OVERHEAD_BYTES;
      this.requests[this.first++] = Buffer.alloc(0);
    }
    if (this.first * 2 > this.requests.length) {
      this.requests = this.requests.slice(this.first);
      this.first = 0;
    }
  }

  /** The requests, newest first. */
  *newestFirst(): Generator<Buffer> {
    for (let i = this.requests.length - 1; i >= this.first; i--) yield this.requests[i] as Buffer;
  }

  get bytes(): number {
    return this.total;
  }

  get size(): number {
    return this.requests.length - this.first;
  }
}
