import { catalog } from '@flashmesh/contracts';
import { defineRules } from '@flashmesh/rpc';

/** Who may call each method. Browsing goes first when there is too much to do; opening a sale goes last. */
export const catalogRules = defineRules(catalog.CatalogServiceDefinition, {
  getProduct: { callers: ['gateway'], priority: 'sheddable' },
  listProducts: { callers: ['gateway'], priority: 'sheddable' },
  getSale: { callers: ['gateway', 'order'] },
  listSales: { callers: ['gateway'], priority: 'sheddable' },
  openSale: { callers: ['gateway'], priority: 'critical' },
  closeSale: { callers: ['gateway'], priority: 'critical' },
});
