import { randomUUID } from 'node:crypto';
import { ManualClock } from '@flashmesh/core';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { eventually } from '@flashmesh/zookeeper/testing';
import { Members } from './members.ts';

const logger = createLogger({ service: 'test', instance: 'members', level: 'silent' });

describe('Members, real ZooKeeper', () => {
  const servers = process.env['ZOOKEEPER'] ?? '127.0.0.1:2181';
  const path = `/test-members-${randomUUID()}`;
  const clock = new ManualClock(1_700_000_000_000);
  const clients: ZooKeeper[] = [];

  afterAll(() => Promise.all(clients.map((zk) => zk.close())));

  const join = async (service: string, instance: string, observe = false) => {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
    clients.push(zk);
    const env = { INSTANCE_ID: instance, VERSION: '1.2.3', ZONE: 'b' };
    const members = new Members(zk, service, env, { observe, clock, logger, path });
    await members.start();
    return { zk, members };
  };

  it('lists who is there, of whichever service', async () => {
    const { zk, members } = await join('gateway', '1', true);
    const two = await join('notification', '2');
    await join('notification', '1');
    await join('fulfillment', '1');
    const names = () => members.list().map(({ service, instance }) => `${service} ${instance}`);
    await eventually(() => names().length === 4);
    expect(names()).toEqual(['fulfillment 1', 'gateway 1', 'notification 1', 'notification 2']);
    expect(members.list()[3]).toEqual({
      service: 'notification',
      instance: '2',
      version: '1.2.3',
      zone: 'b',
      startedAt: 1_700_000_000_000,
    });
    await two.members.close();
    await eventually(() => names().length === 3);
    // What somebody else left there is nobody.
    await zk.create(`${path}/stray`, 'hello');
    await zk.create(`${path}/other`, '{"service":"x"}');
    await join('order', '1');
    await eventually(() => names().includes('order 1'));
    expect(names()).toHaveLength(4);
    expect(() => two.members.list()).toThrow(expect.objectContaining({ code: 'NOT_OBSERVING' }));
  });
});
