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

  it('keeps persistent watches, and tells recursive ones what happens beneath', () => {
    const watches = new WatchRegistry();
    const seen: string[] = [];
    const deliver = (registration: { listener: (event: never) => void }, event: unknown) =>
      registration.listener(event as never);
    const listen = (name: string) => (event: { type: string; path: string }) =>
      seen.push(`${name} ${event.type} ${event.path}`);
    watches.add('persistent', '/a', listen('persistent'));
    const recursive = watches.add('recursive', '/a', listen('recursive'));
    watches.add('recursive', '/', listen('root'));
    watches.dispatch({ type: 1, path: '/a/b' }, deliver);
    watches.dispatch({ type: 4, path: '/a' }, deliver);
    watches.dispatch({ type: 3, path: '/a' }, deliver);
    watches.dispatch({ type: 3, path: '/ab' }, deliver);
    expect(seen.splice(0)).toEqual([
      'recursive created /a/b',
      'root created /a/b',
      'persistent children /a',
      'persistent changed /a',
      'recursive changed /a',
      'root changed /a',
      'root changed /ab',
    ]);
    watches.expire(false, deliver);
    expect(watches.remove(recursive)).toBe(true);
    watches.rearmed(deliver);
    expect(seen.splice(0)).toEqual(['persistent rearmed /a', 'root rearmed /']);
    watches.expire(true, deliver);
    expect(seen).toEqual(['persistent session-lost /a', 'root session-lost /']);
    expect(watches.size).toBe(0);
  });

  it('lets go of what waits for the end of a watch when all are taken out', () => {
    const watches = new WatchRegistry();
    const gone: string[] = [];
    for (const kind of ['data', 'recursive'] as const) {
      watches.add(kind, '/a', () => undefined).onGone = () => gone.push(kind);
    }
    watches.clear();
    expect(gone).toEqual(['data', 'recursive']);
    expect(watches.size).toBe(0);
  });
});
