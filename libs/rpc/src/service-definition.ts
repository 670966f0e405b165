import type { Observable } from 'rxjs';
import type { CallContext } from './call-context.ts';

/** How a message becomes bytes and back; the objects that the code generator makes have this shape. */
export interface MessageTypeLike {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  create(base?: unknown): unknown;
}

/** One method of a service, as the code generator describes it. */
export interface MethodDefinitionLike {
  /** The name in the schema, e.g. `PlaceOrder`. */
  readonly name: string;
  readonly requestType: MessageTypeLike;
  readonly requestStream: boolean;
  readonly responseType: MessageTypeLike;
  readonly responseStream: boolean;
  /** What the schema says besides. */
  readonly options?: {
    /** Set when doing it twice is like doing it once. */
    readonly idempotencyLevel?: 'IDEMPOTENT' | 'NO_SIDE_EFFECTS';
  };
}

/** A service, as the code generator describes it, e.g. `order.OrderServiceDefinition`. */
export interface ServiceDefinitionLike {
  /** e.g. `OrderService`. */
  readonly name: string;
  /** e.g. `flashmesh.order.v1.OrderService`. */
  readonly fullName: string;
  /** By the names that programs use, e.g. `placeOrder`. */
  readonly methods: Readonly<Record<string, MethodDefinitionLike>>;
}

/** The names of a service's methods, e.g. `'placeOrder' | 'getOrder'`. */
export type MethodName<D extends ServiceDefinitionLike> = keyof D['methods'] & string;

/** What a handler of the method receives: every field present. */
export type RequestOf<M> = M extends { requestType: { decode(bytes: Uint8Array): infer T } } ? T : never;

/** What a caller of the method gives: fields that are left out have their protobuf defaults. */
export type RequestInput<M> = M extends { requestType: { create(base?: infer T): unknown } }
  ? NonNullable<T>
  : never;

/** What the method answers. */
export type ResponseOf<M> = M extends { responseType: { decode(bytes: Uint8Array): infer T } } ? T : never;

/**
 * The methods that serve a service: `class OrderController implements RpcHandlers<typeof order.OrderServiceDefinition>`
 * does not compile while one is missing or has another shape. Streams come in as async iterables and go out as async iterables
 * or Observables; of a method that answers once, an Observable's first value counts.
 */
export type RpcHandlers<D extends ServiceDefinitionLike> = {
  [K in MethodName<D>]: (request: Received<D['methods'][K]>, call: CallContext) => Answer<D['methods'][K]>;
};

/** @internal */
export type Received<M> = M extends { requestStream: true } ? AsyncIterable<RequestOf<M>> : RequestOf<M>;

/** @internal */
export type Answer<M> = M extends { responseStream: true }
  ? ResponseStream<ResponseOf<M>> | Promise<ResponseStream<ResponseOf<M>>>
  : ResponseOf<M> | Promise<ResponseOf<M>> | Observable<ResponseOf<M>>;

type ResponseStream<T> = AsyncIterable<T> | Observable<T>;

/** The path of a method on the wire, e.g. `/flashmesh.order.v1.OrderService/PlaceOrder`. */
export function pathOf(definition: ServiceDefinitionLike, method: MethodDefinitionLike): string {
  return `/${definition.fullName}/${method.name}`;
}

/** The bytes of a message as grpc-js wants them, without a copy. @internal */
export function toBuffer(type: MessageTypeLike, message: unknown): Buffer {
  const bytes = type.encode(message).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
