import { throwIfAborted } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { createdOrGivenUp, leaveBehind } from './give-up.ts';
import { guaranteedDelete } from './guaranteed-delete.ts';
import { type Holding, type OwnWatch, watchOwn } from './holding.ts';
import { type OwnNode, protectedCreate } from './protected-create.ts';
import { inSequence } from './sequence.ts';
import { untilGone } from './wait-for.ts';

/** Where to stand in line. */
export interface Line {
  /** The node whose children are the line. */
  readonly path: string;
  /** What own nodes are called between GUID and number, e.g. `lock-`. */
  readonly prefix: string;
  /** Content of the own node, for people who look. */
  readonly data: string;
  /** Whom to wait for, of those in line in their order; `undefined`: it is one's turn. @default the one before */
  readonly behind?: (names: readonly string[], own: string) => string | undefined;
  /** Leave instead of waiting. @default true */
  readonly wait?: boolean;
  /**
   * What belongs to holding it, done when it is one's turn: it is held only afterwards. When a connection is lost over it, it is done
   * again with the holding of the next; what else it throws gives the place up.
   */
  readonly prepare?: (holding: Holding, signal?: AbortSignal) => Promise<void>;
}

/**
 * Stands in line at a node until it is one's turn: an ephemeral sequential child for everybody, each watching only one before, so
 * that a leaving one wakes few. A place lost with its session is taken anew, at the end.
 *
 * @returns what is held, or `undefined` when it was not one's turn and `wait` is off.
 * @throws FlashmeshError the reason of the signal; no node stays behind. ZooKeeperError for what waiting cannot cure.
 */
export async function awaitTurn(
  zk: ZooKeeper,
  line: Line,
  signal?: AbortSignal,
): Promise<Holding | undefined> {
  for (;;) {
    throwIfAborted(signal);
    const creating = protectedCreate(zk, line.path, line.prefix, line.data);
    const node = await createdOrGivenUp(zk, creating, signal);
    try {
      const turn = await advance(zk, line, node, signal);
      if (turn === 'not yet') {
        await guaranteedDelete(zk, node.path, node.owner);
        return undefined;
      }
      if (turn) return turn;
    } catch (error) {
      await leaveBehind(zk, node, signal);
      throw error;
    }
  }
}

/** What is held, or `undefined` when the own node has gone. */
async function advance(
  zk: ZooKeeper,
  line: Line,
  node: OwnNode,
  signal?: AbortSignal,
): Promise<Holding | 'not yet' | undefined> {
  const behind = line.behind ?? theOneBefore;
  let own: OwnWatch | undefined;
  let held: Holding | undefined;
  try {
    for (;;) {
      // Outside the try: when no connection will come any more, that is the answer.
      await zk.writable(signal);
      try {
        if (zk.sessionId !== node.owner) return undefined;
        // Asked for together with the line, so that nothing is left to ask for when it is one's turn.
        if (!own || own.signal.aborted) own = watchOwn(zk, node, signal);
        const [children, holding] = await Promise.all([zk.children(line.path, { signal }), own.holding]);
        const names = inSequence(children);
        if (!names.includes(node.name)) return undefined;
        const before = behind(names, node.name);
        if (before === undefined) {
          await line.prepare?.(holding, signal);
          if (!own.signal.aborted) return (held = holding);
        } else if (line.wait === false) return 'not yet';
        else await untilGone(zk, joinPath(line.path, before), signal);
      } catch (error) {
        // The own node went, and then the line itself, a container.
        if (isZooKeeperError(error, 'ZK_NO_NODE')) return undefined;
        if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
      }
    }
  } finally {
    if (!held) own?.end('nothing came to be held');
  }
}

function theOneBefore(names: readonly string[], own: string): string | undefined {
  return names[names.indexOf(own) - 1];
}
