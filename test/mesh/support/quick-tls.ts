import { join } from 'node:path';
import type { MeshTlsOptions } from '@flashmesh/rpc';

/** Who may call the replicas. The second name is the first one's after its certificate was renewed, so that answers tell which it shows. */
export const CALLERS = ['caller', 'caller-renewed'] as const;

/** Connections are made anew all the time, with whatever is in the files; services do so every 10 minutes. */
export const SHORT_LIVED = { 'grpc.max_connection_age_ms': 1000, 'grpc.max_connection_age_grace_ms': 60_000 };

/** The files of a `CertificateFolder`, looked at 50 times as often as services do. */
export function quickTls(folder: string): MeshTlsOptions {
  return {
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    caFile: join(folder, 'ca.crt'),
    identity: 'spiffe://cluster.local/ns/shop/sa/flashmesh-{service}',
    refreshMs: 200,
  };
}

/** What the certificate of a service says. */
export const nameOf = (service: string): string =>
  `URI:spiffe://cluster.local/ns/shop/sa/flashmesh-${service}`;
