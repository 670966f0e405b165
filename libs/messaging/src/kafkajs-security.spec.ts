import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { KafkaConnection } from './kafka-connection.ts';
import { kafkajsSecurity } from './kafkajs-security.ts';
import { testLogger } from './spec-support.ts';

/** The API key of the request that kafkajs begins each connection with. */
const API_VERSIONS = 18;
const material = join(import.meta.dirname, '../../core/src/testing/tls');
const pem = (name: string) => readFileSync(join(material, `test-only-${name}`), 'utf8');

describe('kafkajsSecurity', () => {
  it('is plain TCP by default', () => {
    expect(kafkajsSecurity({})).toEqual({});
  });

  it('asks for certificate and password again whenever kafkajs looks', () => {
    let round = 0;
    const { ssl, sasl } = kafkajsSecurity({
      tls: { ca: () => `ca ${round}` },
      auth: { username: 'ann', password: () => `password ${round}` },
    });
    for (round = 1; round <= 2; round++) {
      expect({ ...(ssl as object) }).toEqual({ minVersion: 'TLSv1.2', ca: `ca ${round}` });
      const username = 'ann';
      expect({ ...sasl }).toEqual({ mechanism: 'scram-sha-512', username, password: `password ${round}` });
    }
  });

  it.each([
    ['the authority of the broker', 'authority.crt', true],
    ['another authority', 'other-authority.crt', false],
  ])('with %s, each connection reads the file anew', async (_name, authority, trusted) => {
    const requests: number[] = [];
    const sockets = new Set<TLSSocket>();
    const server = createServer({ cert: pem('server.crt'), key: pem('server.key') }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      // The API key is behind the length. Whatever was asked, the connection is over: kafkajs opens the next one.
      socket.on('data', (bytes: Buffer) => {
        requests.push(bytes.readInt16BE(4));
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    let reads = 0;
    const connection = new KafkaConnection({
      brokers: [`localhost:${(server.address() as AddressInfo).port}`],
      clientId: 'spec',
      logger: testLogger,
      security: { tls: { ca: () => (reads++, pem(authority)) } },
    });
    try {
      await expect(connection.partitionsOf('any')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
      expect(reads).toBeGreaterThan(1);
      expect([requests.length > 0, requests[0]]).toEqual(trusted ? [true, API_VERSIONS] : [false, undefined]);
    } finally {
      await connection.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
