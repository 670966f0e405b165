import { ReadWriteLock } from '@flashmesh/coordination';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { Beliefs } from './beliefs.ts';
import { pause } from '../../support/eventually.ts';
import { FencedResource } from './fenced-resource.ts';
import { Workload } from './workload.ts';

/** Each client reads twice as often as it writes. */
const KINDS = ['reader', 'reader', 'writer'] as const;

/** Clients that read and write under one lock. */
export class ReadWriteWorkload extends Workload {
  readonly name = 'ReadWriteLock';
  private readonly beliefs = new Beliefs(
    ['reader', 'writer'],
    ({ reader, writer }) => writer === 0 || (writer === 1 && reader === 0),
  );
  private readonly resource = new FencedResource();

  start(): Promise<void> {
    for (const zk of this.ground.clients)
      for (const kind of KINDS) this.repeat(() => this.takeTurn(zk, kind));
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    expect(this.beliefs.violations).toEqual([]);
    expect(this.beliefs.most.get('writer')).toBe(1);
    expect(this.beliefs.most.get('reader')).toBeGreaterThan(1);
    expect(this.resource.stepsBack).toEqual([]);
    expect(await new ReadWriteLock(this.ground.direct, this.ground.path).participants()).toEqual([]);
  }

  private async takeTurn(zk: ZooKeeper, kind: (typeof KINDS)[number]): Promise<void> {
    const lock = new ReadWriteLock(zk, this.ground.path);
    const o = { signal: this.ending };
    const handle = await (kind === 'reader' ? lock.read(o) : lock.write(o));
    const leave = this.beliefs.enter(kind, handle);
    try {
      if (kind === 'writer') this.resource.write(handle.token);
      else this.resource.read(handle.token);
      for (let i = 0; i < 3; i++) {
        await pause(4);
        this.beliefs.look();
      }
    } finally {
      leave();
      await handle.release();
    }
  }
}
