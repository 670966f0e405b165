import { requireInRange } from '@flashmesh/core';

/** A server's address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 2181;

/**
 * Parses `host:port,host:port[/chroot]`; an IPv6 address stands in brackets, the port defaults to 2181.
 *
 * @throws RangeError naming the part that is wrong.
 */
export function parseServers(servers: string): { endpoints: Endpoint[]; chroot: string } {
  const slash = servers.indexOf('/');
  const hosts = slash < 0 ? servers : servers.slice(0, slash);
  const endpoints = hosts.split(',').map((text) => parseEndpoint(text.trim()));
  return { endpoints, chroot: slash < 0 ? '' : servers.slice(slash) };
}

function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d+))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!host) throw new RangeError(`servers must be host:port[,host:port][/chroot], got "${text}"`);
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  return { host, port: requireInRange('port of servers', port, 1, 65535) };
}

/** The servers in a random order, so that clients spread; tried one after the other, round and round. */
export class HostList {
  private readonly endpoints: readonly Endpoint[];
  private position = 0;

  constructor(endpoints: readonly Endpoint[], random: () => number) {
    const shuffled = [...endpoints];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [shuffled[i], shuffled[j]] = [shuffled[j] as Endpoint, shuffled[i] as Endpoint];
    }
    this.endpoints = shuffled;
  }

  get size(): number {
    return this.endpoints.length;
  }

  next(): Endpoint {
    const endpoint = this.endpoints[this.position % this.endpoints.length] as Endpoint;
    this.position = (this.position + 1) % this.endpoints.length;
    return endpoint;
  }

  /** Makes one of them the next. */
  prefer(endpoint: Endpoint): void {
    this.position = Math.max(this.endpoints.indexOf(endpoint), 0);
  }
}
