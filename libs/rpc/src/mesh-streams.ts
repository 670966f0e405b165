import { FlashmeshError } from '@flashmesh/core';
import { MeshChannel } from './mesh-channel.ts';
import { type MeshClientOptions, requireClientOptions } from './mesh-client.ts';
import { observedMethod } from './observed-call.ts';
import {
  pathOf,
  type RequestInput,
  type ResponseOf,
  type ServiceDefinitionLike,
} from './service-definition.ts';
import { StreamCall } from './stream-call.ts';
import type { CalledMethod, MeshCallOptions } from './unary-call.ts';

/** What a caller streams: a generator is asked for its next value when the last one has been written. */
export type Requests<T> = AsyncIterable<T> | Iterable<T>;

type StreamingMethod<M> = M extends { requestStream: true; responseStream: true }
  ? (requests: Requests<RequestInput<M>>, options?: MeshCallOptions) => AsyncIterable<ResponseOf<M>>
  : M extends { requestStream: true }
    ? (requests: Requests<RequestInput<M>>, options?: MeshCallOptions) => Promise<ResponseOf<M>>
    : M extends { responseStream: true }
      ? (request: RequestInput<M>, options?: MeshCallOptions) => AsyncIterable<ResponseOf<M>>
      : never;

/**
 * The methods of a service that stream, typed: `for await (const change of streams.watch({ sku }))`. Leaving the loop cancels
 * the call. Streams are not tried again: what was received cannot be taken back.
 */
export type MeshStreams<D extends ServiceDefinitionLike> = {
  readonly [
    K in keyof D['methods'] as StreamingMethod<D['methods'][K]> extends never ? never : K
  ]: StreamingMethod<D['methods'][K]>;
};

/** Makes a client of a service's streams, over the same connections as {@link createMeshClient}. */
export function createMeshStreams<D extends ServiceDefinitionLike>(
  definition: D,
  options: MeshClientOptions,
): MeshStreams<D> {
  requireClientOptions(definition, options);
  const channel = MeshChannel.to(options.target, options);
  const calls = Object.entries(definition.methods)
    .filter(([, method]) => method.requestStream || method.responseStream)
    .map(([name, method]) => {
      const client: CalledMethod = {
        path: pathOf(definition, method),
        service: definition.name,
        method,
        observed: observedMethod(definition, method),
      };
      const open = (given: unknown, call?: MeshCallOptions) => {
        const requests = method.requestStream ? eachOf(given as Requests<unknown>) : eachOf([given]);
        const stream = new StreamCall(channel, client, requests, call);
        return method.responseStream ? stream : onlyAnswer(stream, definition.name);
      };
      return [name, open];
    });
  return Object.fromEntries(calls) as MeshStreams<D>;
}

async function* eachOf(requests: Requests<unknown>): AsyncGenerator<unknown, void, void> {
  yield* requests;
}

async function onlyAnswer(stream: StreamCall, service: string): Promise<unknown> {
  const answer = await stream.next();
  if (answer.done === true) {
    throw new FlashmeshError('internal', 'MALFORMED_ANSWER', `${service} answered without a message`);
  }
  // The status comes after the message, and may still say that the call failed.
  await stream.next();
  return answer.value;
}
