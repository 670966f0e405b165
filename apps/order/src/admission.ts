import { Cache } from '@flashmesh/cache';
import { inventory } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, unavailable } from '@flashmesh/core';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { InjectClock } from '@flashmesh/service';
import { Injectable } from '@nestjs/common';
import { busy } from './busy.ts';

/** How long a verdict is good for: short enough to notice that units came back, long enough to spare inventory a rush. */
const VERDICT_TTL_MS = 50;

/** Asks inventory whether an order has a chance; orders that want the same at the same moment share the question. */
@Injectable()
export class Admission {
  private readonly verdicts: Cache<inventory.Admission>;
  private readonly client: MeshClient<typeof inventory.InventoryServiceDefinition>;

  constructor(
    @InjectClient(inventory.InventoryServiceDefinition)
    client: MeshClient<typeof inventory.InventoryServiceDefinition>,
    @InjectClock() clock: Clock,
  ) {
    this.client = client;
    this.verdicts = new Cache({
      name: 'admission',
      ttlMs: VERDICT_TTL_MS,
      jitter: 0,
      near: { maxEntries: 10_000, ttlMs: VERDICT_TTL_MS },
      clock,
    });
  }

  /**
   * Returns when the order may go on.
   *
   * @throws FlashmeshError `failed_precondition` (`SOLD_OUT`), `resource_exhausted` (`BUSY`), `unavailable`
   *   (`STOCK_NOT_READY`, or what inventory said, with its `retryAfterMs`).
   */
  async admit(sku: string, quantity: number): Promise<void> {
    const verdict = await this.verdicts.get(`${sku}|${quantity}`, async () => {
      const { admission } = await this.client.checkAdmission({ sku, quantity });
      return admission;
    });
    switch (verdict) {
      case inventory.Admission.ADMITTED:
        return;
      case inventory.Admission.SOLD_OUT:
        throw new FlashmeshError('failed_precondition', 'SOLD_OUT', `${sku} is sold out`);
      case inventory.Admission.BUSY:
        throw busy();
      case inventory.Admission.UNKNOWN_SKU:
      case inventory.Admission.UNSPECIFIED:
      case inventory.Admission.UNRECOGNIZED:
      case undefined:
        throw unavailable('STOCK_NOT_READY', `the stock of ${sku} is not known yet`);
    }
  }
}
