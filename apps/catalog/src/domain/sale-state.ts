import { catalog } from '@flashmesh/contracts';

const ORDER: readonly catalog.SaleState[] = [
  catalog.SaleState.PREPARING,
  catalog.SaleState.OPEN,
  catalog.SaleState.CLOSED,
];

/**
 * What a sale is after one more record of it: its content is that of the first record, its state only goes forward. So a
 * record that comes again, or that a writer which had lost its lock sent late, changes nothing.
 */
export function nextSale(known: catalog.Sale | undefined, record: catalog.Sale): catalog.Sale {
  if (!known) return record;
  return ORDER.indexOf(record.state) > ORDER.indexOf(known.state) ? { ...known, state: record.state } : known;
}

/** The unique id of the record that brings a sale into a state. */
export function saleRecordId(saleId: string, state: 'preparing' | 'open' | 'closed'): string {
  return `${saleId}/${state}`;
}

/** The unique id of the record of a product that comes with a sale. */
export function productRecordId(saleId: string, sku: string): string {
  return `${saleId}/${sku}/product`;
}
