import { catalog } from '@flashmesh/contracts';
import { tokenDigits } from '@flashmesh/core';
import { nextProduct, type ProductStory } from './product-story.ts';

const old = (name: string) => catalog.Product.create({ sku: 'phone', name });
const by = (holder: number, name: string, saleId = 'spring') => ({
  ...old(name),
  saleId,
  token: { ensemble: 'one', czxid: tokenDigits(BigInt(holder)) },
});

/** What the product is called after each of the records. */
function names(...records: catalog.Product[]): (string | undefined)[] {
  let story: ProductStory | undefined;
  return records.map((record) => (story = nextProduct(story, record)).product?.name);
}

describe('nextProduct', () => {
  it('is called what the last record says, and nothing before a record with a name', () => {
    expect(names(by(1, ''), by(1, 'Phone'), by(2, 'Phone 2'), by(2, ''))).toEqual([
      undefined,
      'Phone',
      'Phone 2',
      'Phone 2',
    ]);
  });

  it('does not hear a holder of the lock that others have followed, though they named nothing', () => {
    expect(names(by(2, ''), by(1, 'Phone'))).toEqual([undefined, undefined]);
    expect(names(by(1, 'Phone'), by(3, ''), by(2, 'Telephone'))).toEqual(['Phone', 'Phone', 'Phone']);
  });

  it('hears each sale for itself', () => {
    expect(names(by(9, 'Phone'), by(1, 'Phone 2', 'autumn'))).toEqual(['Phone', 'Phone 2']);
  });

  it('hears records of no sale until the first that has one', () => {
    expect(names(old('Phone'), old('Phone 2'), by(1, ''), old('Phone 3'))).toEqual([
      'Phone',
      'Phone 2',
      'Phone 2',
      'Phone 2',
    ]);
  });

  it('shows no token to anybody', () => {
    expect(nextProduct(undefined, by(1, 'Phone')).product).toEqual(old('Phone'));
  });
});
