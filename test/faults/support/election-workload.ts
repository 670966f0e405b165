import { Election, type Leadership } from '@flashmesh/coordination';
import { Beliefs } from './beliefs.ts';
import { pause } from '../../support/eventually.ts';
import { FencedResource } from './fenced-resource.ts';
import { Workload } from './workload.ts';

/** Every client stands for election, leads for a moment and stands again. */
export class ElectionWorkload extends Workload {
  readonly name = 'Election';
  private readonly beliefs = new Beliefs(['leader'], ({ leader }) => leader <= 1);
  private readonly resource = new FencedResource();
  private readonly elections: Election[] = [];
  private terms = 0;

  start(): Promise<void> {
    for (const [index, zk] of this.ground.clients.entries()) {
      const election = new Election(zk, this.ground.path, `client-${index}`);
      election.run((leadership) => this.lead(leadership));
      this.elections.push(election);
    }
    this.repeat(async () => {
      const before = this.terms;
      while (this.terms === before && !this.ending.aborted) await pause(10);
    });
    return Promise.resolve();
  }

  override async stop(): Promise<void> {
    await super.stop();
    await Promise.all(this.elections.map((election) => election.stop()));
  }

  async verify(): Promise<void> {
    expect(this.beliefs.violations).toEqual([]);
    expect(this.beliefs.most.get('leader')).toBe(1);
    expect(this.resource.stepsBack).toEqual([]);
    expect(await new Election(this.ground.direct, this.ground.path, 'nobody').participants()).toEqual([]);
  }

  private async lead(leadership: Leadership): Promise<void> {
    this.terms++;
    const leave = this.beliefs.enter('leader', leadership);
    try {
      this.resource.write(leadership.token);
      await pause(4);
      this.beliefs.look();
      // Careless: it may have been deposed by now, and only the resource can tell.
      this.resource.write(leadership.token);
    } finally {
      leave();
    }
  }
}
