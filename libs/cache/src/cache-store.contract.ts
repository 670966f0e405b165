import type { CacheStore } from './cache-store.ts';

/** What every {@link CacheStore} must do: run on the fake and on the real one. */
export function describeCacheStore(
  name: string,
  open: () => CacheStore,
  wait: (ms: number) => Promise<void>,
) {
  describe(`CacheStore: ${name}`, () => {
    let keys = 0;
    const newKey = () => `contract:${Date.now()}:${Math.random().toString(36).slice(2)}:${keys++}`;
    const bytes = (text: string) => Buffer.from(text);

    it('gives back bytes unchanged, and undefined for an unknown key', async () => {
      const store = open();
      const key = newKey();
      const value = Buffer.from([0, 255, 10, 13, 128]);
      expect(await store.get(key)).toBeUndefined();
      await store.set(key, value, 10_000);
      expect(await store.get(key)).toEqual(value);
    });

    it('overwrites with set, removes with delete, and does not mind deleting twice', async () => {
      const store = open();
      const key = newKey();
      await store.set(key, bytes('a'), 10_000);
      await store.set(key, bytes('b'), 10_000);
      expect(await store.get(key)).toEqual(bytes('b'));
      await store.delete(key);
      await store.delete(key);
      expect(await store.get(key)).toBeUndefined();
    });

    it('lets entries expire', async () => {
      const store = open();
      const key = newKey();
      await store.set(key, bytes('a'), 30);
      await wait(60);
      expect(await store.get(key)).toBeUndefined();
      expect(await store.replace(key, undefined, bytes('b'), 30)).toBe(true);
      await wait(60);
      expect(await store.get(key)).toBeUndefined();
    });

    it('replaces nothing only where there is nothing', async () => {
      const store = open();
      const key = newKey();
      expect(await store.replace(key, undefined, bytes('a'), 10_000)).toBe(true);
      expect(await store.replace(key, undefined, bytes('b'), 10_000)).toBe(false);
      expect(await store.get(key)).toEqual(bytes('a'));
    });

    it('replaces exactly what was seen, binary or not', async () => {
      const store = open();
      const key = newKey();
      const seen = Buffer.from([0, 200, 1]);
      await store.set(key, seen, 10_000);
      expect(await store.replace(key, Buffer.from([0, 200, 2]), bytes('x'), 10_000)).toBe(false);
      expect(await store.replace(key, seen, bytes('y'), 10_000)).toBe(true);
      expect(await store.replace(key, seen, bytes('z'), 10_000)).toBe(false);
      expect(await store.get(key)).toEqual(bytes('y'));
    });

    it('does not replace what is gone', async () => {
      const store = open();
      expect(await store.replace(newKey(), bytes('seen'), bytes('x'), 10_000)).toBe(false);
    });

    it('lets one of many concurrent replacements win', async () => {
      const store = open();
      const key = newKey();
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.replace(key, undefined, bytes(`${i}`), 10_000)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
    });
  });
}
