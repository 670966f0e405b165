import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPeerSecurity, readTlsTrust } from './peer-security-env.ts';

describe('readPeerSecurity', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashmesh-'));
  const password = join(folder, 'password');
  writeFileSync(password, 's3cret\n');
  const ca = join(import.meta.dirname, 'testing/tls/test-only-authority.crt');

  afterAll(() => rmSync(folder, { recursive: true }));

  it('is off by default', () => {
    expect(readPeerSecurity('KAFKA', { KAFKA_TLS: '', KAFKA_CA_FILE: '' })).toEqual({});
    expect(readPeerSecurity('KAFKA', { KAFKA_TLS: 'false' })).toEqual({});
  });

  it('reads what one server needs', () => {
    const security = readPeerSecurity('KAFKA', {
      KAFKA_TLS: 'true',
      KAFKA_CA_FILE: ca,
      KAFKA_USERNAME: 'ann',
      KAFKA_PASSWORD_FILE: password,
      REDIS_TLS: 'nonsense',
    });
    expect(security.tls?.ca?.()).toContain('BEGIN CERTIFICATE');
    expect([security.auth?.username, security.auth?.password()]).toEqual(['ann', 's3cret']);
    expect(readPeerSecurity('KAFKA', { KAFKA_TLS: 'true' })).toEqual({ tls: {} });
  });

  it.each([
    [{ KAFKA_TLS: 'yes' }, /KAFKA_TLS: must be true or false/],
    [{ KAFKA_CA_FILE: ca }, /KAFKA_CA_FILE: is of use with KAFKA_TLS=true only/],
    [{ KAFKA_TLS: 'true', KAFKA_CA_FILE: password }, /KAFKA_CA_FILE: .*password holds no PEM certificate/],
    [{ KAFKA_USERNAME: 'ann' }, /KAFKA_PASSWORD_FILE: is needed with KAFKA_USERNAME/],
    [{ KAFKA_PASSWORD_FILE: password }, /KAFKA_USERNAME: is needed with KAFKA_PASSWORD_FILE/],
    [
      { KAFKA_TLS: 'true', KAFKA_CA_FILE: '/no/ca', KAFKA_USERNAME: 'ann', KAFKA_PASSWORD_FILE: '/no/pw' },
      /KAFKA_CA_FILE: cannot read \/no\/ca.*; KAFKA_PASSWORD_FILE: cannot read \/no\/pw/,
    ],
  ])('names what is wrong with %o', (environment, message) => {
    expect(() => readPeerSecurity('KAFKA', environment)).toThrow(message);
  });

  it('lets something else ask for TLS, which the variable must not deny', () => {
    const faults: string[] = [];
    expect(readTlsTrust('REDIS', {}, faults, true)).toEqual({});
    expect(faults).toEqual([]);
    readTlsTrust('REDIS', { REDIS_TLS: 'false' }, faults, true);
    expect(faults).toEqual(['REDIS_TLS: must not be false here']);
  });
});
