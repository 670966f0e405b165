import { catalog } from '@flashmesh/contracts';
import { CatalogView } from './catalog-view.ts';

const product = (offset: number, sku: string, name: string) => ({ offset, data: { sku, name } });
const sale = (offset: number, id: string, state: catalog.SaleState, opensAt = 0) => ({
  offset,
  data: catalog.Sale.create({ id, state, opensAt: new Date(opensAt) }),
});
const { PREPARING, OPEN } = catalog.SaleState;

describe('CatalogView', () => {
  it('keeps the newest record of a key, whoever reads the older one later', () => {
    const view = new CatalogView();
    view.onProducts([product(5, 'phone', 'New')]);
    view.onProducts([product(1, 'phone', 'Old'), product(2, 'case', 'Case')]);
    expect(view.products()).toEqual([
      { sku: 'case', name: 'Case' },
      { sku: 'phone', name: 'New' },
    ]);
    expect([view.product('phone')?.name, view.product('none')]).toEqual(['New', undefined]);
  });

  it('lists sales, the newest window first', () => {
    const view = new CatalogView();
    view.onSales([sale(1, 'a', OPEN, 10), sale(2, 'c', OPEN, 20), sale(3, 'b', PREPARING, 20)]);
    expect(view.sales().map(({ id }) => id)).toEqual(['b', 'c', 'a']);
    expect(view.sale('b')?.state).toBe(PREPARING);
  });

  it('says when a condition holds, or that the caller gave up', async () => {
    const view = new CatalogView();
    const abort = new AbortController();
    const open = view.until(() => view.sale('a')?.state === OPEN, abort.signal);
    const never = view.until(() => false, abort.signal);
    view.onSales([sale(1, 'a', PREPARING)]);
    view.onSales([sale(2, 'a', OPEN)]);
    await open;
    abort.abort();
    await expect(never).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
