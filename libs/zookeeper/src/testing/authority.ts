import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether certificates can be made here. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** The files of one certificate, PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  /** Both in one, as ZooKeeper's key store wants them. */
  readonly store: string;
}

/** An authority for tests that issues certificates for 127.0.0.1 and localhost, valid for a day. Keys never leave its folder. */
export class Authority {
  /** The file with its own certificate, PEM. */
  readonly cert: string;
  private readonly folder: string;
  private readonly name: string;
  private readonly key: string;

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
    this.cert = join(folder, `${name}.crt`);
    this.key = join(folder, `${name}.key`);
    this.openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      this.key,
      '-out',
      this.cert,
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
    );
  }

  issue(subject: string): Issued {
    const file = (ending: string) => join(this.folder, `${this.name}-${subject}.${ending}`);
    const [cert, key, store, request, extensions] = ['crt', 'key', 'pem', 'csr', 'ext'].map(file) as [
      string,
      string,
      string,
      string,
      string,
    ];
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${subject}`);
    const signing = ['-CA', this.cert, '-CAkey', this.key, '-CAcreateserial', '-days', '1'];
    this.openssl('x509', '-req', '-in', request, ...signing, '-out', cert, '-extfile', extensions);
    writeFileSync(store, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
    return { cert, key, store };
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

const newKey = ['-newkey', 'rsa:2048', '-nodes', '-sha256'];
