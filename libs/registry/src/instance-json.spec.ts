import { decodeInstance, encodeInstance } from './instance-json.ts';

describe('decodeInstance', () => {
  const instance = { id: 'a-1', address: '127.0.0.1:50051', version: '1.0.0', zone: 'local', weight: 0 };

  it('reads what was written', () => {
    expect(decodeInstance(Buffer.from(encodeInstance(instance)))).toEqual(instance);
    const revised = { ...instance, revision: 'a1' };
    expect(decodeInstance(Buffer.from(encodeInstance(revised)))).toEqual(revised);
  });

  it('knows one that drains, which has no weight for those who do not', () => {
    const draining = { ...instance, weight: 5, state: 'draining' as const };
    expect(decodeInstance(Buffer.from(encodeInstance(draining)))).toEqual({ ...draining, weight: 0 });
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['an array', '[]'],
    ['no port', JSON.stringify({ ...instance, address: 'host' })],
    ['a port that there is not', JSON.stringify({ ...instance, address: 'host:65536' })],
    ['port 0', JSON.stringify({ ...instance, address: 'host:0' })],
    ['a negative weight', JSON.stringify({ ...instance, weight: -1 })],
    ['no zone', JSON.stringify({ ...instance, zone: undefined })],
  ])('refuses %s', (_, text) => {
    expect(decodeInstance(Buffer.from(text))).toBeUndefined();
  });
});
