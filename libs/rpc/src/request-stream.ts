import type { Readable } from 'node:stream';
import type { IncomingCall } from './incoming-call.ts';

/**
 * The requests of a stream, as the handler asks for them: the next one is read off the wire when it has asked, so a caller can
 * be no faster than its handler (HTTP/2's windows and a few messages aside). Throws when the caller is gone before its end.
 *
 * @internal
 */
export async function* requestsOf(stream: Readable, call: IncomingCall): AsyncGenerator<unknown, void, void> {
  try {
    // A handler that stops reading may still be answering: the stream stays open.
    yield* stream.iterator({ destroyOnReturn: false });
  } catch {
    throw call.whyGone();
  }
}
