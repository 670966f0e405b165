import { InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, throwError } from 'rxjs';
import { problemOf } from './problem.ts';
import { traceIdOf } from './tracing.ts';

/** Turns whatever was thrown into problem+json, in one place. Calls and events have their own edges and pass through. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger: Logger;

  constructor(@InjectLogger() logger: Logger) {
    this.logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): Observable<never> | void {
    if (host.getType() !== 'http') return throwError(() => error);
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const { problem, retryAfterMs } = problemOf(error, traceIdOf(request));
    if (problem.status === 500) {
      this.logger.error({ err: error, traceId: problem.traceId }, 'a request failed for no foreseen reason');
    }
    // Whoever streams has said its status long ago, and whoever left reads nothing.
    if (reply.sent || reply.raw.headersSent) return undefined;
    if (retryAfterMs !== undefined) {
      reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    }
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
    return undefined;
  }
}
