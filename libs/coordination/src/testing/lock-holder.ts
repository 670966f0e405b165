/**
 * A process of its own that holds a lock, to be frozen: `node lock-holder.ts SERVERS LOCK TARGET`. Says `held`; answers each line that it is
 * told with whether it believes to hold the lock, and what became of a guarded write of that line to the target.
 */
import { createInterface } from 'node:readline';
import { FlashmeshError } from '@flashmesh/core';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Lock } from '../lock.ts';

const [servers = '', path = '', target = ''] = process.argv.slice(2);
const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
const handle = await new Lock(zk, path).acquire();
process.stdout.write('held\n');
for await (const line of createInterface({ input: process.stdin })) {
  const believes = handle.isHeld();
  const outcome = await handle.guard([{ op: 'set', path: target, data: line }]).then(
    () => 'written',
    (error: unknown) => (error instanceof FlashmeshError ? error.code : String(error)),
  );
  process.stdout.write(`${JSON.stringify({ believes, outcome })}\n`);
}
await zk.close();
