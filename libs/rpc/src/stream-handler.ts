import type { ServerDuplexStream, ServerWritableStream, StatusObject } from '@grpc/grpc-js';
import { isObservable } from 'rxjs';
import { Exchange, type ServedMethod } from './exchange.ts';
import type { IncomingCall } from './incoming-call.ts';
import { ObservableValues } from './observable-values.ts';
import { requestsOf } from './request-stream.ts';
import { toBuffer } from './service-definition.ts';

type ResponseStream = ServerWritableStream<unknown, Buffer> | ServerDuplexStream<unknown, Buffer>;

/** Serves a method that answers with a stream. @internal */
export function serverStreamHandler(served: ServedMethod) {
  return (stream: ServerWritableStream<unknown, Buffer>): void => {
    new StreamExchange(served, stream).start(stream.request);
  };
}

/** Serves a method that takes a stream and answers with one. @internal */
export function bidiHandler(served: ServedMethod) {
  return (stream: ServerDuplexStream<unknown, Buffer>): void => {
    const exchange = new StreamExchange(served, stream);
    exchange.start(requestsOf(stream, exchange.call));
  };
}

/**
 * One call that is answered with a stream: what the handler gives (an async iterable, or an Observable) is asked for its next value
 * when the caller has taken the last ones, and left when the caller is gone.
 */
class StreamExchange extends Exchange {
  private readonly stream: ResponseStream;

  constructor(served: ServedMethod, stream: ResponseStream) {
    super(served, stream);
    this.stream = stream;
  }

  get call(): IncomingCall {
    return this.incoming;
  }

  protected override async run(request: unknown): Promise<void> {
    await this.send(await this.served.handler(request, this.incoming));
    if (this.finish()) this.stream.end();
  }

  protected override respondWithStatus(status: StatusObject): void {
    // What was written before still goes out; then the status.
    this.stream.emit('error', status);
  }

  /** Under an interceptor, the handler's iterable is the one value of Nest's Observable. */
  private async send(source: unknown): Promise<void> {
    if (!isObservable(source) && !isAsyncIterable(source)) {
      throw new TypeError(`the handler of ${this.served.path} gave no stream`);
    }
    const values = isObservable(source) ? new ObservableValues(source) : source[Symbol.asyncIterator]();
    const leave = () => void values.return?.()?.catch(() => undefined);
    const { signal } = this.incoming;
    signal.addEventListener('abort', leave, { once: true });
    try {
      for (let next = await values.next(); next.done !== true; next = await values.next()) {
        if (this.isAnswered) return leave();
        if (isAsyncIterable(next.value)) await this.send(next.value);
        else await this.write(next.value);
      }
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  private async write(message: unknown): Promise<void> {
    if (this.stream.write(toBuffer(this.served.method.responseType, message))) return;
    const { stream } = this;
    await new Promise<void>((resolve) => {
      const go = () => {
        stream.off('drain', go);
        stream.off('close', go);
        resolve();
      };
      stream.on('drain', go);
      stream.on('close', go);
    });
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
