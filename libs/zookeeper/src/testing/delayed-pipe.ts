import type { Socket } from 'node:net';

/** Writes chunks to a socket, each after a delay, in the order in which they came. */
export class DelayedPipe {
  private readonly to: Socket;
  private readonly delayMs: () => number;
  private readonly waiting: { dueAt: number; chunk: Buffer }[] = [];

  /** @param delayMs asked for each chunk. */
  constructor(to: Socket, delayMs: () => number) {
    this.to = to;
    this.delayMs = delayMs;
  }

  push(chunk: Buffer): void {
    const delayMs = this.delayMs();
    if (delayMs === 0 && this.waiting.length === 0) return this.write(chunk);
    this.waiting.push({ dueAt: performance.now() + delayMs, chunk });
    if (this.waiting.length === 1) this.plan();
  }

  private plan(): void {
    const next = this.waiting[0];
    if (!next) return;
    setTimeout(
      () => {
        this.waiting.shift();
        this.write(next.chunk);
        this.plan();
      },
      Math.max(next.dueAt - performance.now(), 0),
    ).unref();
  }

  private write(chunk: Buffer): void {
    if (!this.to.destroyed) this.to.write(chunk);
  }
}
