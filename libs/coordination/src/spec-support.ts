import { randomUUID } from 'node:crypto';
import { ZooKeeper } from '@flashmesh/zookeeper';

export const servers = process.env['ZOOKEEPER'] ?? '127.0.0.1:2181';

/** Clients of the real server and a path of their own, for one test at a time. */
export class Stage {
  readonly path = `/test-coordination-${randomUUID()}`;
  private readonly clients: ZooKeeper[] = [];

  /** @param sessionTimeoutMs short, for specs that wait for its end. */
  async connect(sessionTimeoutMs = 2000): Promise<ZooKeeper> {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs });
    this.clients.push(zk);
    return zk;
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((zk) => zk.close()));
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves as soon as `condition` holds; fails after 10 s. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${String(condition)}`);
    await pause(10);
  }
}

/** Ends the session at the server while its client goes on believing in it. */
export async function killSession(zk: ZooKeeper): Promise<void> {
  const thief = await ZooKeeper.connect({ servers, session: zk.credentials });
  await thief.close();
}
