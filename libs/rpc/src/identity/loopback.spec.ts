import type { Socket } from 'node:net';
import { Inventory, listening, LogLines } from '../mesh.fixture.ts';
import { MeshServer } from '../mesh-server.ts';
import type { MeshSecurity } from './mesh-security.ts';
import { isLoopback, LoopbackCredentials } from './loopback.ts';

describe('plain text', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.1.2.3', false],
    ['127.0.0.1.evil.org', false],
  ])('%s is loopback: %s', (address, expected) => expect(isLoopback(address)).toBe(expected));

  it('does not go to another machine unless it was asked for', async () => {
    // oxlint-disable-next-line no-underscore-dangle -- grpc-js' name for what its channels call
    const connector = new LoopbackCredentials()._createSecureConnector(undefined, undefined);
    const to = (remoteAddress: string) => connector.connect({ remoteAddress } as Socket);
    await expect(to('10.1.2.3')).rejects.toThrow(
      'plain text is for loopback addresses only, not for 10.1.2.3',
    );
    await expect(to('127.0.0.1')).resolves.toMatchObject({ secure: false });
  });

  it('is not served where others can call unless it was asked for', async () => {
    const servers: MeshServer[] = [];
    const serve = (security?: MeshSecurity) => {
      servers.push(new MeshServer({ ...options, security }));
      return listening(servers.at(-1) as MeshServer);
    };
    const options = { services: [Inventory], host: '0.0.0.0', port: 0, logger: new LogLines().logger };
    try {
      await expect(serve()).rejects.toThrow(RangeError);
      await serve('plaintext');
    } finally {
      await Promise.all(servers.map((server) => server.drain(0)));
    }
  });
});
