import type { PeerCertificate } from 'node:tls';
import { type Clock, FlashmeshError, systemClock } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { type ChannelCredentials, experimental, type ServerCredentials } from '@grpc/grpc-js';
import { CertificateFiles, type CertificatePaths } from './certificate-files.ts';
import { ServiceNaming } from './service-naming.ts';

/** How a process makes itself known, and whom it believes. */
export interface MeshTlsOptions extends CertificatePaths {
  /** How services are called in certificates, e.g. `spiffe://cluster.local/ns/shop/sa/flashmesh-{service}`. */
  readonly identity: string;
  /** How often the files are looked at, in milliseconds. @default 10000 */
  readonly refreshMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** The name that is asked for where any service will do. @internal */
export const ANY_SERVICE = 'mesh.invalid';
/** @internal */
export const DEFAULT_REFRESH_MS = 10_000;

/**
 * Mutual TLS between the services of a mesh, by SPIFFE ids. One a process: channels share connections only when they have the
 * same credentials. Certificates are renewed without a restart; see {@link CertificateFiles}.
 */
export class MeshTls {
  readonly naming: ServiceNaming;
  /** Checks that the far side is the service that the target names. @internal */
  readonly toService: ChannelCredentials;
  /**
   * For targets that are mere addresses: the far side is some service of the mesh, or the one that the channel option
   * `grpc.ssl_target_name_override` names. @internal
   */
  readonly toAddress: ChannelCredentials;
  private readonly files: CertificateFiles;
  private readonly clock: Clock;

  /** @throws Error naming the file that is missing or wrong, RangeError for options that are none. */
  constructor(options: MeshTlsOptions) {
    const { certFile, keyFile, caFile, logger, refreshMs = DEFAULT_REFRESH_MS } = options;
    this.clock = options.clock ?? systemClock;
    this.naming = new ServiceNaming(options.identity);
    this.files = new CertificateFiles({ certFile, keyFile, caFile, refreshMs, clock: this.clock, logger });
    this.toService = this.channelCredentials((host, certificate) => this.checkServer(certificate, host));
    this.toAddress = this.channelCredentials((host, certificate) =>
      this.checkServer(certificate, host === ANY_SERVICE ? undefined : host),
    );
  }

  /** Looks at the files now instead of at the next turn. */
  refresh(): void {
    this.files.refresh();
  }

  close(): void {
    this.files.close();
  }

  /**
   * @throws FlashmeshError `WRONG_IDENTITY` unless the own certificate is made out to `service`: others would refuse every call
   * of it, and every call to it.
   */
  requireOwn(service: string): void {
    const found = this.naming.identify(this.files.current.leaf.subjectAltName);
    if (found.kind === 'known' && found.identity.service === service) return;
    const actual =
      found.kind === 'known' ? found.identity.id : found.kind === 'foreign' ? found.id : 'nobody';
    throw new FlashmeshError(
      'failed_precondition',
      'WRONG_IDENTITY',
      `the certificate is made out to ${actual}, not to ${this.naming.idOf(service)}`,
    );
  }

  /**
   * Asks callers for a certificate, but refuses nobody in the handshake: who may call is decided call by call, so that a
   * refusal has a status and a line in the log, and probes without a certificate reach the health service. @internal
   */
  serverCredentials(): ServerCredentials {
    return experimental.createCertificateProviderServerCredentials(this.files, this.files, false);
  }

  private channelCredentials(
    checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined,
  ): ChannelCredentials {
    return experimental.createCertificateProviderChannelCredentials(this.files, this.files, {
      checkServerIdentity,
    });
  }

  /** Takes the place of the check by host name: instances are found by address, and known by their ids. */
  private checkServer(certificate: PeerCertificate, service: string | undefined): Error | undefined {
    const found = this.naming.identify(certificate.subjectaltname);
    const name = found.kind === 'known' ? found.identity.service : undefined;
    if (name !== undefined && (service === undefined || name === service)) return undefined;
    const expected = service === undefined ? 'a service of this mesh' : this.naming.idOf(service);
    return new Error(`the server is not ${expected}: its names are ${certificate.subjectaltname ?? 'none'}`);
  }
}
