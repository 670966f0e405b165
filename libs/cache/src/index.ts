export { Cache, type CacheOptions, type Loader } from './cache.ts';
export type { CacheStore } from './cache-store.ts';
