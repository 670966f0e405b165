import { catalog } from '@flashmesh/contracts';
import { CatalogView } from './catalog-view.ts';

const product = (offset: number, sku: string, name: string) => ({
  offset,
  data: catalog.Product.create({ sku, name }),
});
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
    expect(view.products()).toMatchObject([
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

  it('says which holdings of a sale’s lock may still write, of a refused record’s offset as well', () => {
    const view = new CatalogView();
    const token = (czxid: string) => ({ ensemble: 'one', czxid });
    const record = (offset: number, state: catalog.SaleState, czxid: string) => ({
      offset,
      data: { ...sale(offset, 'a', state).data, token: token(czxid) },
    });
    view.onSales([record(1, PREPARING, '2'), record(2, OPEN, '1')]);
    expect([view.sale('a')?.state, view.saleFence('a')]).toMatchObject([PREPARING, token('2')]);
    // The other reader, a little behind: it has news only after the refused record.
    view.onSales([record(1, PREPARING, '2'), record(2, OPEN, '1'), record(3, OPEN, '2')]);
    expect(view.sale('a')?.state).toBe(OPEN);
    const named = { sku: 'phone', name: '', saleId: 'a', token: token('2') };
    view.onProducts([{ offset: 0, data: named }]);
    expect([view.product('phone'), view.products()]).toEqual([undefined, []]);
    expect(view.productFence('phone', 'a')).toMatchObject(token('2'));
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
