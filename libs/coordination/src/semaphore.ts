import { FlashmeshError, requirePositiveInteger, throwIfAborted } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { type WaitOptions, withDeadline } from './deadline.ts';
import { createdOrGivenUp, leaveBehind } from './give-up.ts';
import { whileInReach } from './guaranteed-delete.ts';
import { hold, type Holding } from './holding.ts';
import { Lock, participantsOf } from './lock.ts';
import { protectedCreate } from './protected-create.ts';
import { untilChildren } from './wait-for.ts';

/**
 * At most so many leases at a time among all clients that name the same path (Curator's InterProcessSemaphoreV2 and its layout).
 * Fair: who waits holds a lock, so leases go out in order of arrival, and one client is woken by a returned lease.
 */
export class Semaphore {
  private readonly zk: ZooKeeper;
  private readonly leases: string;
  private readonly door: Lock;
  private readonly maxLeases: () => number;

  /**
   * @param maxLeases the same for all clients, or where the number is to be read each time, e.g. a {@link SharedValue}'s. Raising it
   *   wakes nobody: who waits sees it when the next lease comes back.
   * @throws RangeError when the number is not a positive integer.
   */
  constructor(zk: ZooKeeper, path: string, maxLeases: number | (() => number)) {
    this.zk = zk;
    this.leases = joinPath(path, 'leases');
    this.door = new Lock(zk, joinPath(path, 'locks'));
    if (typeof maxLeases === 'number') requirePositiveInteger('maxLeases', maxLeases);
    this.maxLeases = typeof maxLeases === 'number' ? () => maxLeases : maxLeases;
  }

  /**
   * Waits for a lease.
   *
   * @throws FlashmeshError `deadline_exceeded` (`LEASE_TIMEOUT`), or the reason of the signal: no lease stays behind then, or none as
   *   soon as a server can be reached.
   */
  acquire(o: WaitOptions = {}): Promise<Holding> {
    const what = `no lease of ${this.leases} was free`;
    return withDeadline(this.zk.clock, o, 'LEASE_TIMEOUT', what, (signal, wait) => this.take(signal, wait));
  }

  /** All of so many leases, or none. @throws as {@link Semaphore.acquire}. */
  acquireMany(count: number, o: WaitOptions = {}): Promise<Holding[]> {
    const what = `${count} leases of ${this.leases} were not free`;
    return withDeadline(this.zk.clock, o, 'LEASE_TIMEOUT', what, async (signal, wait) => {
      const taken: Holding[] = [];
      try {
        for (;;) {
          while (taken.length < count) {
            taken.push(await this.acquire({ signal, timeoutMs: wait ? undefined : 0 }));
          }
          // One may have been lost while another was waited for.
          const lost = taken.filter((lease) => !lease.isHeld());
          if (lost.length === 0) return taken;
          for (const lease of lost) taken.splice(taken.indexOf(lease), 1);
          await whileInReach(this.zk, Promise.all(lost.map((lease) => lease.release())), signal);
        }
      } catch (error) {
        await whileInReach(this.zk, Promise.all(taken.map((lease) => lease.release())), signal);
        throw error;
      }
    });
  }

  /** Nodes of the leases that are out. */
  async participants(): Promise<string[]> {
    return participantsOf(this.zk, this.leases);
  }

  /** A door that was lost with its session or its connection is stood in line for anew: the caller asked for a lease, not for it. */
  private async take(signal: AbortSignal | undefined, wait: boolean): Promise<Holding | undefined> {
    for (;;) {
      const door = await this.door
        .acquire({ signal, timeoutMs: wait ? undefined : 0 })
        .catch((error: unknown) => {
          // Only this says that somebody else is before us. Whatever else happened at the door is the caller's to know.
          if (wait || !(error instanceof FlashmeshError && error.code === 'LOCK_TIMEOUT')) throw error;
          return undefined;
        });
      if (!door) return undefined;
      try {
        return await this.leaseBehind(AbortSignal.any([door.signal, ...(signal ? [signal] : [])]), wait);
      } catch (error) {
        if (!door.signal.aborted || signal?.aborted || isZooKeeperError(error, 'ZK_CLOSED')) throw error;
      } finally {
        await whileInReach(this.zk, door.release(), signal);
      }
    }
  }

  private async leaseBehind(signal: AbortSignal, wait: boolean): Promise<Holding | undefined> {
    for (;;) {
      throwIfAborted(signal);
      const creating = protectedCreate(this.zk, this.leases, 'lease-', '');
      const node = await createdOrGivenUp(this.zk, creating, signal);
      let lease: Holding | undefined;
      try {
        // Counted and not ordered: only who holds the door adds one, so there are never more than were counted.
        const enough = (names: string[]) => names.length <= this.maxLeases() || !names.includes(node.name);
        while (!enough(await this.zk.children(this.leases, { signal }))) {
          if (!wait) return undefined;
          await untilChildren(this.zk, this.leases, enough, signal);
        }
        lease = await hold(this.zk, node, signal);
        if (lease) return lease;
      } catch (error) {
        // No node: the lease went, and then its parent, a container.
        if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED', 'ZK_NO_NODE')) throw error;
      } finally {
        // Uncertain only for a moment, perhaps: the node may live on with its session.
        if (!lease) await leaveBehind(this.zk, node, signal);
      }
    }
  }
}
