import type { Timer } from '@flashmesh/core';
import type { Channel, InterceptingListener, MetadataOptions, StatusObject } from '@grpc/grpc-js';
import type { Endpoint } from './balancer/endpoint.ts';
import type { PickRequest } from './balancer/policy.ts';
import type { ObservedAttempt } from './observed-call.ts';

type GrpcCall = ReturnType<Channel['createCall']>;

/** The call that attempts are made for. */
export interface AttemptOwner {
  /** What half of the calls of its method take at most, in milliseconds; `undefined` until enough were measured. */
  readonly usualMs: number | undefined;
  /** The attempt left for its endpoint. */
  attemptPlaced(attempt: CallAttempt): void;
  attemptEnded(attempt: CallAttempt, status: StatusObject): void;
}

/**
 * One attempt of a call. It is its own listener, and the `options` of its own metadata: grpc-js hands those on by reference to
 * the balancer, which so learns of the attempt, and tells it where it went, without a header or a table in between.
 */
export class CallAttempt implements InterceptingListener, PickRequest, MetadataOptions {
  /** Waits for a connection instead of failing while every instance is being reconnected to. */
  readonly waitForReady = true;
  /** 1 for the first of its call. */
  readonly number: number;
  readonly affinityKey: string | undefined;
  readonly tried: readonly Endpoint[];
  readonly expendable: boolean;
  call: GrpcCall | undefined;
  message: Uint8Array | undefined;
  endpoint: Endpoint | undefined;
  startedMs = 0;
  /** What becomes of it if it does not end. */
  timer: Timer | undefined;
  /** A server has begun to answer. */
  answered = false;
  /** It runs beside an earlier one. */
  isHedge = false;
  /** Its span, when it is not the first one. */
  observed: ObservedAttempt | undefined;
  /** The caller gave it up: its end says nothing about the endpoint. */
  abandoned = false;
  /** Its endpoint was blamed for being late already. */
  lateCounted = false;
  private readonly owner: AttemptOwner;

  constructor(
    owner: AttemptOwner,
    number: number,
    tried: readonly Endpoint[],
    affinityKey: string | undefined,
    expendable: boolean,
  ) {
    this.owner = owner;
    this.number = number;
    this.tried = tried;
    this.affinityKey = affinityKey;
    this.expendable = expendable;
  }

  get usualMs(): number | undefined {
    return this.owner.usualMs;
  }

  /** The balancer has sent it to an endpoint; again when grpc-js repeats an attempt that never reached a server. */
  placed(endpoint: Endpoint, startedMs: number): void {
    this.endpoint = endpoint;
    this.startedMs = startedMs;
    this.owner.attemptPlaced(this);
  }

  onReceiveMetadata(): void {
    this.answered = true;
  }

  onReceiveMessage(message: Uint8Array): void {
    this.message = message;
  }

  onReceiveStatus(status: StatusObject): void {
    this.owner.attemptEnded(this, status);
  }
}
