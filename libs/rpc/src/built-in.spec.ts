import { fileDescriptors, mesh } from '@flashmesh/contracts';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Inventory, listening, LogLines, stockOf } from './mesh.fixture.ts';
import { introspection } from './introspection.ts';
import { closeMeshClients, createMeshClient } from './mesh-client.ts';
import { createMeshStreams } from './mesh-streams.ts';
import { MeshServer } from './mesh-server.ts';
import type { ChannelSnapshot, EndpointSnapshot } from './mesh-snapshot.ts';
import { reflection } from './reflection.ts';
import { allBytes, firstBytes, firstString } from './wire.ts';

const target: ChannelSnapshot = {
  target: 'zk:///inventory',
  policy: 'p2c',
  calls: 7,
  retries: 1,
  hedges: 2,
  hedgesWon: 1,
  budgetExhausted: 0,
  budgetLeft: 9.5,
  shed: 0,
  staleMs: 0,
  endpoints: [
    {
      address: '10.0.0.1:1',
      id: 'inventory-1',
      zone: 'a',
      weight: 1,
      state: 'ejected',
      inFlight: 3,
      ewmaMs: 1.5,
      p50Ms: undefined,
      p99Ms: 4,
      attempts: 8,
      answers: 7,
      latencyMs: 10.5,
      failures: 1,
      timeouts: 1,
      overloads: 0,
      ejections: 1,
    },
  ],
};

let server: MeshServer;
const address = () => `127.0.0.1:${server.port}`;

beforeAll(async () => {
  const services = [Inventory.fullName, 'not.described.Service'];
  server = new MeshServer({
    services: [Inventory],
    builtIn: [
      ...reflection(fileDescriptors, services),
      introspection({ targets: () => [target], load: () => server.overload }),
    ],
    host: '127.0.0.1',
    port: 0,
    logger: new LogLines().logger,
  });
  server.addHandler({ service: Inventory.name, rpc: 'GetStock' }, async () => stockOf('a'));
  await listening(server);
});
afterAll(async () => {
  closeMeshClients();
  await server.drain(0);
});

describe('introspection', () => {
  it('tells what the process knows', async () => {
    const client = createMeshClient(mesh.IntrospectServiceDefinition, { target: address() });
    const { targets, load } = await client.getSnapshot({});
    const { endpoints, ...rest } = target;
    expect(targets).toMatchObject([rest]);
    // The sum is for metrics; who looks at a snapshot has the averages.
    const { state, latencyMs: _, ...endpoint } = endpoints[0] as EndpointSnapshot;
    expect([state, targets[0]?.endpoints]).toEqual([
      'ejected',
      [{ ...endpoint, state: mesh.EndpointState.EJECTED }],
    ]);
    expect(load).toEqual({ limit: 64, underWay: 1, shed: 0, underPressure: false });
  });
});

describe.each(reflection([], []).map(({ definition }) => definition.fullName))('%s', (fullName) => {
  const found = reflection([], []).find(({ definition }) => definition.fullName === fullName);
  const ask = async (field: number, value: string): Promise<Uint8Array> => {
    const definition = found?.definition as ReturnType<typeof typed>;
    const streams = createMeshStreams(definition, { target: address() });
    const request = new BinaryWriter().tag(field, WireType.LengthDelimited).string(value).finish();
    for await (const response of streams.info([request])) {
      expect(Buffer.from(firstBytes(response, 2))).toEqual(Buffer.from(request));
      return response;
    }
    throw new Error('no answer');
  };
  const namesIn = (response: Uint8Array) =>
    allBytes(firstBytes(response, 4), 1).map((file) => firstString(file, 1));

  it('lists the services that have a schema', async () => {
    const list = allBytes(firstBytes(await ask(7, ''), 6), 1).map((service) => firstString(service, 1));
    expect(list).toEqual([Inventory.fullName]);
  });

  it('gives the file of a symbol or name, and its imports', async () => {
    const files = [
      'flashmesh/inventory/v1/inventory.proto',
      'flashmesh/coordination/v1/coordination.proto',
      'google/protobuf/timestamp.proto',
    ];
    for (const symbol of [
      Inventory.fullName,
      `${Inventory.fullName}.GetStock`,
      'flashmesh.inventory.v1.GetStockRequest',
      'flashmesh.inventory.v1.Admission',
    ]) {
      expect(namesIn(await ask(4, symbol))).toEqual(files);
    }
    expect(namesIn(await ask(3, 'google/protobuf/timestamp.proto'))).toEqual([files[2]]);
  });

  it('says so when there is none', async () => {
    for (const [field, value] of [
      [4, 'no.Such'],
      [3, 'no.proto'],
      [5, ''],
    ] as const) {
      expect(firstString(firstBytes(await ask(field, value), 7), 2)).toBe('there is no such schema');
    }
  });
});

/** The type of the definition, which `BuiltInService` does not keep. */
function typed() {
  const bytes = {
    encode: () => ({ finish: () => new Uint8Array() }),
    decode: (b: Uint8Array) => b,
    create: (b?: Uint8Array) => b,
  };
  const method = {
    name: '',
    requestType: bytes,
    requestStream: true as const,
    responseType: bytes,
    responseStream: true as const,
  };
  return { name: '', fullName: '', methods: { info: method } } as const;
}
