import { Lock, Queue, ReadWriteLock, Semaphore } from '@flashmesh/coordination';
import { isZooKeeperError, joinPath, parentOf, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually, pause } from '../support/eventually.ts';
import { Stage } from './support/stage.ts';

/** Several of each, since a container is reaped at one moment only. */
const COPIES = 4;
/** How often each container is to go under the feet of those who use it. */
const REAPS = 3;
/** Longer than the servers' look for empty containers, which is half a second. */
const REST_MS = 800;

/** What uses a line of nodes, and which of them are containers. */
const uses: readonly {
  name: string;
  nodes: readonly string[];
  use: (zk: ZooKeeper, path: string) => Promise<void>;
}[] = [
  {
    name: 'Lock',
    nodes: [''],
    use: async (zk, path) => (await new Lock(zk, path).acquire()).release(),
  },
  {
    name: 'ReadWriteLock',
    nodes: [''],
    use: async (zk, path) => {
      await (await new ReadWriteLock(zk, path).read()).release();
      await (await new ReadWriteLock(zk, path).write()).release();
    },
  },
  {
    name: 'Semaphore',
    nodes: ['/leases', '/locks'],
    use: async (zk, path) => (await new Semaphore(zk, path, 1).acquire()).release(),
  },
  {
    name: 'Queue',
    nodes: ['/items', '/claims'],
    use: async (zk, path) => {
      const worked = new AbortController();
      await new Queue(zk, path).put('item');
      await new Queue(zk, path).consume(() => {
        worked.abort();
        return Promise.resolve();
      }, worked.signal);
    },
  },
];

describe('containers that are reaped under the feet of those who use them', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open(2);
  });

  afterAll(() => stage.close());

  /** Puts the container there whenever it has gone, and counts how often it went. */
  async function keep(path: string, until: AbortSignal, onReaped: () => void): Promise<void> {
    const { direct } = stage;
    let there: 'nothing' | 'container' | 'usual node' = 'nothing';
    while (!until.aborted) {
      if (!(await direct.exists(path))) {
        if (there === 'container') onReaped();
        await direct.mkdirp(parentOf(path));
        try {
          await direct.create(path, '', { mode: 'container' });
          there = 'container';
        } catch (error) {
          // Who uses it was faster.
          if (!isZooKeeperError(error, 'ZK_NODE_EXISTS')) throw error;
          there = 'usual node';
        }
      } else if (there === 'usual node') {
        // Nobody reaps it, and so it would be used in peace for ever.
        await direct.delete(path).catch((error: unknown) => {
          if (!isZooKeeperError(error, 'ZK_NOT_EMPTY') && !isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
        });
      }
      await pause(5);
    }
  }

  // `npm test` has the time for one.
  const chosen = process.env['FAULTS'] === 'some' ? uses.slice(0, 1) : uses;

  it.each(chosen)('$name goes on', async ({ name, nodes, use }) => {
    const ending = new AbortController();
    let reaped = 0;
    let turns = 0;
    const paths = Array.from({ length: COPIES }, (_, i) => joinPath(stage.path, `${name}-${i}`));
    const keeping = paths.flatMap((path) =>
      nodes.map((node) => keep(`${path}${node}`, ending.signal, () => reaped++)),
    );
    const using = paths.map(async (path) => {
      while (!ending.signal.aborted) {
        for (const zk of stage.clients) await use(zk, path);
        turns++;
        await pause(REST_MS * Math.random());
      }
    });
    const failed = Promise.all([...keeping, ...using]);
    await Promise.race([failed, eventually('containers to be reaped', () => reaped >= REAPS)]);
    const before = turns;
    await Promise.race([failed, eventually('them to be used again', () => turns >= before + COPIES)]);
    ending.abort();
    await failed;
    expect(reaped).toBeGreaterThanOrEqual(REAPS);
    expect(stage.clients.map(({ watchCount }) => watchCount)).toEqual([0, 0]);
  });
});
