import { abortError } from '@flashmesh/core';
import { errorOfWire, ZooKeeperError } from './errors.ts';
import type { JuteReader } from './jute-reader.ts';
import { JuteWriter } from './jute-writer.ts';
import type { OpCode } from './op-codes.ts';

/**
 * The longest payload a server accepts with its default `jute.maxbuffer`. It answers a longer one by dropping the connection,
 * which would hit every other request in flight, so the client refuses it first.
 */
export const MAX_REQUEST_BYTES = 0xfffff;

const PREFIX_BYTES = 4;

/** What a request is made of. */
export interface Request<T> {
  readonly op: OpCode;
  /** The node it is about, for errors. */
  readonly path?: string;
  /** About how many bytes of paths and data `encode` writes. */
  readonly sizeHint?: number;
  encode?(writer: JuteWriter): unknown;
  decode(reader: JuteReader): T;
  /** What a failure answers instead, or throws. */
  readonly recover?: (error: unknown) => T;
  /**
   * Called once, before anything that arrives later is looked at, when it is known how the request ended.
   * `undefined`: it succeeded.
   */
  onSettled?(error: unknown): void;
}

/** One request on its way: encoded at once, numbered when it is sent, settled exactly once. */
export class Call<T = unknown> {
  readonly promise: Promise<T>;
  readonly op: OpCode;
  readonly path: string | undefined;
  /** The frame; {@link Call.number} fills in its transaction id. */
  readonly frame: Buffer;
  xid = 0;
  /** When it was handed to the socket, by the monotonic clock. */
  sentAt = 0;
  private settled = false;
  private readonly request: Request<T>;
  private readonly resolve: (value: T) => void;
  private readonly reject: (error: unknown) => void;

  /** @throws ZooKeeperError `ZK_FRAME_TOO_LARGE` when no server would take it. */
  constructor(request: Request<T>) {
    const writer = new JuteWriter(request.sizeHint).int(0).int(request.op);
    request.encode?.(writer);
    this.frame = writer.finish();
    const length = this.frame.length - PREFIX_BYTES;
    if (length > MAX_REQUEST_BYTES) {
      throw new ZooKeeperError('ZK_FRAME_TOO_LARGE', `${length} bytes, a server takes ${MAX_REQUEST_BYTES}`, {
        path: request.path,
      });
    }
    this.request = request;
    this.op = request.op;
    this.path = request.path;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Whether the caller has its answer already: a call that was aborted before it was sent need not be sent. */
  get done(): boolean {
    return this.settled;
  }

  number(xid: number): void {
    this.xid = xid;
    this.frame.writeInt32BE(xid, PREFIX_BYTES);
  }

  /** The reply came. @throws what decoding throws: the connection is unusable then. */
  complete(error: number, reader: JuteReader): void {
    if (this.settled) return;
    if (error !== 0) return this.fail(errorOfWire(error, this.path));
    const value = this.request.decode(reader);
    this.settle(undefined);
    this.resolve(value);
  }

  fail(error: unknown): void {
    if (this.settled) return;
    this.settle(error);
    this.reject(error);
  }

  /** Ends the call for the caller as soon as the signal aborts; a reply that still comes is ignored. */
  abortWith(signal: AbortSignal): void {
    const onAbort = () => this.fail(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    const release = () => signal.removeEventListener('abort', onAbort);
    this.promise.then(release, release);
  }

  private settle(error: unknown): void {
    this.settled = true;
    this.request.onSettled?.(error);
  }
}
