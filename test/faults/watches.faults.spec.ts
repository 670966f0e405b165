import { joinPath, type Operation, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually } from '../support/eventually.ts';
import { FrameMeter } from './support/frame-meter.ts';
import { Stage } from './support/stage.ts';

const WATCHES = 10_000;
const PER_TRANSACTION = 500;
/** What ZooKeeper's own client keeps below, too: a server refuses frames of a megabyte. */
const MAX_FRAME_BYTES = 128 * 1024;
const SET_WATCHES = new Set([101, 105]);

describe('very many watches', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open(1);
  });

  afterAll(() => stage.close());

  it(`${WATCHES} are armed again after a reconnect in frames under 128 KiB, and all fire`, async () => {
    const [zk] = stage.clients as [ZooKeeper];
    const [network] = stage.networks;
    const paths = Array.from({ length: WATCHES }, (_, i) =>
      joinPath(stage.path, `watched-${'x'.repeat(40)}-${i}`),
    );
    const fired = new Map<string, number>();
    const watch = ({ type, path }: { type: string; path: string }) =>
      fired.set(`${type} ${path}`, (fired.get(`${type} ${path}`) ?? 0) + 1);
    await Promise.all(paths.map((path) => zk.exists(path, { watch })));
    expect(zk.watchCount).toBe(WATCHES);

    const meter = new FrameMeter();
    network?.onRequestBytes((chunk) => meter.push(chunk));
    const { sessionId } = zk;
    network?.reset();
    await eventually('the connection to be another', () => meter.frames.length > 1);
    await eventually('the client to be connected', () => zk.state.name === 'connected');
    await zk.sync(stage.path);
    expect(zk.sessionId).toBe(sessionId);
    const rearming = meter.frames.filter(({ op }) => SET_WATCHES.has(op));
    expect(rearming.length).toBeGreaterThan(5);
    expect(Math.max(...rearming.map(({ bytes }) => bytes))).toBeLessThanOrEqual(MAX_FRAME_BYTES);

    for (const operation of ['create', 'delete'] as const) {
      for (let at = 0; at < WATCHES; at += PER_TRANSACTION) {
        const slice = paths.slice(at, at + PER_TRANSACTION);
        await stage.direct.transaction(slice.map((path): Operation => ({ op: operation, path })));
      }
    }
    await eventually('all to fire', () => fired.size === WATCHES);
    expect(paths.filter((path) => fired.get(`created ${path}`) !== 1)).toEqual([]);
    expect(zk.watchCount).toBe(0);
    await eventually('no watch at a server', async () => {
      const watched = await stage.ensemble.watchedPaths(stage.path);
      return watched.length === 0;
    });
  });
});
