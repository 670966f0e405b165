import {
  createMeshClient,
  type MeshClientOptions,
  MeshTls,
  registerMeshResolver,
  useMeshSecurity,
} from '@flashmesh/rpc';
import { type Call, DEADLINE_MS, type Target } from './caller.ts';
import { IDENTITY, SERVICE } from './certificates.ts';
import { Echo, PAYLOAD } from './echo.ts';

/** The mesh with everything on that a client has by default, and `options`. */
export function meshCaller(
  { ports, certificates }: Target,
  options: Omit<MeshClientOptions<typeof Echo>, 'target'>,
): Call {
  const instances = ports.map((port) => ({
    id: `i-${port}`,
    address: `127.0.0.1:${port}`,
    version: '1',
    zone: 'bench',
    weight: 1,
  }));
  registerMeshResolver(
    {
      watch(_service, listener) {
        listener(instances);
        return () => undefined;
      },
    },
    { zone: 'bench' },
  );
  if (certificates) useMeshSecurity(new MeshTls({ ...certificates, identity: IDENTITY }));
  const client = createMeshClient(Echo, {
    target: `zk:///${SERVICE}`,
    defaultDeadlineMs: DEADLINE_MS,
    ...options,
  });
  return () => client.call(PAYLOAD);
}
