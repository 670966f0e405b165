import { type Clock, messageOf, sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Dial } from './dial.ts';
import type { Endpoint, HostList } from './host-list.ts';

/** As Java's client begins. */
const FIRST_PAUSE_MS = 100;
/**
 * Java's client goes up to a minute. A server that gets its quorum back drops its clients anyway; this is how long one that is cut off
 * from the others keeps those that could reach them, and a question costs next to nothing.
 */
const MAX_PAUSE_MS = 10_000;
/** The longest answer is `null`, of a server that is about to know. */
const MAX_ANSWER_BYTES = 4;

interface SearchOptions {
  readonly hosts: HostList;
  /** For one question, milliseconds. */
  readonly timeoutMs: number;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger | undefined;
}

/**
 * Asks one server after the other whether it takes writes, until one does. Resolves with `undefined` when the signal aborts; a server that
 * cannot be asked is one that does not.
 */
export async function findReadWrite(o: SearchOptions): Promise<Endpoint | undefined> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    await sleep(pauseMs, o.signal, o.clock).catch(() => undefined);
    if (o.signal.aborted) return undefined;
    const endpoint = o.hosts.next();
    try {
      if ((await askMode(endpoint, o)) === 'rw') return endpoint;
    } catch (error) {
      o.logger?.debug({ err: messageOf(error), ...endpoint }, 'no server that takes writes');
    }
  }
}

/** The answer to the four letter word `isro`, which servers that may be read-only know: `rw`, `ro` or `null`. */
function askMode(endpoint: Endpoint, o: SearchOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const { stream: socket, standsOn } = o.dial(endpoint);
    const finish = (error?: unknown) => {
      timer.cancel();
      o.signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => undefined);
      socket.destroy();
      if (error === undefined) resolve(answer);
      else reject(error);
    };
    const onAbort = () => finish(o.signal.reason);
    const timer = o.clock.after(o.timeoutMs, () => finish(new Error(`no answer within ${o.timeoutMs} ms`)));
    o.signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', finish);
    socket.on(standsOn, () => socket.write('isro'));
    socket.on('close', () => finish());
    socket.on('data', (chunk: Buffer) => {
      answer = (answer + chunk.toString('latin1')).slice(0, MAX_ANSWER_BYTES);
    });
  });
}
