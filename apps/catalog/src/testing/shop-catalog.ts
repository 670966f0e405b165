import { catalog, inventory, type Topic, topics } from '@flashmesh/contracts';
import { sleep, systemClock } from '@flashmesh/core';
import { EventProducer, KafkaConnection } from '@flashmesh/messaging';
import { Registry } from '@flashmesh/registry';
import { closeMeshClients, createMeshClient, type MeshClient, registerMeshResolver } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import type { CatalogEnv } from '../env.ts';
import { SaleAdmin } from '../sale-admin.ts';
import { SaleDoors } from '../sale-doors.ts';
import { SaleRounds } from '../sale-rounds.ts';
import { CatalogLog } from '../store/catalog-log.ts';
import { CatalogView } from '../store/catalog-view.ts';

/** Where a catalog of a test lives. */
export interface Place {
  /** With a chroot, so that it meets only what belongs to the test. */
  readonly zookeeper: string;
  readonly brokers: string;
  /** Makes the names of its topics its own. */
  readonly suffix: string;
}

/** What a test puts between an opening and those that it writes to. */
export interface Between {
  readonly zookeeper?: (real: ZooKeeper) => ZooKeeper;
  readonly producer?: (real: EventProducer) => EventProducer;
  readonly inventory?: (
    real: MeshClient<inventory.InventoryServiceDefinition>,
  ) => MeshClient<inventory.InventoryServiceDefinition>;
}

const SESSION_TIMEOUT_MS = 3000;
const OPEN_SALE_TIMEOUT_MS = 30_000;

/** The catalog's two topics, of this place. */
export function catalogTopics({ suffix }: Place): {
  products: Topic<catalog.Product>;
  sales: Topic<catalog.Sale>;
} {
  return {
    products: { ...topics.products, name: `catalog.products.${suffix}` },
    sales: { ...topics.sales, name: `catalog.sales.${suffix}` },
  };
}

/** For tests: an instance of the catalog without its servers, over real Kafka and ZooKeeper and the inventory that naming knows. */
export async function openCatalog(place: Place, between: Between = {}) {
  const logger = createLogger({ service: 'test', instance: 'test', level: 'fatal' });
  const zookeeper = await ZooKeeper.connect({
    servers: place.zookeeper,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    logger,
  });
  const kafka = new KafkaConnection({
    brokers: place.brokers.split(','),
    clientId: `catalog-${place.suffix}`,
    logger,
  });
  const producer = new EventProducer(kafka, { source: '/test' });
  const own = catalogTopics(place);
  class PlaceLog extends CatalogLog {
    protected override readonly products = own.products;
    protected override readonly sales = own.sales;
  }
  await kafka.ensureTopics(Object.values(own).map(({ name, config }) => ({ name, partitions: 2, config })));
  const registry = new Registry(zookeeper, { logger });
  registerMeshResolver(registry);
  const client = createMeshClient(inventory.InventoryServiceDefinition, {
    target: 'zk:///inventory',
    defaultDeadlineMs: OPEN_SALE_TIMEOUT_MS,
  });

  const view = new CatalogView();
  const log = new PlaceLog(kafka, between.producer?.(producer) ?? producer, view);
  const zk = between.zookeeper?.(zookeeper) ?? zookeeper;
  const admin = new SaleAdmin(
    zk,
    log,
    view,
    new SaleDoors(zk),
    new SaleRounds(zk, logger),
    between.inventory?.(client) ?? client,
    { OPEN_SALE_TIMEOUT_MS } as CatalogEnv,
    systemClock,
    logger,
  );
  const ended = new AbortController();
  // Does what the broadcast handlers do in the service.
  const following = (async () => {
    while (!ended.signal.aborted) {
      await log.catchUp();
      await sleep(50);
    }
  })();
  return {
    admin,
    view,
    zookeeper,
    kafka,
    inventory: client,
    /** Another reader of the same log, from its beginning. */
    async replay(): Promise<CatalogView> {
      const replayed = new CatalogView();
      await new PlaceLog(kafka, producer, replayed).catchUp();
      return replayed;
    },
    async close(): Promise<void> {
      ended.abort();
      await following;
      closeMeshClients();
      await registry.close();
      await producer.close();
      await kafka.close();
      await zookeeper.close();
    },
  };
}
