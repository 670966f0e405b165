import type { CertificateFiles } from './certificates.ts';

/** Makes one call. */
export type Call = () => Promise<unknown>;

/** Where a caller finds the servers. */
export interface Target {
  readonly ports: readonly number[];
  /** Of the caller, when the servers speak TLS only. */
  readonly certificates?: CertificateFiles;
}

/** Long enough for a machine that does other things; what it costs does not depend on it. */
export const DEADLINE_MS = 60_000;
