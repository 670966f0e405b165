import { ZooKeeper, ZooKeeperError } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';

const DOORS = '/flashmesh/sales';

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

  async set(saleId: string, door: 'open' | 'closed'): Promise<void> {
    const path = `${DOORS}/${saleId}`;
    try {
      await this.zookeeper.set(path, door);
    } catch (error) {
      if (!(error instanceof ZooKeeperError) || error.code !== 'ZK_NO_NODE') throw error;
      await this.zookeeper.mkdirp(DOORS);
      await this.create(path, door);
    }
  }

  private async create(path: string, door: string): Promise<void> {
    try {
      await this.zookeeper.create(path, door);
    } catch (error) {
      // Sent twice over a connection that broke between: the first one counted.
      if (!(error instanceof ZooKeeperError) || error.code !== 'ZK_NODE_EXISTS') throw error;
      await this.zookeeper.set(path, door);
    }
  }
}
