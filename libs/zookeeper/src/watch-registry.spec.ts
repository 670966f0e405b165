import { WatchRegistry } from './watch-registry.ts';

describe('WatchRegistry', () => {
  it('splits the paths into batches that stay within the limit and lose none', () => {
    const watches = new WatchRegistry();
    for (let i = 0; i < 1000; i++) {
      watches.add(i % 3 === 0 ? 'child' : 'data', `/some/longer/path/${i}`, () => undefined);
    }
    const batches = [...watches.batches(1000)];
    const paths = batches.flatMap(({ data, exist, child }) => [...data, ...exist, ...child]);
    expect(new Set(paths).size).toBe(1000);
    for (const { data, exist, child } of batches) {
      const bytes = [...data, ...exist, ...child].reduce((sum, path) => sum + 4 + path.length, 0);
      expect(bytes).toBeLessThanOrEqual(1000);
    }
  });

  it('fires each kind on its events and leaves nothing behind', () => {
    const watches = new WatchRegistry();
    const seen: string[] = [];
    const listen = (name: string) => () => seen.push(name);
    watches.add('data', '/a', listen('data'));
    watches.add('exist', '/a', listen('exist'));
    watches.add('child', '/a', listen('child'));
    const deliver = (registration: { listener: (event: never) => void }, event: unknown) =>
      registration.listener(event as never);
    watches.dispatch({ type: 4, path: '/a' }, deliver);
    expect(seen.splice(0)).toEqual(['child']);
    watches.dispatch({ type: 2, path: '/a' }, deliver);
    expect(seen.splice(0)).toEqual(['data', 'exist']);
    watches.dispatch({ type: 2, path: '/a' }, deliver);
    expect(seen).toEqual([]);
    expect(watches.size).toBe(0);
  });
});
