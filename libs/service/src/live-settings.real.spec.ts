import { randomUUID } from 'node:crypto';
import type { Schema } from '@flashmesh/coordination';
import type { Logger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { eventually } from '@flashmesh/zookeeper/testing';
import { z } from 'zod';
import { LiveSettings, settingsPath } from './live-settings.ts';

interface Limits {
  readonly maxOpen: number;
  readonly maxWaitMs: number;
}

const schema: Schema<Partial<Limits>> = z
  .strictObject({ maxOpen: z.int().min(1, 'must be 1 or more'), maxWaitMs: z.int() })
  .partial();

describe('LiveSettings, real ZooKeeper', () => {
  const servers = process.env['ZOOKEEPER'] ?? '127.0.0.1:2181';
  const service = `spec-${randomUUID()}`;
  const path = settingsPath(service);
  const warnings: object[] = [];
  const logger = {
    info: () => undefined,
    debug: () => undefined,
    warn: (fields: object) => warnings.push(fields),
  } as unknown as Logger;
  const closing: (() => unknown)[] = [];
  let admin: ZooKeeper;
  let one: LiveSettings<Limits>;
  let two: LiveSettings<Limits>;

  const connect = async () => {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
    closing.push(() => zk.close());
    return zk;
  };
  /** An instance; each has an environment of its own. */
  const instance = async (zk: ZooKeeper, maxOpen: number) => {
    const settings = new LiveSettings<Limits>(zk, service, {
      schema,
      defaults: { maxOpen, maxWaitMs: 5 },
      logger,
    });
    await settings.start();
    closing.unshift(() => settings.stop());
    return settings;
  };

  beforeAll(async () => {
    admin = await connect();
    one = await instance(await connect(), 1);
    two = await instance(await connect(), 2);
  });
  afterAll(async () => {
    await admin.delete(path).catch(() => undefined);
    for (const close of closing) await close();
  });

  it('has the values of the environment until a document is published, and again when it is deleted', async () => {
    expect([one.current, two.current]).toEqual([
      { maxOpen: 1, maxWaitMs: 5 },
      { maxOpen: 2, maxWaitMs: 5 },
    ]);
    await admin.set(path, '{"maxOpen":7}');
    await eventually(() => one.current.maxOpen === 7 && two.current.maxOpen === 7);
    expect(one.current.maxWaitMs).toBe(5);
    await admin.delete(path);
    await eventually(() => one.current.maxOpen === 1 && two.current.maxOpen === 2);
  });

  it.each([
    ['{"maxOpen":0}', 'maxOpen must be 1 or more'],
    ['{"maxOpen":7,"maxopen":7}', 'maxopen is not a known field'],
    ['{"maxOpen":', 'JSON'],
  ])('keeps the last good one when %s is published, and says why', async (document, fault) => {
    await admin.set(path, '{"maxOpen":9}');
    await eventually(() => one.current.maxOpen === 9);
    warnings.length = 0;
    const { version } = await admin.set(path, document);
    await eventually(() => warnings.length === 2);
    expect(warnings[0]).toMatchObject({ path, version, error: expect.stringContaining(fault) });
    expect(one.current).toEqual({ maxOpen: 9, maxWaitMs: 5 });
    await admin.set(path, '{}');
    await eventually(() => one.current.maxOpen === 1);
  });

  it('tells its listeners, and follows also over a lost session', async () => {
    const zk = await connect();
    const settings = await instance(zk, 3);
    const told: number[] = [];
    const stop = settings.onChange(({ maxOpen }) => told.push(maxOpen));
    // Nothing changes while ZooKeeper is away, here because the session was ended at the server.
    const thief = await ZooKeeper.connect({ servers, session: zk.credentials });
    await thief.close();
    expect(settings.current.maxOpen).toBe(3);
    await admin.set(path, '{"maxOpen":4}');
    await eventually(() => settings.current.maxOpen === 4);
    expect(told).toEqual([4]);
    stop();
    await admin.set(path, '{}');
    await eventually(() => settings.current.maxOpen === 3);
    expect(told).toEqual([4]);
  });
});
