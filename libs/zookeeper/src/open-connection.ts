import { abortError, type Clock, messageOf } from '@flashmesh/core';
import { Connection, type ConnectionListener } from './connection.ts';
import type { Dial } from './dial.ts';
import { errorOfWire, ZooKeeperError } from './errors.ts';
import { FrameDecoder } from './frame-decoder.ts';
import type { Endpoint } from './host-list.ts';
import { JuteReader } from './jute-reader.ts';
import { JuteWriter } from './jute-writer.ts';
import {
  type ConnectRequest,
  type ConnectResponse,
  readConnectResponse,
  readReplyHeader,
  writeConnectRequest,
} from './records.ts';

/** Replies may be larger than requests: the children of a crowded node. */
const MAX_REPLY_BYTES = 4 * 1024 * 1024;

/**
 * A server that may not open a session answers as to a request: one that is read-only and has no local sessions enabled. The answer to a
 * handshake is longer.
 */
const REPLY_HEADER_BYTES = 16;

/** A completed handshake. */
export interface Established {
  readonly welcome: ConnectResponse;
  readonly helloSentAt: number;
  /** Starts using the connection; only for a session that the server accepted. */
  start(listener: ConnectionListener, maxInFlight: number): Connection;
  /** Drops it instead. */
  discard(): void;
}

/**
 * Connects to one server and does the handshake, all within `timeoutMs`.
 *
 * @throws ZooKeeperError `ZK_CONNECTION_LOSS` when that did not work out: refused, timed out, a certificate that is not to be
 *   trusted, or the server closed the connection, as it silently does when it lags behind `hello.lastZxid`.
 */
export function openConnection(
  endpoint: Endpoint,
  hello: ConnectRequest,
  o: { timeoutMs: number; dial: Dial; clock: Clock; signal: AbortSignal },
): Promise<Established> {
  return new Promise((resolve, reject) => {
    if (o.signal.aborted) return reject(abortError(o.signal));
    const { stream: socket, standsOn } = o.dial(endpoint);
    const decoder = new FrameDecoder(MAX_REPLY_BYTES);
    let helloSentAt = 0;

    const release = () => {
      timer.cancel();
      o.signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const fail = (error: unknown) => {
      release();
      // A destroyed socket may still report an error, which nobody needs any more.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const giveUp = (reason: string, cause?: unknown) =>
      fail(
        new ZooKeeperError('ZK_CONNECTION_LOSS', `${endpoint.host}:${endpoint.port} ${reason}`, { cause }),
      );
    const onAbort = () => fail(abortError(o.signal));
    const timer = o.clock.after(o.timeoutMs, () => giveUp(`did not answer within ${o.timeoutMs} ms`));

    o.signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => giveUp(`failed: ${messageOf(error)}`, error));
    socket.on('close', () => giveUp('closed the connection during the handshake'));
    socket.on(standsOn, () => {
      const writer = new JuteWriter();
      writeConnectRequest(writer, hello);
      helloSentAt = o.clock.monotonic();
      socket.write(writer.finish());
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk, (frame) => {
          if (frame.length === REPLY_HEADER_BYTES) {
            const { error } = readReplyHeader(new JuteReader(frame));
            return giveUp(`opens no session: ${messageOf(errorOfWire(error))}`, errorOfWire(error));
          }
          const welcome = readConnectResponse(new JuteReader(frame));
          release();
          // Nothing may be read before `start` has attached the connection.
          socket.pause();
          socket.on('error', () => undefined);
          resolve({
            welcome,
            helloSentAt,
            start: (listener, maxInFlight) => {
              socket.removeAllListeners();
              const { clock } = o;
              const bounds = { clock, sessionTimeoutMs: welcome.timeoutMs, helloSentAt, maxInFlight };
              const connection = new Connection(socket, decoder, bounds, listener);
              if (socket.destroyed) connection.close('the server closed the connection');
              else socket.resume();
              return connection;
            },
            discard: () => socket.destroy(),
          });
        });
      } catch (error) {
        giveUp(`sent no ZooKeeper handshake: ${messageOf(error)}`, error);
      }
    });
  });
}
