/** Where in ZooKeeper services meet each other, beside the registry. */
export const znodes = {
  /** One node a sale, named by its id: `open` or `closed`. Catalog writes them, whoever caches sales watches them. */
  doors: '/flashmesh/sales',
  /** One node an opening under way: a double barrier, see the message SaleRound. Removed when the opening ends. */
  saleRounds: '/flashmesh/barriers/sales',
  /** The instances of inventory that take part in openings: a group, named by their instance ids. */
  inventoryMembers: '/flashmesh/groups/inventory',
} as const;
