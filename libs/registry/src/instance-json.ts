import type { ServiceInstance } from '@flashmesh/core';

/**
 * What an instance's node holds. One that drains has no weight either: readers that do not know the state leave it alone by that.
 */
export function encodeInstance({
  id,
  address,
  version,
  revision,
  zone,
  weight,
  state,
}: ServiceInstance): string {
  if (state === 'draining') return JSON.stringify({ id, address, version, revision, zone, weight: 0, state });
  return JSON.stringify({ id, address, version, revision, zone, weight });
}

/** The instance, or `undefined` for what is none: others may write there, and one bad node must not hide the good ones. */
export function decodeInstance(data: Buffer): ServiceInstance | undefined {
  let value: Partial<Record<keyof ServiceInstance, unknown>> | null;
  try {
    value = JSON.parse(data.toString('utf8')) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, address, version, revision, zone, weight, state } = value;
  if (typeof id !== 'string' || typeof address !== 'string' || !isAddress(address)) return undefined;
  if (typeof version !== 'string' || typeof zone !== 'string') return undefined;
  if (typeof weight !== 'number' || !(weight >= 0)) return undefined;
  return {
    id,
    address,
    version,
    zone,
    weight,
    ...(typeof revision === 'string' && { revision }),
    ...(state === 'draining' && { state }),
  };
}

function isAddress(address: string): boolean {
  const port = Number(/^.+:(\d+)$/.exec(address)?.[1]);
  return port >= 1 && port <= 65_535;
}
