import { inventory } from '@flashmesh/contracts';
import { defineRules } from '@flashmesh/rpc';

/** Who may call each method. Looking at the stock goes first when there is too much to do; changing it goes last. */
export const inventoryRules = defineRules(inventory.InventoryServiceDefinition, {
  checkAdmission: { callers: ['order'] },
  getStock: { callers: ['gateway', 'catalog'], priority: 'sheddable' },
  fenceSale: { callers: ['catalog'], priority: 'critical' },
  restock: { callers: ['gateway', 'catalog'], priority: 'critical' },
});
