import { request as httpRequest, Agent, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { RequestDrain } from './drain.ts';

describe('RequestDrain', () => {
  let server: FastifyInstance;
  let drain: RequestDrain;
  /** Answers of the slow requests that have arrived. */
  let answers: (() => void)[];
  let port: number;
  const agent = new Agent({ keepAlive: true });

  beforeEach(async () => {
    answers = [];
    server = fastify({ forceCloseConnections: true });
    drain = new RequestDrain(server);
    server.get('/now', async () => 'now');
    server.get('/slow', () => new Promise((resolve) => answers.push(() => resolve('done'))));
    await server.listen({ port: 0, host: '127.0.0.1' });
    port = (server.server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    agent.destroy();
    await server.close();
  });

  function get(path: string): Promise<{ status?: number; connection?: string; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest({ port, host: '127.0.0.1', path, agent }, (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            connection: response.headers.connection,
            text: Buffer.concat(chunks).toString(),
          }),
        );
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  it('lets a request under way end, and serves what still comes on connections that it then closes', async () => {
    expect((await get('/now')).connection).toBe('keep-alive');
    const slow = get('/slow');
    while (answers.length === 0) await new Promise(setImmediate);
    let over = false;
    const draining = drain.run(10_000).then(() => (over = true));
    const late = await get('/now');
    expect([late.status, late.connection, over]).toEqual([200, 'close', false]);
    answers[0]?.();
    expect(await slow).toMatchObject({ status: 200, connection: 'close', text: 'done' });
    await draining;
    expect(over).toBe(true);
  });

  it('gives up on a request that does not end', async () => {
    const slow = get('/slow').catch((error: unknown) => error);
    while (answers.length === 0) await new Promise(setImmediate);
    await drain.run(50);
    await server.close();
    expect(await slow).toHaveProperty('code', 'ECONNRESET');
  });
});
