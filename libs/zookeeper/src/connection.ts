import type { Duplex } from 'node:stream';
import { type Clock, messageOf, type Timer } from '@flashmesh/core';
import { Call } from './call.ts';
import { ZooKeeperError } from './errors.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { JuteReader } from './jute-reader.ts';
import { OpCode, Xid } from './op-codes.ts';
import { readReplyHeader, readWatcherEvent, type ReplyHeader, type WatcherEvent } from './records.ts';

/** `ZK_NOT_READ_ONLY` on the wire. */
const NOT_READ_ONLY = -119;

/** Frames of one turn of the event loop are joined up to so many bytes: copying is then cheaper than what each write costs. */
const MAX_JOINED_BYTES = 256 * 1024;

/** What a connection tells its session; all called synchronously, in the order of arrival. */
export interface ConnectionListener {
  onZxid(zxid: bigint): void;
  onNotification(event: WatcherEvent): void;
  /** The server has seen something that was sent at this monotonic time: the session lived then. */
  onAcknowledged(sentAt: number): void;
  /** Once; every call that was sent has failed with `ZK_CONNECTION_LOSS`. `unsent` were not, and can be sent on another connection. */
  onClose(error: ZooKeeperError, unsent: Call[]): void;
}

/**
 * One established connection: pipelines requests, matches replies, pings, and notices a silent peer.
 *
 * Timing follows ZooKeeper's own client: with nothing heard for 2/3 of the session timeout the connection is given up; a ping
 * goes out when nothing was sent for half of that. Beyond it, a server that talks but acknowledges nothing (only one direction
 * works) is given up after 5/6 of the session timeout, which leaves time to find another before the session ends.
 */
export class Connection {
  private readonly socket: Duplex;
  private readonly decoder: FrameDecoder;
  private readonly listener: ConnectionListener;
  private readonly clock: Clock;
  private readonly readTimeoutMs: number;
  private readonly pingIntervalMs: number;
  private readonly ackTimeoutMs: number;
  private readonly maxInFlight: number;
  private readonly pending: Call[] = [];
  /** Calls for which there was no room yet. */
  private readonly queue: Call[] = [];
  /** Replies to `auth` come outside the order of the others. */
  private readonly pendingAuth: Call[] = [];
  private readonly pendingPings: number[] = [];
  private nextXid = 1;
  private lastReceivedAt: number;
  private lastSentAt: number;
  private lastAcknowledgedAt: number;
  private timer: Timer | undefined;
  /** What this turn of the event loop has to send. */
  private outbox: Buffer[] = [];
  private open = true;

  /** @param helloSentAt when the handshake was sent that this socket has completed. */
  constructor(
    socket: Duplex,
    decoder: FrameDecoder,
    o: { clock: Clock; sessionTimeoutMs: number; helloSentAt: number; maxInFlight: number },
    listener: ConnectionListener,
  ) {
    this.socket = socket;
    this.decoder = decoder;
    this.clock = o.clock;
    this.listener = listener;
    this.maxInFlight = o.maxInFlight;
    this.readTimeoutMs = (o.sessionTimeoutMs * 2) / 3;
    this.pingIntervalMs = Math.min(this.readTimeoutMs / 2, 10_000);
    this.ackTimeoutMs = (o.sessionTimeoutMs * 5) / 6;
    this.lastReceivedAt = this.clock.monotonic();
    this.lastSentAt = o.helloSentAt;
    this.lastAcknowledgedAt = o.helloSentAt;
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.close(`the socket failed: ${messageOf(error)}`, error));
    socket.on('close', () => this.close('the server closed the connection'));
    this.scheduleCheck();
  }

  /** Whether it can be used still. */
  get isOpen(): boolean {
    return this.open;
  }

  /** Sends a request, as soon as there is room. */
  send(call: Call): void {
    if (this.pending.length < this.maxInFlight && this.queue.length === 0) this.sendNow(call, this.takeXid());
    else this.queue.push(call);
  }

  /** Sends a request that has a number of its own, at once. */
  sendNow(call: Call, xid: number): void {
    call.number(xid);
    call.sentAt = this.clock.monotonic();
    (xid === Xid.auth ? this.pendingAuth : this.pending).push(call);
    this.write(call.frame, call.sentAt);
  }

  /** Drops the connection now. Pending calls fail with `ZK_CONNECTION_LOSS`. */
  close(reason: string, cause?: unknown): void {
    if (!this.open) return;
    this.open = false;
    this.timer?.cancel();
    this.socket.destroy();
    const error = new ZooKeeperError('ZK_CONNECTION_LOSS', reason, { cause });
    for (const call of [...this.pendingAuth.splice(0), ...this.pending.splice(0)]) {
      call.fail(new ZooKeeperError('ZK_CONNECTION_LOSS', reason, { cause, path: call.path }));
    }
    this.listener.onClose(
      error,
      this.queue.splice(0).filter((call) => !call.done),
    );
  }

  private receive(chunk: Buffer): void {
    if (!this.open) return;
    this.lastReceivedAt = this.clock.monotonic();
    try {
      this.decoder.push(chunk, (frame) => {
        if (this.open) this.handle(new JuteReader(frame));
      });
    } catch (error) {
      // Whoever waits first is the one whose reply could not be read.
      if (error instanceof ZooKeeperError) this.pending.shift()?.fail(error);
      this.close(`unusable data from the server: ${messageOf(error)}`, error);
    }
  }

  private handle(reader: JuteReader): void {
    const header = readReplyHeader(reader);
    if (header.zxid > 0n) this.listener.onZxid(header.zxid);
    switch (header.xid) {
      case Xid.notification:
        return this.listener.onNotification(readWatcherEvent(reader));
      case Xid.ping:
        return this.acknowledge(this.pendingPings.shift());
      case Xid.auth: {
        const call = this.pendingAuth.shift();
        this.acknowledge(call?.sentAt);
        return call?.complete(header.error, reader);
      }
    }
    const at = this.placeOf(header);
    const call = this.pending[at];
    if (call?.xid !== header.xid) {
      return this.close(`reply ${header.xid} came where ${call?.xid ?? 'none'} was due`);
    }
    this.acknowledge(call.sentAt);
    call.complete(header.error, reader);
    this.pending.splice(at, 1);
    while (this.queue.length > 0 && this.pending.length < this.maxInFlight) {
      const next = this.queue.shift() as Call;
      if (!next.done) this.sendNow(next, this.takeXid());
    }
  }

  /**
   * Which of the pending calls a reply is due for: the first, but a read-only server refuses a write at once and answers the reads that
   * came before it later (`ReadOnlyRequestProcessor`).
   */
  private placeOf({ xid, error }: ReplyHeader): number {
    return error === NOT_READ_ONLY ? this.pending.findIndex((call) => call.xid === xid) : 0;
  }

  private acknowledge(sentAt: number | undefined): void {
    if (sentAt === undefined) return;
    this.lastAcknowledgedAt = Math.max(this.lastAcknowledgedAt, sentAt);
    this.listener.onAcknowledged(sentAt);
  }

  private takeXid(): number {
    const xid = this.nextXid;
    this.nextXid = xid === 0x7fffffff ? 1 : xid + 1;
    return xid;
  }

  /** Requests of one turn of the event loop leave in one system call. */
  private write(frame: Buffer, now: number): void {
    this.lastSentAt = now;
    if (this.outbox.push(frame) === 1) process.nextTick(() => this.flush());
  }

  private flush(): void {
    const frames = this.outbox;
    this.outbox = [];
    if (!this.open) return;
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    if (bytes <= MAX_JOINED_BYTES) {
      this.socket.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames, bytes));
      return;
    }
    this.socket.cork();
    for (const frame of frames) this.socket.write(frame);
    this.socket.uncork();
  }

  private scheduleCheck(): void {
    const due = Math.min(this.deadAt(), this.lastSentAt + this.pingIntervalMs);
    this.timer = this.clock.after(Math.max(due - this.clock.monotonic(), 1), () => this.check());
  }

  private deadAt(): number {
    return Math.min(this.lastReceivedAt + this.readTimeoutMs, this.lastAcknowledgedAt + this.ackTimeoutMs);
  }

  private check(): void {
    const now = this.clock.monotonic();
    if (now >= this.deadAt()) {
      // After a blocked event loop the timer comes before the data that waits in the socket: let that be read first.
      setImmediate(() => {
        if (!this.open) return;
        if (this.clock.monotonic() >= this.deadAt()) this.close('the server is silent');
        else this.scheduleCheck();
      });
      return;
    }
    if (now - this.lastSentAt >= this.pingIntervalMs) {
      const ping = new Call({ op: OpCode.ping, decode: () => undefined });
      ping.number(Xid.ping);
      this.pendingPings.push(now);
      this.write(ping.frame, now);
    }
    this.scheduleCheck();
  }
}
