import { event } from '@flashmesh/contracts';
import { checkEvent } from './event-rules.ts';

const good = event.Event.create({
  id: 'evt-1',
  type: 'com.example.tried',
  source: '/python',
  data: Buffer.alloc(3),
});

describe('checkEvent', () => {
  it('fills in key and time', () => {
    expect(checkEvent(good, 5)).toMatchObject({ key: 'evt-1', time: new Date(5) });
    const own = { ...good, key: 'k', time: new Date(9) };
    expect(checkEvent(own, 5)).toEqual(own);
  });

  it.each([
    ['id', { id: '' }],
    ['id', { id: 'a b' }],
    ['id', { id: 'x'.repeat(129) }],
    ['type', { type: '' }],
    ['type', { type: 'x'.repeat(129) }],
    ['source', { source: '' }],
    ['source', { source: 'tab\there' }],
    ['key', { key: 'x'.repeat(257) }],
    ['data', { data: Buffer.alloc(64 * 1024 + 1) }],
    ['time', { time: new Date(Number.NaN) }],
  ])('names the field: %s', (field, change) => {
    expect(() => checkEvent({ ...good, ...change }, 0)).toThrow(
      expect.objectContaining({ kind: 'invalid_argument', field }),
    );
  });
});
