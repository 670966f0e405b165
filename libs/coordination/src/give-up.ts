import { abortError } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { guaranteedDelete, whileInReach } from './guaranteed-delete.ts';
import type { OwnNode } from './protected-create.ts';

/** @internal Waits for the own node. An abort does not wait for the reply: the node is removed whenever it turns up. */
export async function createdOrGivenUp<N extends OwnNode | undefined>(
  zk: ZooKeeper,
  creating: Promise<N>,
  signal?: AbortSignal,
): Promise<N> {
  if (!signal) return creating;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([creating, aborted.promise]);
  } catch (error) {
    if (signal.aborted) {
      // When nothing was created, nothing is to be removed: the caller has the reason of its signal.
      creating
        .then((node) => node && guaranteedDelete(zk, node.path, node.owner, node.czxid))
        .catch(() => undefined);
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** @internal Removes the own node, as far as that can be waited for. */
export async function leaveBehind(zk: ZooKeeper, node: OwnNode, signal?: AbortSignal): Promise<void> {
  // What led here matters more to the caller than a failure to clean up, which only a missing permission can cause.
  const deleting = guaranteedDelete(zk, node.path, node.owner, node.czxid).catch(() => undefined);
  await whileInReach(zk, deleting, signal);
}
