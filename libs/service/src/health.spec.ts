import { Health, HealthServer } from './health.ts';

describe('Health', () => {
  it('is ready only while every check holds, whatever others do', async () => {
    const health = new Health();
    let started = false;
    health.addCheck('started', () => started);
    health.addDependency('redis', () => false);
    const dependencies = { redis: false };
    const server = new HealthServer(health);
    const port = await server.listen(0, '127.0.0.1');
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return [response.status, await response.json()];
    };
    try {
      expect(await ask('/readyz')).toEqual([503, { ok: false, checks: { started: false }, dependencies }]);
      started = true;
      expect(await ask('/readyz')).toEqual([200, { ok: true, checks: { started: true }, dependencies }]);
      health.markBroken('consumer gone');
      expect(await ask('/livez')).toEqual([503, { ok: false, detail: 'consumer gone' }]);
      expect((await ask('/readyz'))[0]).toBe(503);
      expect((await ask('/other'))[0]).toBe(404);
    } finally {
      await server.close();
    }
  });

  it('serves metrics where there are any', async () => {
    let broken = false;
    const metrics = async () => (broken ? Promise.reject(new Error('stopped')) : 'orders_total 3\n');
    const ask = async (server: HealthServer) => {
      const port = await server.listen(0, '127.0.0.1');
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      const body = await response.text();
      await server.close();
      return [response.status, response.headers.get('content-type'), body];
    };
    const type = 'text/plain; version=0.0.4; charset=utf-8';
    expect(await ask(new HealthServer(new Health(), metrics))).toEqual([200, type, 'orders_total 3\n']);
    broken = true;
    expect(await ask(new HealthServer(new Health(), metrics))).toEqual([503, null, '']);
    expect((await ask(new HealthServer(new Health())))[0]).toBe(404);
  });
});
