import { Duplex } from 'node:stream';
import type { Clock } from '@flashmesh/core';
import type { Prng } from './prng.ts';
import type { SimulatedProcess } from './process.ts';

/** One direction of a connection: keeps the order, takes its time, and may fall silent. */
class Pipe {
  /** How many bytes arrive at a time at most. */
  sliceBytes = Infinity;
  private readonly clock: Clock;
  private readonly random: Prng;
  private readonly deliver: (bytes: Buffer) => void;
  private queue: (() => void)[] = [];
  private lastAt = 0;
  private silent = false;
  private closed = false;

  constructor(clock: Clock, random: Prng, deliver: (bytes: Buffer) => void) {
    this.clock = clock;
    this.random = random;
    this.deliver = deliver;
  }

  send(bytes: Buffer): void {
    // Now and then the halves of a write come apart.
    const cut = bytes.length > 1 && this.random.chance(0.1) ? 1 + this.random.below(bytes.length - 1) : 0;
    for (const part of cut ? [bytes.subarray(0, cut), bytes.subarray(cut)] : [bytes]) {
      this.later(() => {
        for (let at = 0; at < part.length && !this.closed; at += this.sliceBytes) {
          this.deliver(part.subarray(at, Math.min(at + this.sliceBytes, part.length)));
        }
      });
    }
  }

  /** Does something at the other end, after all that was sent before. */
  later(arrive: () => void): void {
    const latency = this.random.chance(0.02) ? this.random.between(5, 150) : this.random.between(0.05, 2);
    this.lastAt = Math.max(this.lastAt, this.clock.monotonic() + latency);
    this.queue.push(arrive);
    this.clock.after(this.lastAt - this.clock.monotonic(), () => this.flush());
  }

  /** Nothing arrives any more until {@link Pipe.speak}, which brings all that was held. */
  fallSilent(): void {
    this.silent = true;
  }

  speak(): void {
    if (!this.silent) return;
    this.silent = false;
    const held = this.queue;
    this.queue = [];
    for (const arrive of held) this.later(arrive);
  }

  /** Whatever was under way is gone. */
  close(): void {
    this.closed = true;
    this.queue = [];
  }

  private flush(): void {
    if (this.silent || this.closed) return;
    this.queue.shift()?.();
  }
}

/** The server's end of a connection. */
export interface ServerEnd {
  receive(bytes: Buffer): void;
  /** The connection is gone. */
  closed(): void;
}

/** The client's end: a stream as the client gets one from TCP. */
class ClientStream extends Duplex {
  private readonly link: Link;

  constructor(link: Link) {
    super({ allowHalfOpen: false });
    this.link = link;
  }

  override _read(): void {
    // The link pushes.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.link.toServer.send(Buffer.from(chunk));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.link.clientGone();
    done(error);
  }
}

/** A connection between a client's process and a server. */
export class Link {
  /** The client's end. */
  readonly stream: Duplex;
  readonly toServer: Pipe;
  readonly toClient: Pipe;
  private server: ServerEnd | undefined;
  private readonly process: SimulatedProcess;
  private over = false;

  constructor(clock: Clock, random: Prng, process: SimulatedProcess) {
    this.process = process;
    this.stream = new ClientStream(this);
    this.toServer = new Pipe(clock, random, (bytes) => this.server?.receive(bytes));
    this.toClient = new Pipe(clock, random, (bytes) =>
      process.run(() => {
        if (!this.stream.destroyed) this.stream.push(bytes);
      }),
    );
    const slice = random.pick([1, 3, 17, Infinity, Infinity, Infinity]);
    this.toServer.sliceBytes = slice;
    this.toClient.sliceBytes = slice;
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Connects to the server, after a while. @param accept `undefined` when nobody listens. */
  connect(accept: () => ServerEnd | undefined): void {
    this.toServer.later(() => {
      this.server = accept();
      if (!this.server) return this.reset('connect ECONNREFUSED');
      this.toClient.later(() => this.process.run(() => this.stream.emit('connect')));
    });
  }

  /** From the server: bytes for the client. */
  send(bytes: Buffer): void {
    if (!this.over) this.toClient.send(bytes);
  }

  /** From the server: nothing more will come; what was sent still arrives. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.toServer.close();
    this.toClient.later(() =>
      this.process.run(() => {
        if (!this.stream.destroyed) this.stream.push(null);
      }),
    );
  }

  /** Both ends see it break, at once; what was under way is gone. */
  reset(why = 'read ECONNRESET'): void {
    if (this.over) return;
    this.over = true;
    this.toServer.close();
    this.toClient.close();
    this.process.run(() => this.stream.destroy(new Error(why)));
    this.server?.closed();
  }

  /** The client dropped it: the server hears of it after what was sent before. */
  clientGone(): void {
    this.toServer.later(() => {
      if (this.over) return;
      this.over = true;
      this.toClient.close();
      this.toServer.close();
      this.server?.closed();
    });
  }

  /** Bytes vanish into the network in the directions that are named, and come out when it heals. */
  silence(directions: { toServer: boolean; toClient: boolean }): void {
    if (directions.toServer) this.toServer.fallSilent();
    if (directions.toClient) this.toClient.fallSilent();
  }

  heal(): void {
    this.toServer.speak();
    this.toClient.speak();
  }
}
