import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisReady } from './readiness.ts';

describe('redisReady', () => {
  let folder: string;
  let server: Server;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'redis-'))));
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  /** What a Redis says that works in that folder. */
  async function start(dir: string, pong = '+PONG'): Promise<number> {
    server = createServer((socket) =>
      socket.on('data', (asked) =>
        socket.write(
          asked.includes('PING') ? `${pong}\r\n` : `*2\r\n$3\r\ndir\r\n$${dir.length}\r\n${dir}\r\n`,
        ),
      ),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  it('knows its own Redis by the folder', async () => {
    await redisReady(await start(realpathSync(folder)), folder);
  });

  it('does not take the Redis of another stack for its own', async () => {
    await expect(redisReady(await start('/elsewhere'), folder)).rejects.toThrow('it works in /elsewhere');
  });

  it('waits while a dump is read', async () => {
    await expect(redisReady(await start(folder, '-LOADING'), folder)).rejects.toThrow('LOADING');
  });
});
