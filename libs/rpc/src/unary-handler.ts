import type { sendUnaryData, ServerReadableStream, ServerUnaryCall, StatusObject } from '@grpc/grpc-js';
import { isObservable, type Observable } from 'rxjs';
import { Exchange, noAnswer, type ServedMethod, type ServerCall } from './exchange.ts';
import type { IncomingCall } from './incoming-call.ts';
import { requestsOf } from './request-stream.ts';
import { toBuffer } from './service-definition.ts';

/** Serves a method that answers once; the response leaves as bytes, so that a faulty one is found here. @internal */
export function unaryHandler(served: ServedMethod) {
  return (call: ServerUnaryCall<unknown, Buffer>, respond: sendUnaryData<Buffer>): void => {
    new UnaryExchange(served, call, respond).start(call.request);
  };
}

/** Serves a method that takes a stream and answers once. @internal */
export function clientStreamHandler(served: ServedMethod) {
  return (call: ServerReadableStream<unknown, Buffer>, respond: sendUnaryData<Buffer>): void => {
    const exchange = new UnaryExchange(served, call, respond);
    exchange.start(requestsOf(call, exchange.call));
  };
}

class UnaryExchange extends Exchange {
  private readonly respond: sendUnaryData<Buffer>;

  constructor(served: ServedMethod, call: ServerCall, respond: sendUnaryData<Buffer>) {
    super(served, call);
    this.respond = respond;
  }

  get call(): IncomingCall {
    return this.incoming;
  }

  protected override async run(request: unknown): Promise<void> {
    let response = await this.served.handler(request, this.incoming);
    if (isObservable(response)) response = await firstValue(response, this.incoming);
    if (response === undefined || response === null) throw noAnswer(this.served.path);
    const bytes = toBuffer(this.served.method.responseType, response);
    if (this.finish()) this.respond(null, bytes);
  }

  protected override respondWithStatus(status: StatusObject): void {
    this.respond(status);
  }
}

/** The first value; a unary call has one answer, so what would follow is not waited for. Ends when the caller is gone. */
function firstValue(source: Observable<unknown>, call: IncomingCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const subscription = source.subscribe({
      next: (value) => {
        resolve(value);
        // A source that emits while it is being subscribed to gets here before there is a subscription.
        queueMicrotask(() => subscription.unsubscribe());
      },
      error: reject,
      complete: () => reject(noAnswer(call.path)),
    });
    const stop = () => {
      subscription.unsubscribe();
      reject(call.whyGone());
    };
    if (subscription.closed) return;
    if (call.signal.aborted) stop();
    else call.signal.addEventListener('abort', stop, { once: true });
  });
}
