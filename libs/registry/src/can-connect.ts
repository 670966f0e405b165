import { connect } from 'node:net';

/**
 * Whether somebody listens at `host:port`: `refused` is certain, `silent` (nothing within `timeoutMs`) may be a network that is
 * slow. It speaks to nobody: that works whatever the service's protocol is.
 *
 * @param address with a port of 1 to 65535.
 */
export function canConnect(address: string, timeoutMs: number): Promise<'open' | 'refused' | 'silent'> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), timeout: timeoutMs });
    const settle = (result: 'open' | 'refused' | 'silent') => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => settle('open'));
    socket.once('timeout', () => settle('silent'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ECONNREFUSED' ? 'refused' : 'silent'),
    );
  });
}
