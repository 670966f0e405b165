import { readFileSync } from 'node:fs';
import { CertificateFolder, TestAuthority } from '@flashmesh/rpc/testing';

/** Files of one side, PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** How services are called in certificates. */
export const IDENTITY = 'spiffe://cluster.local/ns/bench/sa/{service}';
/** Who answers. */
export const SERVICE = 'echo';
export const SERVER_ID = IDENTITY.replace('{service}', SERVICE);

/** Certificates of both sides, which last an hour and go with {@link Certificates.remove}. */
export class Certificates {
  readonly server: CertificateFiles;
  readonly client: CertificateFiles;
  private readonly folders: CertificateFolder[] = [];

  constructor() {
    const authority = new TestAuthority('bench');
    const mount = (id: string): CertificateFiles => {
      const folder = new CertificateFolder();
      this.folders.push(folder);
      folder.write({ ...authority.issue({ names: [`URI:${id}`] }), ca: authority.cert });
      const { certFile, keyFile, caFile } = folder;
      return { certFile, keyFile, caFile };
    };
    this.server = mount(SERVER_ID);
    this.client = mount(IDENTITY.replace('{service}', 'caller'));
  }

  remove(): void {
    for (const folder of this.folders) folder.remove();
  }
}

/** What the files hold. */
export function readCertificates({ certFile, keyFile, caFile }: CertificateFiles) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile) };
}
