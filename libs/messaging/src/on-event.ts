import type { Topic } from '@flashmesh/contracts';
import { requirePositiveInteger } from '@flashmesh/core';
import { applyDecorators, Catch, type RpcExceptionFilter, UseFilters } from '@nestjs/common';
import { EventPattern, Transport } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';

/** How events reach a handler. */
export interface OnEventOptions {
  /** The handler gets an array of up to this many events of one partition. @default one event, not in an array */
  readonly batch?: number;
  /** Every instance gets every event, and none is remembered as consumed: a restart begins at `from`. @default false */
  readonly broadcast?: boolean;
  /** Where a group that never consumed begins. @default 'earliest'; 'latest' for broadcasts */
  readonly from?: 'earliest' | 'latest';
}

/**
 * Nest answers a failed event handler with `{status: 'error'}` and keeps the error to itself; whether to retry depends on
 * the error, so it is handed on as it is, whether a handler, a pipe, a guard or an interceptor threw it.
 */
@Catch()
class HandOnOriginalError implements RpcExceptionFilter<unknown> {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/**
 * The method handles the events of a topic: in order within a partition, partitions in parallel.
 *
 * It gets an {@link IncomingEvent} (or an array of them, see {@link OnEventOptions.batch}). The event counts as consumed when
 * the method has resolved. When it throws an error that may pass (unavailable, aborted, deadline exceeded, resource exhausted,
 * a broken connection) it is called again until it works; any other error sends the event, after some attempts, to the
 * topic's dead letters. Events may come twice.
 */
export function OnEvent<T>(topic: Topic<T>, options: OnEventOptions = {}): MethodDecorator {
  if (options.batch !== undefined) requirePositiveInteger('batch', options.batch);
  return applyDecorators(
    EventPattern(topic.name, Transport.KAFKA, { ...options }) as MethodDecorator,
    UseFilters(new HandOnOriginalError()),
  );
}
