import { catalog, type Topic, topics } from '@flashmesh/contracts';
import {
  type Fence,
  FlashmeshError,
  Limiter,
  passFence,
  throwIfAborted,
  tokenDigits,
  type WriteToken,
} from '@flashmesh/core';
import type { Holding } from '@flashmesh/coordination';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { productRecordId } from '../domain/product-story.ts';
import { isBefore, saleRecordId } from '../domain/sale-state.ts';
import { CatalogView } from './catalog-view.ts';

const STATES = {
  preparing: catalog.SaleState.PREPARING,
  open: catalog.SaleState.OPEN,
  closed: catalog.SaleState.CLOSED,
} as const;

/** What a write needs of the sale's lock. */
export type SaleLock = Pick<Holding, 'token' | 'isHeld'>;

/**
 * The catalog's two topics, which are its only store. Each record carries the token of the sale's lock, by which readers tell
 * whether it counts; a write answers when this instance has read it back and it does.
 */
@Injectable()
export class CatalogLog implements OnModuleInit {
  protected readonly products: Topic<catalog.Product> = topics.products;
  protected readonly sales: Topic<catalog.Sale> = topics.sales;
  private readonly kafka: KafkaConnection;
  private readonly producer: EventProducer;
  private readonly view: CatalogView;
  private readonly reading = new Limiter(1);

  constructor(kafka: KafkaConnection, producer: EventProducer, view: CatalogView) {
    this.kafka = kafka;
    this.producer = producer;
    this.view = view;
  }

  /** The service gets its name in the registry only after this: nobody asks a catalog that is half read. */
  onModuleInit(): Promise<void> {
    return this.catchUp();
  }

  /** Brings the view up to everything that was acknowledged before the call, by whichever instance. */
  async catchUp(): Promise<void> {
    // One reading at a time; each caller has its own, as one under way may end short of what the caller must see.
    await this.reading.run(async () => {
      await readLog(this.kafka, this.products, {}, (records) => this.view.onProducts(records));
      await readLog(this.kafka, this.sales, {}, (records) => this.view.onSales(records));
    });
  }

  /**
   * Appends the names of the sale's products, where they are given, and the token for all of them.
   *
   * @throws FlashmeshError `aborted` (`NOT_HELD`) when the lock is lost, or somebody who held it later was here before.
   */
  async writeProducts(
    lock: SaleLock,
    sale: catalog.Sale,
    products: readonly catalog.Product[],
    signal: AbortSignal,
  ): Promise<void> {
    const token = requireHeld(lock, signal);
    const names = new Map(products.map(({ sku, name }) => [sku, name]));
    const write = async (sku: string) => {
      const data = { sku, name: names.get(sku) ?? '', saleId: sale.id, token };
      const id = productRecordId(sale.id, sku, token);
      await this.producer.publish(this.products, { key: sku, id, data });
      await this.view.until(() => counts(this.view.productFence(sku, sale.id), token), signal);
    };
    await Promise.all(sale.items.map(({ sku }) => write(sku)));
  }

  /**
   * Appends that the sale is in a state now; answers the sale as it stands after that.
   *
   * @throws FlashmeshError as {@link writeProducts}.
   */
  async writeSale(
    lock: SaleLock,
    sale: catalog.Sale,
    state: keyof typeof STATES,
    signal: AbortSignal,
  ): Promise<catalog.Sale> {
    const token = requireHeld(lock, signal);
    const data = { ...sale, state: STATES[state], token };
    const id = saleRecordId(sale.id, state, token);
    await this.producer.publish(this.sales, { key: sale.id, id, data });
    let now: catalog.Sale | undefined;
    await this.view.until(() => {
      now = this.view.sale(sale.id);
      return counts(this.view.saleFence(sale.id), token) && now !== undefined && !isBefore(now, data.state);
    }, signal);
    return now ?? sale;
  }
}

/** The token of a lock, as records and calls carry it. @throws FlashmeshError `aborted` (`NOT_HELD`), the reason of the signal. */
export function requireHeld(lock: SaleLock, signal: AbortSignal): WriteToken {
  throwIfAborted(signal);
  // Right at once, also when a frozen process wakes, before any signal had a chance.
  if (!lock.isHeld()) throw notHeld();
  const { ensemble, czxid } = lock.token;
  return { ensemble, czxid: tokenDigits(czxid) };
}

/** Whether a write with the token was read back; @throws FlashmeshError when it does not count. */
function counts(fence: Fence | undefined, token: WriteToken): boolean {
  if (!passFence(fence, token)) throw notHeld();
  return fence?.ensemble === token.ensemble && fence.czxid === token.czxid;
}

function notHeld(): FlashmeshError {
  return new FlashmeshError('aborted', 'NOT_HELD', 'the sale’s lock was lost');
}
