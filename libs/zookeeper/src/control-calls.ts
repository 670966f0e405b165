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

/** @param zxid what the client has seen: the server fires at once what happened to the paths after it. */
export function setWatchesCall(zxid: bigint, batch: WatchBatch): Call<undefined> {
  return new Call({
    op: OpCode.setWatches,
    encode: (writer) => {
      writer.long(zxid);
      for (const paths of [batch.data, batch.exist, batch.child]) {
        writer.vector(paths, (w, path) => w.ustring(path));
      }
    },
    decode: () => undefined,
  });
}

export function closeSessionCall(): Call<undefined> {
  return new Call({ op: OpCode.closeSession, decode: () => undefined });
}
