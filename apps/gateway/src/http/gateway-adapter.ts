import { FastifyAdapter } from '@nestjs/platform-fastify';
import { MAX_BODY_BYTES } from './problem.ts';

/** Connections that wait to be accepted. */
const BACKLOG = 4096;

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

  /**
   * Listens with room for a burst: a connection that finds no place in the backlog (511 by default) is dropped without a word, and its
   * client tries again after 1, 3, 7, 15 seconds. Linux caps it at `net.core.somaxconn`.
   */
  override listen(port: number | string, ...args: unknown[]): void {
    const [host] = args;
    const callback = args.at(-1) as () => void;
    const options = { port: Number(port), backlog: BACKLOG, ...(typeof host === 'string' && { host }) };
    super.listen(options as never, callback as never);
  }

  /** Leaves Fastify's own JSON parser and takes out the rest; Nest would add one for forms. */
  override registerParserMiddleware(): void {
    this.getInstance().removeContentTypeParser('text/plain');
  }
}
