import { randomUUID } from 'node:crypto';
import { systemClock } from '@flashmesh/core';
import { AdminJobs, Members, settingsPath } from '@flashmesh/service';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { PublishedSettings } from '../admin/published-settings.ts';
import { AdminToken } from '../auth/admin.guard.ts';
import { serveDocs } from '../http/docs.ts';
import { GatewayAdapter } from '../http/gateway-adapter.ts';
import { openApiDocument } from '../http/openapi.ts';
import { ProblemFilter } from '../http/problem.filter.ts';
import { ConfigController } from './config.controller.ts';
import { OperationsController } from './operations.controller.ts';

const logger = createLogger({ service: 'gateway', instance: 'spec', level: 'silent' });

describe('the admin side, on a real ZooKeeper', () => {
  const root = `/test-admin-${randomUUID()}`;
  let zk: ZooKeeper;
  let app: NestFastifyApplication;
  let base: string;
  let jobs: AdminJobs;

  beforeAll(async () => {
    zk = await ZooKeeper.connect({ servers: process.env['ZOOKEEPER'] ?? '127.0.0.1:2181' });
    // Settings of the whole shop: nothing of it runs here, and they are put back in the end.
    await zk.delete(settingsPath('payment')).catch(() => undefined);
    jobs = new AdminJobs(zk, { instance: 'gateway-1', logger, maxWaiting: 2, root });
    const env = { INSTANCE_ID: 'gateway-1', VERSION: '1', ZONE: 'a' };
    const path = `${root}/members`;
    const members = new Members(zk, 'gateway', env, { observe: true, clock: systemClock, logger, path });
    await members.start();

    @Module({
      controllers: [ConfigController, OperationsController],
      providers: [
        { provide: ZooKeeper, useValue: zk },
        PublishedSettings,
        { provide: AdminJobs, useValue: jobs },
        { provide: Members, useValue: members },
        { provide: AdminToken, useValue: new AdminToken('open sesame') },
        { provide: APP_FILTER, useFactory: () => new ProblemFilter(logger) },
      ],
    })
    class AdminModule {}
    const testing = await Test.createTestingModule({ imports: [AdminModule] }).compile();
    app = testing.createNestApplication<NestFastifyApplication>(new GatewayAdapter(), { logger: false });
    serveDocs(app.getHttpAdapter().getInstance(), () => openApiDocument(app));
    await app.listen(0, '127.0.0.1');
    base = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });
  afterAll(async () => {
    await app.close();
    await zk.delete(settingsPath('payment')).catch(() => undefined);
    await zk.close();
  });

  async function send(
    method: string,
    path: string,
    o: { body?: unknown; match?: string; token?: string } = {},
  ) {
    const response = await fetch(new URL(path, base), {
      method,
      headers: {
        authorization: `Bearer ${o.token ?? 'open sesame'}`,
        ...(o.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(o.match === undefined ? {} : { 'if-match': o.match }),
      },
      body: o.body === undefined ? undefined : JSON.stringify(o.body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
    };
  }
  const payment = '/api/admin/config/payment';
  const published = async () => (await zk.get(settingsPath('payment'))).data.toString();

  it('publishes settings, by their version if that is wanted', async () => {
    const first = await send('GET', payment);
    expect([first.status, first.body, first.headers.get('etag')]).toEqual([
      200,
      { service: 'payment', version: 0, settings: {} },
      '"0"',
    ]);
    const settings = { providerLatencyMs: 250, providerDeclineShare: 0.5 };
    const set = await send('PUT', payment, { body: settings, match: '"0"' });
    expect([set.status, set.body, set.headers.get('etag')]).toEqual([
      200,
      { service: 'payment', version: 1, settings },
      '"1"',
    ]);
    expect(JSON.parse(await published())).toEqual(settings);
    const late = await send('PUT', payment, { body: {}, match: '"0"' });
    expect([late.status, late.body?.['code']]).toEqual([412, 'CONFIGURATION_CHANGED']);
    expect((await send('DELETE', payment, { match: '"0"' })).status).toBe(412);
    expect((await send('GET', payment)).body).toEqual({ service: 'payment', version: 1, settings });
    expect((await send('PUT', payment, { body: { providerLatencyMs: 9 } })).body).toMatchObject({
      version: 2,
    });
    const reset = await send('DELETE', payment, { match: '"2"' });
    expect([reset.status, reset.body]).toEqual([200, { service: 'payment', version: 3, settings: {} }]);
  });

  it.each([
    [{ providerDeclineShare: 2 }, 'providerDeclineShare', 'must be at most 1'],
    [{ providerLatencyMs: '5' }, 'providerLatencyMs', 'must be a whole number'],
    [{ latency: 5 }, 'latency', 'is not a known field'],
    [[], 'body', 'must be a JSON object'],
    [null, 'body', 'must be a JSON object'],
  ])('refuses %j, and publishes nothing', async (body, field, rule) => {
    const before = await published();
    const answer = await send('PUT', payment, { body });
    expect([answer.status, answer.body?.['field'], answer.body?.['detail']]).toEqual([
      400,
      field,
      `${field} ${rule}`,
    ]);
    expect(await published()).toBe(before);
  });

  it('says what is wrong with settings that were written by hand', async () => {
    const { version } = await zk.set(settingsPath('payment'), '{"providerErrorShare":-1}');
    expect((await send('GET', payment)).body).toEqual({
      service: 'payment',
      version,
      fault: 'providerErrorShare must be 0 or more',
    });
    expect((await send('DELETE', payment)).status).toBe(200);
  });

  it('refuses what is no service, no version, and no admin', async () => {
    for (const service of ['shipping', 'constructor', '..%2Fsales']) {
      const answer = await send('PUT', `/api/admin/config/${service}`, { body: {} });
      expect([answer.status, answer.body?.['code']]).toEqual([404, 'NO_SUCH_SETTINGS']);
    }
    const answer = await send('PUT', payment, { body: {}, match: '3' });
    expect([answer.status, answer.body?.['field']]).toEqual([400, 'If-Match']);
    for (const [method, path] of [
      ['GET', payment],
      ['PUT', payment],
      ['DELETE', payment],
      ['POST', '/api/admin/jobs'],
      ['GET', '/api/admin/jobs/job_1'],
      ['GET', '/api/admin/members'],
    ] as const)
      expect((await send(method, path, { token: 'wrong' })).status).toBe(401);
  });

  it('takes jobs, tells how they go, and refuses too many', async () => {
    const body = { kind: 'rebuild', projection: 'order' };
    const submitted = await send('POST', '/api/admin/jobs', { body });
    const location = submitted.headers.get('location') ?? '';
    expect([submitted.status, submitted.body]).toEqual([
      202,
      {
        id: expect.stringMatching(/^job_[0-9a-f]{12}-[0-9a-f]{3}-[0-9a-f]{3}$/),
        kind: 'rebuild',
        projection: 'order',
        state: 'WAITING',
        attempts: 0,
        createdAt: expect.stringMatching(/^20\d\d-/),
      },
    ]);
    expect(location).toBe(`/api/admin/jobs/${String(submitted.body?.['id'])}`);
    expect((await send('POST', '/api/admin/jobs', { body })).status).toBe(202);
    const refused = await send('POST', '/api/admin/jobs', { body });
    expect([refused.status, refused.body?.['code'], refused.headers.get('retry-after')]).toEqual([
      429,
      'QUEUE_FULL',
      '1',
    ]);
    const stop = new AbortController();
    const doing = jobs.consume(
      'order',
      { rebuild: () => Promise.reject(new Error('no Redis')) },
      stop.signal,
    );
    let job: Record<string, unknown> | undefined;
    do {
      job = (await send('GET', location)).body;
    } while (job?.['state'] === 'WAITING' || job?.['state'] === 'RUNNING');
    expect(job).toMatchObject({ state: 'FAILED', fault: 'no Redis', takenBy: 'gateway-1', attempts: 1 });
    stop.abort();
    await doing;
    expect((await send('GET', '/api/admin/jobs/job_none')).body).toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it.each([
    [{ kind: 'rebuild', projection: 'catalog' }, 'projection'],
    [{ kind: 'dance', projection: 'order' }, 'kind'],
    [{ kind: 'rebuild', projection: 'order', now: true }, 'now'],
  ])('refuses the job %j', async (body, field) => {
    const answer = await send('POST', '/api/admin/jobs', { body });
    expect([answer.status, answer.body?.['field']]).toEqual([400, field]);
  });

  it('lists who is there', async () => {
    expect((await send('GET', '/api/admin/members')).body).toMatchObject({
      members: [{ service: 'gateway', instance: 'gateway-1', version: '1', zone: 'a' }],
    });
  });

  it('documents all of it', async () => {
    const { body } = await send('GET', '/docs-json');
    const text = JSON.stringify(body);
    const { components, paths } = body as {
      components: { schemas: Record<string, object> };
      paths: Record<string, object>;
    };
    for (const [, ref] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
      expect(components.schemas).toHaveProperty(ref as string);
    }
    expect(Object.keys(paths['/api/admin/config/{service}'] ?? {}).sort()).toEqual(['delete', 'get', 'put']);
    expect(components.schemas['SubmitJob']).toMatchObject({ required: ['kind', 'projection'] });
    expect(JSON.stringify(components.schemas)).toContain('providerDeclineShare');
  });
});
