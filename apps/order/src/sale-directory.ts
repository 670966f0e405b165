import { Cache } from '@flashmesh/cache';
import { catalog, znodes } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, messageOf } from '@flashmesh/core';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { InjectClock, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { type CachedNode, SubtreeCache, ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';

/**
 * What the shop sells, as catalog knows it: from memory, then Redis, then catalog. A change of a sale's node drops what is
 * remembered of it at once; without that, memory is at most 2 s and Redis at most 10 s behind.
 */
@Injectable()
export class SaleDirectory implements OnModuleInit, OnApplicationShutdown {
  private readonly cache: Cache<catalog.Sale>;
  private readonly client: MeshClient<typeof catalog.CatalogServiceDefinition>;
  private readonly nodes: SubtreeCache;
  private readonly logger: Logger;
  private known = new Map<string, CachedNode>();

  constructor(
    @InjectClient(catalog.CatalogServiceDefinition)
    client: MeshClient<typeof catalog.CatalogServiceDefinition>,
    redis: Redis,
    zookeeper: ZooKeeper,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.client = client;
    this.logger = logger;
    this.cache = new Cache<catalog.Sale>({
      name: 'sales',
      redis,
      ttlMs: 10_000,
      negativeTtlMs: 2000,
      near: { maxEntries: 1000, ttlMs: 2000 },
      encode: (sale) => Buffer.from(catalog.Sale.encode(sale).finish()).toString('base64'),
      decode: (text) => catalog.Sale.decode(Buffer.from(text, 'base64')),
      clock,
      logger,
    });
    this.nodes = new SubtreeCache(zookeeper, znodes.doors, {
      onChange: (nodes) => this.forget(nodes.children()),
      logger,
    });
  }

  onModuleInit(): Promise<void> {
    return this.nodes.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.nodes.stop();
  }

  /** @throws FlashmeshError `not_found` (`SALE_NOT_FOUND`); `unavailable` when nobody who knows can be reached. */
  async get(saleId: string): Promise<catalog.Sale> {
    const sale = await this.cache.get(saleId, (id) => this.load(id));
    if (sale) return sale;
    throw new FlashmeshError('not_found', 'SALE_NOT_FOUND', `there is no sale ${saleId}`, {
      field: 'saleId',
    });
  }

  private async load(saleId: string): Promise<catalog.Sale | undefined> {
    try {
      const { sale } = await this.client.getSale({ saleId });
      return sale;
    } catch (error) {
      if (error instanceof FlashmeshError && error.kind === 'not_found') return undefined;
      throw error;
    }
  }

  /** Drops what is remembered of every sale whose node came, went or changed. */
  private forget(sales: Map<string, CachedNode>): void {
    const before = this.known;
    this.known = sales;
    for (const saleId of new Set([...before.keys(), ...sales.keys()])) {
      if (before.get(saleId) === sales.get(saleId)) continue;
      this.cache.invalidate(saleId).catch((error: unknown) => {
        this.logger.warn({ saleId, error: messageOf(error) }, 'a cached sale could not be dropped');
      });
    }
  }
}
