import type { catalog } from '@flashmesh/contracts';
import { type Fence, throwIfAborted } from '@flashmesh/core';
import { Injectable } from '@nestjs/common';
import { nextProduct, type ProductStory } from '../domain/product-story.ts';
import { nextSale, type SaleStory } from '../domain/sale-state.ts';

/** The part of a record that the view needs. */
export interface CatalogRecord<T> {
  readonly offset: number;
  readonly data: T;
}

interface Versioned<T> {
  readonly value: T;
  /** Offset of the last record of this key; all records of a key are in one partition. */
  readonly offset: number;
}

/**
 * All products and sales, in memory. Records may come twice and, read by two readers, the older after the newer: the offset
 * of a key's last record decides what is news. Each reader reads a partition whole and in order, so what counts does not depend
 * on who reads.
 */
@Injectable()
export class CatalogView {
  private readonly productsBySku = new Map<string, Versioned<ProductStory>>();
  private readonly salesById = new Map<string, Versioned<SaleStory>>();
  private readonly waiting = new Set<() => void>();

  product(sku: string): catalog.Product | undefined {
    return this.productsBySku.get(sku)?.value.product;
  }

  /** Which holdings of the sale's lock may still name the product. */
  productFence(sku: string, saleId: string): Fence | undefined {
    return this.productsBySku.get(sku)?.value.fences.get(saleId);
  }

  /** Ordered by SKU. */
  products(): catalog.Product[] {
    const products = [...this.productsBySku.values()].flatMap(({ value }) => value.product ?? []);
    return products.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
  }

  sale(id: string): catalog.Sale | undefined {
    return this.salesById.get(id)?.value.sale;
  }

  /** Which holdings of the sale's lock may still write about it. */
  saleFence(id: string): Fence | undefined {
    return this.salesById.get(id)?.value.fence;
  }

  /** Newest window first. */
  sales(): catalog.Sale[] {
    const sales = [...this.salesById.values()].map(({ value }) => value.sale);
    const opens = (sale: catalog.Sale) => sale.opensAt?.getTime() ?? 0;
    return sales.toSorted((a, b) => opens(b) - opens(a) || (a.id < b.id ? -1 : 1));
  }

  onProducts(records: readonly CatalogRecord<catalog.Product>[]): void {
    for (const { offset, data } of records) {
      take(this.productsBySku, data.sku, offset, (known) => nextProduct(known, data));
    }
    this.wake();
  }

  onSales(records: readonly CatalogRecord<catalog.Sale>[]): void {
    for (const { offset, data } of records) {
      take(this.salesById, data.id, offset, (known) => nextSale(known, data));
    }
    this.wake();
  }

  /** Resolves when the condition holds, looking again after every change; rejects with the signal's reason. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition()) {
      throwIfAborted(signal);
      await this.change(signal);
    }
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  private wake(): void {
    for (const done of this.waiting) done();
  }
}

/** Takes a record in unless this key has one at least as new. */
function take<T>(
  values: Map<string, Versioned<T>>,
  key: string,
  offset: number,
  next: (known: T | undefined) => T,
): void {
  const known = values.get(key);
  if (known && known.offset >= offset) return;
  values.set(key, { value: next(known?.value), offset });
}
