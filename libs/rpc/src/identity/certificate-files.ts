import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, messageOf, requirePositiveInteger, type Timer } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { experimental } from '@grpc/grpc-js';

/** PEM files, e.g. of a mounted Secret. */
export interface CertificatePaths {
  /** The process' own certificate, with those of its issuers. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities to trust. */
  readonly caFile: string;
}

/** What the files held when they last belonged together. */
export interface CertificateContent {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
  /** The process' own certificate, without its issuers. */
  readonly leaf: X509Certificate;
}

/** @internal */
export interface CertificateFilesOptions extends CertificatePaths {
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

/**
 * Certificates that may be replaced at any time. The files are read every `refreshMs`, and what they hold is handed on only when
 * key and certificate belong together: a pair that is being written, a missing or a broken file leaves the last good ones in
 * use (grpc-js' own watcher would refuse every connection until the next look). Handshakes take the newest; connections stay.
 *
 * @internal
 */
export class CertificateFiles implements experimental.CertificateProvider {
  private readonly options: CertificateFilesOptions;
  private readonly identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  private readonly caListeners = new Set<experimental.CaCertificateUpdateListener>();
  private content: CertificateContent;
  private timer: Timer | undefined;
  private lastFault: string | undefined;

  /** @throws Error naming the file when one cannot be read, or key and certificate do not belong together. */
  constructor(options: CertificateFilesOptions) {
    requirePositiveInteger('refreshMs', options.refreshMs);
    this.options = options;
    this.content = readContent(options);
    this.lookLater();
  }

  get current(): CertificateContent {
    return this.content;
  }

  /** Looks no more; the last certificates stay in use. */
  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Reads the files now. Never throws: what is wrong with them is logged once, and the last good ones stay. */
  refresh(): void {
    try {
      const next = readContent(this.options);
      this.lastFault = undefined;
      this.take(next);
    } catch (error) {
      const fault = messageOf(error);
      if (fault !== this.lastFault) {
        this.options.logger?.warn({ error: fault }, 'new certificates are of no use, the last ones stay');
      }
      this.lastFault = fault;
    }
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.add(listener);
    // grpc-js is not ready to hear while it subscribes.
    queueMicrotask(() => {
      if (this.caListeners.has(listener)) listener({ caCertificate: this.content.ca });
    });
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.add(listener);
    queueMicrotask(() => {
      if (this.identityListeners.has(listener)) listener(this.identity());
    });
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.delete(listener);
  }

  private take(next: CertificateContent): void {
    const { cert, key, ca } = this.content;
    const newIdentity = !next.cert.equals(cert) || !next.key.equals(key);
    const newCa = !next.ca.equals(ca);
    if (!newIdentity && !newCa) return;
    this.content = next;
    if (newCa) for (const listener of this.caListeners) listener({ caCertificate: next.ca });
    if (newIdentity) for (const listener of this.identityListeners) listener(this.identity());
    this.options.logger?.info(
      { identity: newIdentity, authorities: newCa, validTo: next.leaf.validTo },
      'certificates were replaced',
    );
  }

  private identity(): experimental.IdentityCertificateUpdate {
    return { certificate: this.content.cert, privateKey: this.content.key };
  }

  private lookLater(): void {
    this.timer = this.options.clock.after(this.options.refreshMs, () => {
      this.refresh();
      this.lookLater();
    });
  }
}

function readContent({ certFile, keyFile, caFile }: CertificatePaths): CertificateContent {
  const [cert, key, ca] = [readFileSync(certFile), readFileSync(keyFile), readFileSync(caFile)];
  const leaf = named(certFile, () => new X509Certificate(cert));
  const privateKey = named(keyFile, () => createPrivateKey(key));
  named(caFile, () => new X509Certificate(ca));
  if (!leaf.checkPrivateKey(privateKey)) throw new Error(`${keyFile} is not the key of ${certFile}`);
  return { cert, key, ca, leaf };
}

function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${path}: ${messageOf(cause)}`, { cause });
  }
}
