import { type ErrorKind, FlashmeshError } from '@flashmesh/core';
import { Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import { kindOf } from './status.ts';

/** What Nest's guards say when they refuse; it has no class of its own in microservices. */
const FORBIDDEN_MESSAGE = 'Forbidden resource';

const HTTP_KINDS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  408: 'deadline_exceeded',
  409: 'already_exists',
  412: 'failed_precondition',
  422: 'invalid_argument',
  429: 'resource_exhausted',
  501: 'unimplemented',
  503: 'unavailable',
  504: 'deadline_exceeded',
};

/**
 * Lets errors that say what the caller may know pass Nest, whose default handler would turn each into "Internal server
 * error". {@link Rpc} puts it on the controller; nothing has to be registered. All other errors go on to global filters and
 * to Nest's default handler, which logs them and hides them.
 *
 * @internal
 */
@Catch(FlashmeshError, RpcException, HttpException)
export class MeshExceptionFilter implements ExceptionFilter {
  catch(exception: FlashmeshError | RpcException | HttpException): Observable<never> {
    return throwError(() => toFlashmeshError(exception));
  }
}

function toFlashmeshError(exception: FlashmeshError | RpcException | HttpException): FlashmeshError {
  if (exception instanceof FlashmeshError) return exception;
  const kind = exception instanceof HttpException ? HTTP_KINDS[exception.getStatus()] : rpcKind(exception);
  return kind === undefined
    ? new FlashmeshError('internal', 'INTERNAL', 'internal error', { cause: exception })
    : new FlashmeshError(kind, kind.toUpperCase(), exception.message, { cause: exception });
}

function rpcKind(exception: RpcException): ErrorKind | undefined {
  const error = exception.getError();
  if (typeof error === 'string') return error === FORBIDDEN_MESSAGE ? 'permission_denied' : undefined;
  return 'code' in error && typeof error.code === 'number' ? kindOf(error.code) : undefined;
}
