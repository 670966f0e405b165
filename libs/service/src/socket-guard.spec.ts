import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { ManualClock } from '@flashmesh/core';
import { type LoopReading, SocketGuard } from './socket-guard.ts';

describe('SocketGuard', () => {
  const spinning: LoopReading = { utilization: 1, microsPerTurn: 12 };
  let server: Server;
  let clock: ManualClock;
  let reading: LoopReading;
  let guard: SocketGuard;
  const warnings: unknown[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    clock = new ManualClock();
    warnings.length = 0;
    guard = new SocketGuard({
      logger: { warn: (fields: unknown) => warnings.push(fields) } as never,
      clock,
      read: () => reading,
    });
  });

  afterEach(() => {
    guard.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  /** A connection that took `ms` by the clock. */
  async function connected(ms: number): Promise<{ socket: Socket; errors: string[] }> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code as string));
    const done = once(socket, 'connect');
    await clock.advance(ms);
    await done;
    return { socket, errors };
  }

  it('closes slow connections, and only these, when the loop turns for nothing', async () => {
    const slow = await connected(1000);
    const fast = await connected(100);
    reading = spinning;
    const closed = new Promise((resolve) => slow.socket.once('close', resolve));
    await clock.advance(5000);
    await closed;
    expect(slow.errors).toEqual(['ECONNRESET']);
    expect(fast.socket.destroyed).toBe(false);
    expect(warnings).toHaveLength(1);
  });

  it.each([
    ['waits for events', { utilization: 0.5, microsPerTurn: 12 }],
    ['has work to do', { utilization: 1, microsPerTurn: 300 }],
  ])('closes nothing while the loop %s, and looks again', async (_what, calm) => {
    const { socket } = await connected(1000);
    reading = calm;
    await clock.advance(20_000);
    expect(socket.destroyed).toBe(false);
    reading = spinning;
    await clock.advance(5000);
    expect(socket.destroyed).toBe(true);
  });

  it('has no timer when no connection is suspect', async () => {
    const { socket } = await connected(1000);
    reading = { utilization: 0, microsPerTurn: 1000 };
    expect(clock.pending).toBe(1);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    await clock.advance(5000);
    expect(clock.pending).toBe(0);
  });
});
