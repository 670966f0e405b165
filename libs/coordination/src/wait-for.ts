import { abortError } from '@flashmesh/core';
import { isZooKeeperError, type WatchEvent, type ZooKeeper } from '@flashmesh/zookeeper';

type Arm = (watch: (event: WatchEvent) => void, until: AbortSignal) => Promise<boolean>;

/**
 * Arms a watch and waits for its event, unless arming says that there is nothing to wait for. However it ends, no watch stays behind.
 * An event is no proof of what it was waited for: look again. Also a client that was closed, which has no watches any more, ends the
 * wait: whoever looks again is told so.
 */
async function eventOf(zk: ZooKeeper, arm: Arm, signal?: AbortSignal): Promise<void> {
  const event = Promise.withResolvers<void>();
  const over = new AbortController();
  const onAbort = () => event.reject(abortError(signal as AbortSignal));
  const stop = zk.onState(({ name }) => name === 'closed' && event.resolve());
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  // Rejected while the watch is still being armed, it is awaited only afterwards.
  event.promise.catch(() => undefined);
  try {
    if (await arm(() => event.resolve(), over.signal)) await event.promise;
  } finally {
    stop();
    signal?.removeEventListener('abort', onAbort);
    over.abort();
  }
}

/** Waits for any event at a node that is there; `get`, since `exists` would leave a watch where there is no node. */
export function untilGone(zk: ZooKeeper, path: string, signal?: AbortSignal): Promise<void> {
  const arm: Arm = async (watch, watchUntil) => {
    try {
      await zk.get(path, { watch, watchUntil, signal });
      return true;
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      return false;
    }
  };
  return eventOf(zk, arm, signal);
}

/** Waits for the node to be created, or for an event at it. */
export function untilThere(zk: ZooKeeper, path: string, signal?: AbortSignal): Promise<void> {
  return eventOf(
    zk,
    async (watch, watchUntil) => !(await zk.exists(path, { watch, watchUntil, signal })),
    signal,
  );
}

/** Waits until the children are others than those that `enough` is content with. */
export function untilChildren(
  zk: ZooKeeper,
  path: string,
  enough: (names: string[]) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  return eventOf(
    zk,
    async (watch, watchUntil) => !enough(await zk.children(path, { watch, watchUntil, signal })),
    signal,
  );
}
