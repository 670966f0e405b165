import { FlashmeshError } from '@flashmesh/core';
import {
  type CallOptions,
  type ConnectionState,
  isZooKeeperError,
  type Operation,
  type ResultOf,
  TransactionRefused,
  type WatchEvent,
  type ZooKeeper,
  type ZooKeeperError,
} from '@flashmesh/zookeeper';
import { ensembleOf, type FencingToken } from './fencing-token.ts';
import { guaranteedDelete } from './guaranteed-delete.ts';
import type { OwnNode } from './protected-create.ts';

/** Something that is held by virtue of an ephemeral node: a lock, a lease, leadership. */
export interface Holding {
  readonly token: FencingToken;
  /**
   * Aborts as soon as the holding is not certain any more: the connection is suspended, the session lost, the own node gone, the
   * client closed, or it was released. Stop working then.
   */
  readonly signal: AbortSignal;
  /** The node that stands for it. */
  readonly path: string;
  /** Whether it is certain at this very moment; right at once also when a frozen process wakes. What it is used for, guard. */
  isHeld(): boolean;
  /**
   * Does the writes if, and only if, it is still held when the ensemble applies them.
   *
   * @throws FlashmeshError `aborted` (`NOT_HELD`), and nothing was written; TransactionRefused as by {@link ZooKeeper.transaction}.
   */
  guard<const T extends readonly Operation[]>(
    operations: T,
    o?: CallOptions,
  ): Promise<{ -readonly [K in keyof T]: ResultOf<T[K]> }>;
  /** Lets the next one in. Resolves when the node is gone, or its session. Twice does nothing more. */
  release(): Promise<void>;
}

/** @internal The own node under watch: what is held by virtue of it ends with it. */
export interface OwnWatch {
  /** Of the {@link Holding} to be; aborts from the very start as soon as that would not be certain. */
  readonly signal: AbortSignal;
  /** Resolves when the server watches. Rejects with what reading the own node threw. */
  readonly holding: Promise<Holding>;
  /** Gives the watch up where nothing came to be held. */
  end(why: string): void;
}

/** The holding, or `undefined` when it is not certain at this very moment. @throws what reading the own node throws. */
export async function hold(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): Promise<Holding | undefined> {
  const own = watchOwn(zk, node, signal);
  const holding = await own.holding;
  return own.signal.aborted ? undefined : holding;
}

/** @internal Begins to watch the own node; the question leaves together with whatever else is asked in the same turn. */
export function watchOwn(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): OwnWatch {
  const { path, owner } = node;
  const ended = new AbortController();
  const unwatched = new AbortController();
  const end = (why: string) => {
    ended.abort(new FlashmeshError('aborted', 'NOT_HELD', why));
    unwatched.abort();
  };
  // A server without a quorum does not know whether the session lives: nothing is held there.
  const isCertain = (state: ConnectionState) =>
    state.name === 'connected' && state.sessionId === owner && !state.readOnly;
  const stopOnState = zk.onState((state) => {
    if (!isCertain(state)) end(`the ZooKeeper session is ${state.name}`);
  });
  ended.signal.addEventListener('abort', stopOnState, { once: true });
  const watch = (event: WatchEvent) => {
    if (event.type === 'changed') look().catch(() => end('the own node could not be read'));
    else end(`the own node saw: ${event.type}`);
  };
  const look = async (until?: AbortSignal) => {
    const stat = await zk.exists(path, { watch, watchUntil: unwatched.signal, signal: until });
    if (!stat || !isCertain(zk.state)) end('the own node is gone');
  };
  const begin = async () => {
    try {
      const [ensemble] = await Promise.all([ensembleOf(zk), look(signal)]);
      return holdingOf(zk, node, ensemble, ended, unwatched);
    } catch (error) {
      end('the own node could not be read');
      throw error;
    }
  };
  return { signal: ended.signal, holding: begin(), end };
}

function holdingOf(
  zk: ZooKeeper,
  { path, owner, czxid }: OwnNode,
  ensemble: string,
  ended: AbortController,
  unwatched: AbortController,
): Holding {
  const isHeld = () => !ended.signal.aborted && zk.sessionId === owner && zk.aliveForMs > 0;
  let leaving: Promise<void> | undefined;
  return {
    token: { ensemble, czxid },
    signal: ended.signal,
    path,
    isHeld,
    async guard(operations, o) {
      if (!isHeld()) throw notHeld(path);
      try {
        const [, ...results] = await zk.transaction([{ op: 'check', path }, ...operations], o);
        return results;
      } catch (error) {
        if (error instanceof TransactionRefused) {
          if (error.index === 0) throw notHeld(path, error);
          throw new TransactionRefused(error.cause as ZooKeeperError, error.index - 1, error.path ?? path);
        }
        if (isZooKeeperError(error, 'ZK_SESSION_EXPIRED')) throw notHeld(path, error);
        throw error;
      }
    },
    release() {
      ended.abort(new FlashmeshError('aborted', 'NOT_HELD', 'it was released'));
      // The watch goes with the node: only where that stays is there one to be taken back.
      leaving ??= guaranteedDelete(zk, path, owner, czxid).finally(() => unwatched.abort());
      return leaving;
    },
  };
}

function notHeld(path: string, cause?: unknown): FlashmeshError {
  return new FlashmeshError('aborted', 'NOT_HELD', `${path} is not held any more`, { cause });
}
