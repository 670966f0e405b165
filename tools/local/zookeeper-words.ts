import { askZooKeeper } from './readiness.ts';

/** What a server is at the moment; `away` when it does not answer or has no quorum. */
export type ZooKeeperMode = 'standalone' | 'leader' | 'follower' | 'away';

/** @param address `host:port` of a server on this machine. */
export async function modeOf(address: string): Promise<ZooKeeperMode> {
  const answer = await askZooKeeper(portOf(address), 'srvr').catch(() => '');
  return (/^Mode: (standalone|leader|follower)$/m.exec(answer)?.[1] ?? 'away') as ZooKeeperMode;
}

/** The ephemeral nodes that a server knows, each with the session that it belongs to; it must answer `dump`. */
export async function ephemeralsOf(address: string): Promise<Map<string, string>> {
  return parseDump(await askZooKeeper(portOf(address), 'dump'));
}

/** @internal The end of what `dump` tells: a line with a session's number and a colon, then its nodes, one an indented line. */
export function parseDump(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let session = '';
  for (const line of text.slice(text.indexOf('Sessions with Ephemerals')).split('\n')) {
    const owner = /^(0x[0-9a-f]+):$/.exec(line)?.[1];
    if (owner !== undefined) session = owner;
    else if (line.startsWith('\t/') && session !== '') found.set(line.slice(1), session);
  }
  return found;
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
