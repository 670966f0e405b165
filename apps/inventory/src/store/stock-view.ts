import { Cache } from '@flashmesh/cache';
import { InjectEnv } from '@flashmesh/service';
import { Injectable } from '@nestjs/common';
import type { StockSight } from '../domain/admission.ts';
import type { InventoryEnv } from '../env.ts';
import { StockStore } from './stock-store.ts';

/** How many SKUs are remembered; more than are ever on sale at once. */
const MAX_SKUS = 10_000;

/**
 * The stock as the door sees it, at most STOCK_VIEW_MS old: a rush asks many times in that time and Redis answers once,
 * whichever instance owns the SKU's partition.
 */
@Injectable()
export class StockView {
  private readonly cache: Cache<StockSight>;
  private readonly store: StockStore;

  constructor(store: StockStore, @InjectEnv() env: InventoryEnv) {
    this.store = store;
    const ttlMs = env.STOCK_VIEW_MS;
    this.cache = new Cache<StockSight>({
      name: 'stock',
      ttlMs,
      negativeTtlMs: ttlMs,
      near: { maxEntries: MAX_SKUS, ttlMs },
    });
  }

  /** The balance of an SKU and the wait before it, `undefined` when it never had stock. @throws FlashmeshError unavailable `REBUILDING`. */
  look(sku: string): Promise<StockSight | undefined> {
    return this.cache.get(sku, () => this.store.look(sku));
  }
}
