import type { catalog } from '@flashmesh/contracts';
import { type Fence, passFence, type WriteToken } from '@flashmesh/core';

/** What the log has said of a product so far. */
export interface ProductStory {
  /** `undefined` while there were only records without a name. */
  readonly product: catalog.Product | undefined;
  /** By sale: which holdings of its lock may still write. */
  readonly fences: ReadonlyMap<string, Fence>;
}

/**
 * The story of a product after one more record of it: it is called what the last record that counts calls it. A record whose
 * token is older than one of the same sale before it does not count; one without a name says nothing but its token. Sales are
 * independent of each other. A record that names no sale is from before there were tokens, and counts until the first of them.
 */
export function nextProduct(story: ProductStory | undefined, record: catalog.Product): ProductStory {
  const { product, fences } = story ?? { product: undefined, fences: new Map<string, Fence>() };
  const { sku, name, saleId, token } = record;
  const named = name === '' ? product : { sku, name, saleId: '', token: undefined };
  if (saleId === '') return { product: fences.size === 0 ? named : product, fences };
  const passed = passFence(fences.get(saleId), token);
  if (!passed) return { product, fences };
  return { product: named, fences: passed.fence ? new Map(fences).set(saleId, passed.fence) : fences };
}

/** The unique id of the record by which a holder of a sale's lock names a product, or only says that it holds the lock. */
export function productRecordId(saleId: string, sku: string, { czxid }: WriteToken): string {
  return `${saleId}/${sku}/product@${czxid}`;
}
