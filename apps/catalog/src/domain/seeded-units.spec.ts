import { catalog } from '@flashmesh/contracts';
import { seededUnits } from './seeded-units.ts';

const { PREPARING, OPEN, CLOSED } = catalog.SaleState;
const sale = (id: string, state: catalog.SaleState, stock: number, sku = 'phone') =>
  catalog.Sale.create({ id, state, items: [{ sku, unitPrice: 1, limitPerBuyer: 1, stock }] });

it('seededUnits adds up this sale and all that opened before', () => {
  const opening = sale('d', PREPARING, 10);
  const before = [
    sale('a', OPEN, 3),
    sale('b', CLOSED, 4),
    sale('c', PREPARING, 50),
    sale('e', OPEN, 9, 'case'),
  ];
  expect(seededUnits([...before, opening], opening, 'phone')).toBe(17);
});
