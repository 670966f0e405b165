import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { isFree, PortPicker } from './ports.ts';

describe('PortPicker', () => {
  let server: Server;
  let taken: number;

  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    taken = (server.address() as AddressInfo).port;
  });
  afterEach(() => void server.close());

  it('knows a port that is in use', async () => {
    expect(await isFree(taken)).toBe(false);
  });

  it('takes another port when the preferred one is in use, and none twice', async () => {
    const picker = new PortPicker();
    const first = await picker.pick(taken);
    const second = await picker.pick(first);
    expect(new Set([taken, first, second]).size).toBe(3);
    expect(await isFree(first)).toBe(true);
  });

  it('refuses a port that was asked for and is in use, naming the option', async () => {
    await expect(new PortPicker().require(taken, '--kafka-port')).rejects.toMatchObject({
      message: `Port ${taken} is in use by something else.`,
      fix: expect.stringContaining('--kafka-port'),
    });
  });
});
