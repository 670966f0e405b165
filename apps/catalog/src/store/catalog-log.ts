import { catalog, type Topic, topics } from '@flashmesh/contracts';
import { Limiter, throwIfAborted } from '@flashmesh/core';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { productRecordId, saleRecordId } from '../domain/sale-state.ts';
import { CatalogView } from './catalog-view.ts';

const STATES = {
  preparing: catalog.SaleState.PREPARING,
  open: catalog.SaleState.OPEN,
  closed: catalog.SaleState.CLOSED,
} as const;

/** The catalog's two topics, which are its only store. A write answers when this instance has read it back. */
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

  /** Appends a product that comes with a sale, unless it is known by this name already. */
  async writeProduct(saleId: string, product: catalog.Product, signal: AbortSignal): Promise<void> {
    const known = () => this.view.product(product.sku)?.name === product.name;
    if (known()) return;
    throwIfAborted(signal);
    const id = productRecordId(saleId, product.sku);
    await this.producer.publish(this.products, { key: product.sku, id, data: product });
    await this.view.until(known, signal);
  }

  /** Appends that the sale is in a state now; answers the sale as it stands after that. */
  async writeSale(
    sale: catalog.Sale,
    state: keyof typeof STATES,
    signal: AbortSignal,
  ): Promise<catalog.Sale> {
    throwIfAborted(signal);
    const data = { ...sale, state: STATES[state] };
    await this.producer.publish(this.sales, { key: sale.id, id: saleRecordId(sale.id, state), data });
    await this.view.until(() => this.view.sale(sale.id)?.state === data.state, signal);
    return this.view.sale(sale.id) ?? data;
  }
}
