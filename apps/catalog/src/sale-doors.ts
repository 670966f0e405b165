import { znodes } from '@flashmesh/contracts';
import type { Holding } from '@flashmesh/coordination';
import { isZooKeeperError, joinPath, ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';

/**
 * One znode a sale, `open` or `closed`: every service that caches sales watches them, so all see a door move at once. The
 * truth about a sale is in the log; the znode only says that it is time to look again.
 */
@Injectable()
export class SaleDoors {
  private readonly zookeeper: ZooKeeper;

  constructor(zookeeper: ZooKeeper) {
    this.zookeeper = zookeeper;
  }

  /**
   * Moves the door while the sale's lock is held: both are checked and done in one transaction.
   *
   * @throws FlashmeshError `aborted` (`NOT_HELD`): the door was not moved.
   */
  async set(lock: Pick<Holding, 'guard'>, saleId: string, door: 'open' | 'closed'): Promise<void> {
    const path = joinPath(znodes.doors, saleId);
    try {
      await lock.guard([{ op: 'set', path, data: door }]);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      await this.zookeeper.mkdirp(znodes.doors);
      // While the lock is held, nobody else makes it.
      await lock.guard([{ op: 'create', path, data: door }]);
    }
  }
}
