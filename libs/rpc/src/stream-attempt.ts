import type { MetadataOptions } from '@grpc/grpc-js';
import type { Endpoint } from './balancer/endpoint.ts';
import type { PickRequest } from './balancer/policy.ts';

const NONE: readonly Endpoint[] = [];

/**
 * What the balancer is told of a stream: the `options` of its metadata, as a `CallAttempt` is of a call's. A stream lasts as long
 * as the two sides have something to say, so neither how long it took nor its silence tells anything of the endpoint.
 *
 * @internal
 */
export class StreamAttempt implements PickRequest, MetadataOptions {
  /** Waits for a connection instead of failing while every instance is being reconnected to. */
  readonly waitForReady = true;
  readonly stream = true;
  readonly tried = NONE;
  readonly expendable = false;
  readonly affinityKey: string | undefined;
  /** The caller left: its end says nothing about the endpoint. */
  abandoned = false;

  constructor(affinityKey: string | undefined) {
    this.affinityKey = affinityKey;
  }
}
