import { catalog, inventory } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, sleep, throwIfAborted, unavailable } from '@flashmesh/core';
import { Lock } from '@flashmesh/coordination';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';
import { type CheckedSale, checkNewSale, isId, sameContent } from './domain/check-sale.ts';
import { seededUnits } from './domain/seeded-units.ts';
import type { CatalogEnv } from './env.ts';
import { SaleDoors } from './sale-doors.ts';
import { CatalogLog } from './store/catalog-log.ts';
import { CatalogView } from './store/catalog-view.ts';

/** How often inventory is asked whether it has the stock. */
const POLL_MS = 50;
const { OPEN, CLOSED } = catalog.SaleState;

/**
 * Opens and closes sales. A ZooKeeper lock keeps two openings of one sale apart; every step is idempotent by id, so whoever
 * calls again after a crash finishes what was begun.
 */
@Injectable()
export class SaleAdmin {
  private readonly zookeeper: ZooKeeper;
  private readonly log: CatalogLog;
  private readonly view: CatalogView;
  private readonly doors: SaleDoors;
  private readonly inventory: MeshClient<inventory.InventoryServiceDefinition>;
  private readonly timeoutMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(
    zookeeper: ZooKeeper,
    log: CatalogLog,
    view: CatalogView,
    doors: SaleDoors,
    @InjectClient(inventory.InventoryServiceDefinition)
    client: MeshClient<inventory.InventoryServiceDefinition>,
    @InjectEnv() env: CatalogEnv,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.zookeeper = zookeeper;
    this.log = log;
    this.view = view;
    this.doors = doors;
    this.inventory = client;
    this.timeoutMs = env.OPEN_SALE_TIMEOUT_MS;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * Opens a sale: products and the sale are written, the stock is seeded once, and the doors open when inventory has it.
   * A sale that is open with the same content is answered as it is.
   *
   * @throws FlashmeshError `failed_precondition` `SALE_EXISTS` or `SALE_CLOSED`, `invalid_argument`, or unavailable
   *   `SALE_NOT_READY` when a step took too long: the same call again goes on from there.
   */
  open(wanted: CheckedSale, caller?: AbortSignal): Promise<catalog.Sale> {
    return this.exclusively(wanted.sale.id, caller, async (signal) => {
      const sale = await this.prepare(wanted, signal);
      if (sale.state !== OPEN) {
        await this.seed(sale, signal);
        await this.log.writeSale(sale, 'open', signal);
        this.logger.info({ saleId: sale.id }, 'sale opened');
      }
      await this.doors.set(sale.id, 'open');
      return this.require(sale.id);
    });
  }

  /**
   * Closes a sale before its window ends; when the window ends by itself, nothing needs to be written (see `isOpen`).
   *
   * @throws FlashmeshError `not_found` `UNKNOWN_SALE`; `failed_precondition` `SALE_NOT_OPEN` while it is being prepared.
   */
  close(saleId: string, caller?: AbortSignal): Promise<catalog.Sale> {
    // An id that nobody can have needs no lock, and must not become the name of a znode.
    if (!isId(saleId)) return Promise.reject(unknownSale());
    return this.exclusively(saleId, caller, async (signal) => {
      const sale = this.view.sale(saleId);
      if (!sale) throw unknownSale();
      if (sale.state !== CLOSED) {
        if (sale.state !== OPEN) {
          throw new FlashmeshError(
            'failed_precondition',
            'SALE_NOT_OPEN',
            'the sale is still being prepared',
          );
        }
        await this.log.writeSale(sale, 'closed', signal);
        this.logger.info({ saleId }, 'sale closed');
      }
      await this.doors.set(saleId, 'closed');
      return this.require(saleId);
    });
  }

  /** Runs a change of a sale under its lock, with a view that holds all earlier changes. */
  private async exclusively<T>(
    saleId: string,
    caller: AbortSignal | undefined,
    change: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const slow = AbortSignal.timeout(this.timeoutMs);
    const patience = caller ? AbortSignal.any([caller, slow]) : slow;
    try {
      const lock = new Lock(this.zookeeper, `/flashmesh/locks/sales/${saleId}`);
      const handle = await lock.acquire({ signal: patience });
      try {
        await this.log.catchUp();
        return await change(AbortSignal.any([patience, handle.signal]));
      } finally {
        await handle.release();
      }
    } catch (cause) {
      if (!slow.aborted || caller?.aborted) throw cause;
      throw unavailable('SALE_NOT_READY', 'the sale did not get ready in time; the same call goes on', {
        cause,
        retryAfterMs: 1000,
      });
    }
  }

  /** Writes the products and the sale, unless an earlier call did; answers the sale as it stands. */
  private async prepare(wanted: CheckedSale, signal: AbortSignal): Promise<catalog.Sale> {
    const known = this.view.sale(wanted.sale.id);
    if (known && !sameContent(known, wanted.sale)) throw saleExists();
    if (known?.state === CLOSED) {
      throw new FlashmeshError('failed_precondition', 'SALE_CLOSED', 'the sale is over');
    }
    if (known?.state === OPEN) return known;
    if (!known) checkNewSale(wanted, (sku) => this.view.product(sku) !== undefined, this.clock.now());
    for (const product of wanted.products) await this.log.writeProduct(wanted.sale.id, product, signal);
    if (known) return known;
    const written = await this.log.writeSale(wanted.sale, 'preparing', signal);
    if (!sameContent(written, wanted.sale)) throw saleExists();
    return written;
  }

  /** Puts the stock in, once per sale and SKU whoever calls, and waits until inventory has it. */
  private async seed(sale: catalog.Sale, signal: AbortSignal): Promise<void> {
    const restock = ({ sku, stock }: catalog.SaleItem) =>
      this.inventory.restock({ restockId: `${sale.id}/${sku}`, sku, quantity: stock }, { signal });
    await Promise.all(sale.items.map(restock));
    for (const { sku } of sale.items) {
      const wanted = seededUnits(this.view.sales(), sale, sku);
      while ((await this.initialUnits(sku, signal)) < wanted) await sleep(POLL_MS, signal, this.clock);
    }
  }

  /** Units of an SKU that ever arrived; 0 as well when inventory cannot say at the moment. */
  private async initialUnits(sku: string, signal: AbortSignal): Promise<number> {
    try {
      const { stock } = await this.inventory.getStock({ sku }, { signal });
      return stock?.initial ?? 0;
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof FlashmeshError && ['not_found', 'unavailable'].includes(error.kind)) return 0;
      throw error;
    }
  }

  private require(saleId: string): catalog.Sale {
    const sale = this.view.sale(saleId);
    if (!sale) throw unknownSale();
    return sale;
  }
}

function unknownSale(): FlashmeshError {
  return new FlashmeshError('not_found', 'UNKNOWN_SALE', 'there is no such sale');
}

function saleExists(): FlashmeshError {
  return new FlashmeshError(
    'failed_precondition',
    'SALE_EXISTS',
    'this id is taken by a sale with other content',
    {
      field: 'id',
    },
  );
}
