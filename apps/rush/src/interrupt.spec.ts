import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A shop that opens sessions, and gives each order to the test. */
async function shop(onOrder: (answer: ServerResponse) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/api/sessions') response.writeHead(201).end('{"buyerId":"b","token":"t"}');
    else onOrder(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const root = join(import.meta.dirname, '../../..');
const runTypeScript = ['--import', join(root, 'test/support/run-typescript.mjs')];

describe('rush run at SIGINT', () => {
  let folder: string;
  let server: Server;
  let child: ChildProcessWithoutNullStreams;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rush-'));
  });

  afterEach(async () => {
    child.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A hundred seconds of buyers, of whom the first have ordered. */
  async function running(onOrder: (answer: ServerResponse) => void) {
    const ordered = Promise.withResolvers<void>();
    const started = await shop((answer) => {
      ordered.resolve();
      onOrder(answer);
    });
    server = started.server;
    const args = ['run', '--sale=s', '--sku=k', '--buyers=1000', '--rate=10'];
    child = spawn(process.execPath, [
      '--no-warnings',
      ...runTypeScript,
      join(import.meta.dirname, 'main.ts'),
      ...args,
      `--gateway=${started.url}`,
      `--out=${join(folder, 'accepted.jsonl')}`,
    ]);
    const ended = once(child, 'exit');
    const report = text(child.stdout);
    await Promise.race([ordered.promise, ended]);
    return { ended, report };
  }

  it('lets no more buyers come, and reports what came until then', async () => {
    const { ended, report } = await running((answer) => answer.writeHead(202).end('{"id":"ord_1"}'));
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    const [, offered] = /^offered +(\d+) orders/.exec(await report) ?? [];
    expect(Number(offered)).toBeGreaterThan(0);
    expect(Number(offered)).toBeLessThan(1000);
  });

  it('waits for answers that are still to come, but not at the second one', async () => {
    const waiting: ServerResponse[] = [];
    const { ended } = await running((answer) => void waiting.push(answer));
    child.kill('SIGINT');
    const first = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300, 'it waits'))]);
    expect(first).toBe('it waits');
    child.kill('SIGINT');
    expect(await ended).toEqual([1, null]);
    expect(waiting.length).toBeGreaterThan(0);
  });
});
