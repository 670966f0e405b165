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
});
