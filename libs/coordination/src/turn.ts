import { abortError, FlashmeshError, throwIfAborted } from '@flashmesh/core';
import {
  type ConnectionState,
  isZooKeeperError,
  joinPath,
  type WatchEvent,
  type ZooKeeper,
} from '@flashmesh/zookeeper';
import { guaranteedDelete } from './guaranteed-delete.ts';
import { type OwnNode, protectedCreate } from './protected-create.ts';
import { inSequence } from './sequence.ts';

/** Being the first in a line. */
export interface Turn {
  /** The transaction that created the own node. Later turns have higher ones: a store refuses writes with a lower one. */
  readonly token: bigint;
  /**
   * Aborts as soon as the turn is not certain any more: the connection is suspended, the session lost, the own node gone, the
   * client closed, or {@link Turn.leave} was called.
   */
  readonly signal: AbortSignal;
  /** Gives the turn to the next in line. Resolves when the node is gone, or its session. Twice does nothing more. */
  leave(): Promise<void>;
}

/** Where to stand in line. */
export interface Line {
  /** The node whose children are the line. */
  readonly path: string;
  /** What own nodes are called between GUID and number, e.g. `lock-`. */
  readonly prefix: string;
  /** Content of the own node, for people who look. */
  readonly data: string;
}

/**
 * Stands in line at a node until it is first: an ephemeral sequential child for everybody, each watching only the one before, so
 * that a leaving one wakes one. A place lost with its session is taken anew, at the end.
 *
 * @throws FlashmeshError the reason of the signal; no node stays behind. ZooKeeperError for what waiting cannot cure.
 */
export async function awaitTurn(zk: ZooKeeper, line: Line, signal?: AbortSignal): Promise<Turn> {
  for (;;) {
    throwIfAborted(signal);
    const node = await takePlace(zk, line, signal);
    try {
      const turn = await advance(zk, line, node, signal);
      if (turn) return turn;
    } catch (error) {
      await leaveBehind(zk, node, signal);
      throw error;
    }
  }
}

/** Creates the own node. An abort does not wait for the reply: the node is removed whenever it turns up. */
async function takePlace(zk: ZooKeeper, line: Line, signal?: AbortSignal): Promise<OwnNode> {
  const creating = protectedCreate(zk, line.path, line.prefix, line.data);
  if (!signal) return creating;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([creating, aborted.promise]);
  } catch (error) {
    if (signal.aborted) {
      // When nothing was created, nothing is to be removed: the caller has the reason of its signal.
      creating.then((node) => guaranteedDelete(zk, node.path, node.owner)).catch(() => undefined);
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** After an abort the caller does not wait for a server that may be out of reach. */
async function leaveBehind(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): Promise<void> {
  // What led here matters more to the caller than a failure to clean up, which only a missing permission can cause.
  const deleting = guaranteedDelete(zk, node.path, node.owner).catch(() => undefined);
  if (zk.state.name === 'connected' || !signal?.aborted) await deleting;
}

/** The turn, or `undefined` when the own node has gone. */
async function advance(
  zk: ZooKeeper,
  line: Line,
  node: OwnNode,
  signal?: AbortSignal,
): Promise<Turn | undefined> {
  for (;;) {
    // Outside the try: when no connection will come any more, that is the answer.
    await zk.connected(signal);
    try {
      if (zk.sessionId !== node.owner) return undefined;
      const names = inSequence(await zk.children(line.path, { signal }));
      const place = names.indexOf(node.name);
      if (place < 0) return undefined;
      const before = names[place - 1];
      if (before !== undefined) await untilGone(zk, joinPath(line.path, before), signal);
      else {
        const turn = await hold(zk, node, signal);
        if (turn) return turn;
      }
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
    }
  }
}

/** Waits for any event at the node; `get`, since `exists` would leave a watch where there is no node. */
async function untilGone(zk: ZooKeeper, path: string, signal?: AbortSignal): Promise<void> {
  const event = Promise.withResolvers<void>();
  const onAbort = () => event.reject(abortError(signal as AbortSignal));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await zk.get(path, { watch: () => event.resolve(), signal });
    await event.promise;
  } catch (error) {
    if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The turn, or `undefined` when it is not certain at this very moment. */
async function hold(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): Promise<Turn | undefined> {
  const ended = new AbortController();
  const end = (why: string) => ended.abort(new FlashmeshError('aborted', 'TURN_ENDED', why));
  const isCertain = (state: ConnectionState) => state.name === 'connected' && state.sessionId === node.owner;
  const stopOnState = zk.onState((state) => {
    if (!isCertain(state)) end(`the ZooKeeper session is ${state.name}`);
  });
  ended.signal.addEventListener('abort', stopOnState, { once: true });
  const watch = (event: WatchEvent) => end(`the own node saw: ${event.type}`);
  try {
    const stat = await zk.exists(node.path, { watch, signal });
    if (!stat || !isCertain(zk.state)) end('the own node is gone');
  } catch (error) {
    end('the own node could not be read');
    throw error;
  }
  if (ended.signal.aborted) return undefined;
  let leaving: Promise<void> | undefined;
  const leave = () => {
    end('it was given up');
    leaving ??= guaranteedDelete(zk, node.path, node.owner);
    return leaving;
  };
  return { token: node.czxid, signal: ended.signal, leave };
}
