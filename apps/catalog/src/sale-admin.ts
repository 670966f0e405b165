import { catalog, inventory } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, unavailable } from '@flashmesh/core';
import { Lock, type LockHandle } from '@flashmesh/coordination';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';
import { type CheckedSale, checkNewSale, isId, sameContent } from './domain/check-sale.ts';
import type { CatalogEnv } from './env.ts';
import { SaleDoors } from './sale-doors.ts';
import { SaleRounds } from './sale-rounds.ts';
import { CatalogLog, requireHeld } from './store/catalog-log.ts';
import { CatalogView } from './store/catalog-view.ts';

const { OPEN, CLOSED } = catalog.SaleState;

/**
 * Opens and closes sales. A ZooKeeper lock keeps two changes of one sale apart; every step is idempotent by id, so whoever
 * calls again after a crash finishes what was begun.
 *
 * A process that was frozen may go on after it has lost the lock. So the lock is in no step only held: every write carries its
 * token or is done in one transaction with a check of it, and whoever applies the write refuses it when a later holder was there
 * before. The first step of each change is the sale's own record, which tells the readers of `catalog.sales`; the products and the
 * stock, which have an order of their own, are told each by a record with the token.
 *
 * | step of an opening       | what refuses it, sent late                                        |
 * | ------------------------ | ----------------------------------------------------------------- |
 * | sale is `preparing`      | CatalogView, by the token of the sale's records before            |
 * | names of products        | CatalogView, by the token of the SKU's records of this sale before |
 * | round with inventory     | ZooKeeper, by the lock's node                                     |
 * | seeds                    | inventory's script, by the token of the sale's commands before    |
 * | sale is `open`           | CatalogView                                                       |
 * | door                     | ZooKeeper                                                         |
 */
@Injectable()
export class SaleAdmin {
  private readonly zookeeper: ZooKeeper;
  private readonly log: CatalogLog;
  private readonly view: CatalogView;
  private readonly doors: SaleDoors;
  private readonly rounds: SaleRounds;
  private readonly inventory: MeshClient<inventory.InventoryServiceDefinition>;
  private readonly timeoutMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(
    zookeeper: ZooKeeper,
    log: CatalogLog,
    view: CatalogView,
    doors: SaleDoors,
    rounds: SaleRounds,
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
    this.rounds = rounds;
    this.inventory = client;
    this.timeoutMs = env.OPEN_SALE_TIMEOUT_MS;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * Opens a sale: the sale and its products are written, the stock is seeded once, and the doors open when every live instance of
   * inventory sees it. A sale that is open with the same content is answered as it is.
   *
   * @throws FlashmeshError `failed_precondition` `SALE_EXISTS` or `SALE_CLOSED`, `invalid_argument`, `aborted` `NOT_HELD` when the
   *   lock was lost on the way, or unavailable `SALE_NOT_READY` when a step took too long: the same call again goes on from there.
   */
  open(wanted: CheckedSale, caller?: AbortSignal): Promise<catalog.Sale> {
    return this.exclusively(wanted.sale.id, caller, async (lock, signal) => {
      const known = this.view.sale(wanted.sale.id);
      if (known && !sameContent(known, wanted.sale)) throw saleExists();
      if (known?.state === CLOSED) {
        throw new FlashmeshError('failed_precondition', 'SALE_CLOSED', 'the sale is over');
      }
      if (!known) checkNewSale(wanted, (sku) => this.view.product(sku) !== undefined, this.clock.now());
      if (known?.state === OPEN) await this.doors.set(lock, known.id, 'open');
      else await this.bringUp(lock, wanted, signal);
      return this.require(wanted.sale.id);
    });
  }

  /**
   * Closes a sale before its window ends, also while it is being prepared: when this answers, nothing that an opening of it still
   * sends adds units any more. When the window ends by itself, nothing needs to be written (see `isOpen`).
   *
   * @throws FlashmeshError `not_found` `UNKNOWN_SALE`; `aborted` and unavailable as by {@link SaleAdmin.open}.
   */
  close(saleId: string, caller?: AbortSignal): Promise<catalog.Sale> {
    // An id that nobody can have needs no lock, and must not become the name of a znode.
    if (!isId(saleId)) return Promise.reject(unknownSale());
    return this.exclusively(saleId, caller, async (lock, signal) => {
      const sale = this.require(saleId);
      if (sale.state !== CLOSED) {
        await this.log.writeSale(lock, sale, 'closed', signal);
        this.logger.info({ saleId }, 'sale closed');
      }
      await this.doors.set(lock, saleId, 'closed');
      await this.log.writeProducts(lock, sale, [], signal);
      const skus = sale.items.map(({ sku }) => sku);
      const token = requireHeld(lock, signal);
      await this.inventory.fenceSale({ saleId, skus, token }, this.patiently(signal));
      await this.rounds.clear(token, saleId);
      return this.require(saleId);
    });
  }

  /** Runs a change of a sale under its lock, with a view that holds all earlier changes. */
  private async exclusively<T>(
    saleId: string,
    caller: AbortSignal | undefined,
    change: (lock: LockHandle, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const slow = AbortSignal.timeout(this.timeoutMs);
    const patience = caller ? AbortSignal.any([caller, slow]) : slow;
    try {
      const lock = new Lock(this.zookeeper, `/flashmesh/locks/sales/${saleId}`);
      const handle = await lock.acquire({ signal: patience });
      try {
        await this.log.catchUp();
        return await change(handle, AbortSignal.any([patience, handle.signal]));
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

  /** Takes a sale that is not open through all steps, whichever of them an earlier call did. */
  private async bringUp(lock: LockHandle, wanted: CheckedSale, signal: AbortSignal): Promise<void> {
    const sale = await this.log.writeSale(lock, wanted.sale, 'preparing', signal);
    // Somebody who had no token may have been faster: what the log has taken counts.
    if (!sameContent(sale, wanted.sale)) throw saleExists();
    await this.log.writeProducts(lock, sale, wanted.products, signal);
    const seeds = sale.items.map(({ sku, stock }) => ({
      sku,
      restockId: `${sale.id}/${sku}`,
      quantity: stock,
    }));
    const round = await this.rounds.begin(lock, requireHeld(lock, signal), sale.id, seeds);
    try {
      const token = requireHeld(lock, signal);
      const restock = (seed: inventory.Seed) =>
        this.inventory.restock({ ...seed, saleId: sale.id, token }, this.patiently(signal));
      await Promise.all(seeds.map(restock));
      await round.enter(signal);
      await this.log.writeSale(lock, sale, 'open', signal);
      this.logger.info({ saleId: sale.id }, 'sale opened');
      await this.doors.set(lock, sale.id, 'open');
    } finally {
      await round.end();
    }
  }

  /** A call that waits as long as the change may take. */
  private patiently(signal: AbortSignal) {
    return { signal, deadlineMs: this.timeoutMs };
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
