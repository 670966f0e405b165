/** The requests that a session makes on its own account. */
import type { Credentials } from '@flashmesh/core';
import { Call } from './call.ts';
import { OpCode } from './op-codes.ts';
import type { WatchBatch } from './watch-registry.ts';

/** What a session authenticates with. Never logged. */
export interface AuthEntry {
  readonly scheme: string;
  readonly auth: Buffer;
}

/** The entry of a user and a password (ZooKeeper's `digest` scheme), the password as it is now. */
export function digestEntry({ username, password }: Credentials): AuthEntry {
  return { scheme: 'digest', auth: Buffer.from(`${username}:${password()}`) };
}

export function authCall({ scheme, auth }: AuthEntry): Call<undefined> {
  return new Call({
    op: OpCode.auth,
    sizeHint: scheme.length * 3 + auth.length,
    encode: (writer) => writer.int(0).ustring(scheme).buffer(auth),
    decode: () => undefined,
  });
}

/** One step of a SASL exchange: what the client says, and what the server says to that. */
export function saslCall(token: string): Call<string> {
  return new Call({
    op: OpCode.sasl,
    sizeHint: token.length * 3,
    encode: (writer) => writer.buffer(token),
    decode: (reader) => (reader.buffer() ?? Buffer.alloc(0)).toString(),
  });
}

/**
 * Arms watches again on a new connection. A server before 3.6 knows no persistent ones, so the older request is used without.
 *
 * @param zxid what the client has seen: the server fires at once what happened to one-shot paths after it. To persistent ones it does
 *   not tell what they missed.
 */
export function setWatchesCall(zxid: bigint, batch: WatchBatch): Call<undefined> {
  const { data, exist, child, persistent, recursive } = batch;
  const lasting = persistent.length + recursive.length > 0;
  const lists = lasting ? [data, exist, child, persistent, recursive] : [data, exist, child];
  return new Call({
    op: lasting ? OpCode.setWatches2 : OpCode.setWatches,
    encode: (writer) => {
      writer.long(zxid);
      for (const paths of lists) writer.vector(paths, (w, path) => w.ustring(path));
    },
    decode: () => undefined,
  });
}

export function closeSessionCall(): Call<undefined> {
  return new Call({ op: OpCode.closeSession, decode: () => undefined });
}
