import { EventProducer, KafkaConnection, KafkaServer } from '@flashmesh/messaging';
import { InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, Module } from '@nestjs/common';
import { Redis } from 'ioredis';
import { ExpiryLeader } from './expiry-leader.ts';
import { InventoryController } from './inventory.controller.ts';
import { SaleArming } from './sale-arming.ts';
import { StockStore } from './store/stock-store.ts';
import { StockView } from './store/stock-view.ts';

/** The stock of this shop, over the connections of this process. */
@Injectable()
class ShopStock extends StockStore {
  constructor(
    redis: Redis,
    kafka: KafkaConnection,
    producer: EventProducer,
    server: KafkaServer,
    @InjectLogger() logger: Logger,
  ) {
    super({ redis, kafka, producer, server, logger });
  }
}

/** Inventory: one writer a partition decides about every unit of stock. */
@Module({
  controllers: [InventoryController],
  providers: [{ provide: StockStore, useClass: ShopStock }, StockView, ExpiryLeader, SaleArming],
})
export class InventoryModule {}
