import { readMeshSettings } from './mesh-security.ts';

const tls = {
  GRPC_CERT_FILE: '/i/tls.crt',
  GRPC_KEY_FILE: '/i/tls.key',
  GRPC_CA_FILE: '/i/ca.crt',
  GRPC_IDENTITY: 'spiffe://cluster.local/ns/shop/sa/flashmesh-{service}',
};

function read(environment: Record<string, string>) {
  const faults: string[] = [];
  return { settings: readMeshSettings(environment, faults), faults };
}

describe('readMeshSettings', () => {
  it('is plain text on loopback when nothing is set', () => {
    expect(read({})).toEqual({ settings: { meshTls: undefined, meshPlaintext: false }, faults: [] });
  });

  it('is plain text anywhere only when that was asked for', () => {
    expect(read({ GRPC_PLAINTEXT: 'true' }).settings.meshPlaintext).toBe(true);
    expect(read({ GRPC_PLAINTEXT: 'yes' }).faults).toEqual(['GRPC_PLAINTEXT: must be true or false']);
  });

  it('is TLS when all of it is there', () => {
    expect(read(tls)).toEqual({
      settings: {
        meshTls: {
          certFile: '/i/tls.crt',
          keyFile: '/i/tls.key',
          caFile: '/i/ca.crt',
          identity: tls.GRPC_IDENTITY,
        },
        meshPlaintext: false,
      },
      faults: [],
    });
  });

  it('lists what is missing, and does not fall back to plain text', () => {
    const { settings, faults } = read({ GRPC_CA_FILE: '/i/ca.crt', GRPC_PLAINTEXT: 'true' });
    expect(faults).toEqual([
      'GRPC_PLAINTEXT: is not for use with GRPC_CA_FILE',
      'GRPC_CERT_FILE: is needed with GRPC_CA_FILE',
      'GRPC_KEY_FILE: is needed with GRPC_CA_FILE',
      'GRPC_IDENTITY: is needed with GRPC_CA_FILE',
    ]);
    expect(settings.meshPlaintext).toBe(false);
  });
});
