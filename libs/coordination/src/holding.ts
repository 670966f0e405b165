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

/** The holding, or `undefined` when it is not certain at this very moment. @throws what reading the own node throws. */
export async function hold(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): Promise<Holding | undefined> {
  const { path, owner, czxid } = node;
  const ended = new AbortController();
  const end = (why: string) => ended.abort(new FlashmeshError('aborted', 'NOT_HELD', why));
  // A server without a quorum does not know whether the session lives: nothing is held there.
  const isCertain = (state: ConnectionState) =>
    state.name === 'connected' && state.sessionId === owner && !state.readOnly;
  const stopOnState = zk.onState((state) => {
    if (!isCertain(state)) end(`the ZooKeeper session is ${state.name}`);
  });
  ended.signal.addEventListener('abort', stopOnState, { once: true });
  const watch = (event: WatchEvent) => {
    if (event.type === 'changed') rearm().catch(() => end('the own node could not be read'));
    else end(`the own node saw: ${event.type}`);
  };
  const rearm = async () => {
    const stat = await zk.exists(path, { watch, watchUntil: ended.signal, signal });
    if (!stat || !isCertain(zk.state)) end('the own node is gone');
  };
  let ensemble: string;
  try {
    ensemble = await ensembleOf(zk);
    await rearm();
  } catch (error) {
    end('the own node could not be read');
    throw error;
  }
  if (ended.signal.aborted) return undefined;
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
      end('it was released');
      leaving ??= guaranteedDelete(zk, path, owner);
      return leaving;
    },
  };
}

function notHeld(path: string, cause?: unknown): FlashmeshError {
  return new FlashmeshError('aborted', 'NOT_HELD', `${path} is not held any more`, { cause });
}
