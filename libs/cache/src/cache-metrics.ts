import { attr, counter, histogram } from '@flashmesh/telemetry';

const requests = counter('flashmesh.cache.requests', {
  unit: '{request}',
  description: 'What each tier of a cache answered.',
});
const loads = histogram('flashmesh.cache.load.duration', {
  unit: 'ms',
  description: 'How long the loader took.',
});

/** Every answer that a tier can give. `shared`: waited for a load that somebody else had begun. */
export type CacheEvent =
  | 'near/hit'
  | 'near/negative'
  | 'near/miss'
  | 'redis/hit'
  | 'redis/negative'
  | 'redis/miss'
  | 'redis/error'
  | 'redis/skipped'
  | 'load/shared'
  | 'load/found'
  | 'load/absent'
  | 'load/error'
  | 'fill/stored'
  | 'fill/refused'
  | 'fill/error'
  | 'invalidate/done'
  | 'invalidate/error';

/** Counts by tier and outcome. The attributes of each event are built once: a near hit is counted without allocating. */
export class CacheMetrics {
  private readonly name: string;
  private readonly attributes = new Map<CacheEvent, Record<string, string>>();

  constructor(name: string) {
    this.name = name;
  }

  count(event: CacheEvent): void {
    let attributes = this.attributes.get(event);
    if (!attributes) {
      const [tier = '', outcome = ''] = event.split('/');
      attributes = { [attr.cacheName]: this.name, [attr.cacheTier]: tier, [attr.cacheOutcome]: outcome };
      this.attributes.set(event, attributes);
    }
    requests.add(1, attributes);
  }

  loadTook(ms: number): void {
    loads.record(ms, { [attr.cacheName]: this.name });
  }
}
