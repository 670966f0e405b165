import { catalog } from '@flashmesh/contracts';
import { type Fence, passFence, type WriteToken } from '@flashmesh/core';

const ORDER: readonly catalog.SaleState[] = [
  catalog.SaleState.PREPARING,
  catalog.SaleState.OPEN,
  catalog.SaleState.CLOSED,
];

/** What the log has said of a sale so far. */
export interface SaleStory {
  readonly sale: catalog.Sale;
  /** Which holdings of the sale's lock may still write; `undefined` before the first token. */
  readonly fence: Fence | undefined;
}

/**
 * The story of a sale after one more record of it: its content is that of the first record, its state only goes forward, and a
 * record whose token is stale changes nothing, so that what a writer who had lost the lock sends late is not heard. All records
 * of a sale are in one partition: every reader decides the same.
 */
export function nextSale(story: SaleStory | undefined, record: catalog.Sale): SaleStory {
  const { token, ...rest } = record;
  const offered = { ...rest, token: undefined };
  const passed = passFence(story?.fence, token);
  if (!story) return { sale: offered, fence: passed?.fence };
  if (!passed) return story;
  const { sale } = story;
  return {
    sale: isBefore(sale, offered.state) ? { ...sale, state: offered.state } : sale,
    fence: passed.fence,
  };
}

/** Whether the sale has yet to come into a state. */
export function isBefore({ state }: Pick<catalog.Sale, 'state'>, other: catalog.SaleState): boolean {
  return ORDER.indexOf(state) < ORDER.indexOf(other);
}

/** The unique id of the record by which a holder of the sale's lock brings it into a state. */
export function saleRecordId(
  saleId: string,
  state: 'preparing' | 'open' | 'closed',
  { czxid }: WriteToken,
): string {
  return `${saleId}/${state}@${czxid}`;
}
