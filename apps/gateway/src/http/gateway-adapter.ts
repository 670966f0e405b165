import { FastifyAdapter } from '@nestjs/platform-fastify';
import { MAX_BODY_BYTES } from './problem.ts';

/** Fastify as the gateway wants it: bodies are JSON of at most 64 KiB, everything else is refused before it is read. */
export class GatewayAdapter extends FastifyAdapter {
  constructor() {
    super({
      bodyLimit: MAX_BODY_BYTES,
      // The shop's own errors answer; there is no middleware to run.
      skipMiddie: true,
      // A connection of a buyer who waits for the sale to open stays open between two requests.
      keepAliveTimeout: 72_000,
      requestTimeout: 30_000,
      // Stopping ends streams that would otherwise hold the process.
      forceCloseConnections: true,
    });
  }

  /** Leaves Fastify's own JSON parser and takes out the rest; Nest would add one for forms. */
  override registerParserMiddleware(): void {
    this.getInstance().removeContentTypeParser('text/plain');
  }
}
