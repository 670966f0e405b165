import type { MeshTlsOptions } from '@flashmesh/rpc';

/** How a process talks gRPC to the others of its mesh. */
export interface MeshSettings {
  /** Who it is and whom it believes; without, calls are in plain text. */
  readonly meshTls: Pick<MeshTlsOptions, 'certFile' | 'keyFile' | 'caFile' | 'identity'> | undefined;
  /** Plain text also beyond this machine. */
  readonly meshPlaintext: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLES = ['GRPC_CERT_FILE', 'GRPC_KEY_FILE', 'GRPC_CA_FILE', 'GRPC_IDENTITY'] as const;

/** Reads it; all four variables of TLS go together. Adds what is wrong to `faults`. */
export function readMeshSettings(environment: Environment, faults: string[]): MeshSettings {
  const plaintext = environment['GRPC_PLAINTEXT'] ?? 'false';
  if (plaintext !== 'true' && plaintext !== 'false') faults.push('GRPC_PLAINTEXT: must be true or false');
  const [certFile, keyFile, caFile, identity] = VARIABLES.map((name) => environment[name]);
  const given = VARIABLES.filter((name) => environment[name] !== undefined);
  if (given.length === 0) return { meshTls: undefined, meshPlaintext: plaintext === 'true' };
  if (plaintext === 'true') faults.push(`GRPC_PLAINTEXT: is not for use with ${given[0]}`);
  for (const name of VARIABLES) {
    if (environment[name] === undefined) faults.push(`${name}: is needed with ${given[0]}`);
  }
  const complete = certFile !== undefined && keyFile !== undefined && caFile !== undefined;
  const meshTls = complete && identity !== undefined ? { certFile, keyFile, caFile, identity } : undefined;
  return { meshTls, meshPlaintext: false };
}
