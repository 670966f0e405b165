import { ManualClock } from '@flashmesh/core';
import { describeCacheStore } from './cache-store.contract.ts';
import { MemoryStore } from './memory-store.ts';

const clock = new ManualClock();
describeCacheStore(
  'in memory',
  () => new MemoryStore(clock),
  (ms) => clock.advance(ms),
);
