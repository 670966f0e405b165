import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a certificate says. */
export interface CertificateOptions {
  /** `URI:spiffe://...`, `DNS:...`; none by default. */
  readonly names?: readonly string[];
  /** @default an hour ago */
  readonly notBefore?: Date;
  /** @default in an hour */
  readonly notAfter?: Date;
}

/** A certificate and its key, both PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

const HOUR_MS = 3_600_000;

/** An authority that lives as long as the test: real certificates, without a tool that a machine may lack. */
export class TestAuthority {
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly name: string;
  readonly cert: string;

  constructor(name = 'test authority') {
    this.name = name;
    const basic = extension('55 1d 13', sequence(der(0x01, Buffer.from([0xff]))), true);
    this.cert = this.certify(name, this.keys.publicKey, [basic], {});
  }

  /** A certificate for both ends of a connection. */
  issue(options: CertificateOptions): Issued {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const usage = sequence(oid('2b 06 01 05 05 07 03 01'), oid('2b 06 01 05 05 07 03 02'));
    const extensions = [extension('55 1d 25', usage)];
    const names = (options.names ?? []).map(alternativeName);
    if (names.length > 0) extensions.push(extension('55 1d 11', sequence(...names)));
    return {
      cert: this.certify('leaf', keys.publicKey, extensions, options),
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
  }

  private certify(
    subject: string,
    key: KeyObject,
    extensions: readonly Buffer[],
    o: CertificateOptions,
  ): string {
    const now = Date.now();
    const algorithm = sequence(oid('2a 86 48 ce 3d 04 03 02'));
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      distinguishedName(this.name),
      sequence(time(o.notBefore ?? new Date(now - HOUR_MS)), time(o.notAfter ?? new Date(now + HOUR_MS))),
      distinguishedName(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', body, this.keys.privateKey);
    const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

/** Certificate files as a mount has them; they go with {@link CertificateFolder.remove}. */
export class CertificateFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'flashmesh-certificates-'));
  readonly certFile = join(this.path, 'tls.crt');
  readonly keyFile = join(this.path, 'tls.key');
  readonly caFile = join(this.path, 'ca.crt');

  /** Replaces what is given, each file at once. */
  write(content: { readonly cert?: string; readonly key?: string; readonly ca?: string }): void {
    const files = [
      [this.certFile, content.cert],
      [this.keyFile, content.key],
      [this.caFile, content.ca],
    ] as const;
    for (const [path, text] of files) {
      if (text === undefined) continue;
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** One value of ASN.1's distinguished encoding. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, der(0x04, value));
}

function alternativeName(name: string): Buffer {
  const [kind, value] = [name.slice(0, 4), Buffer.from(name.slice(4))];
  if (kind !== 'URI:' && kind !== 'DNS:') throw new TypeError(`${name} is neither a URI nor a DNS name`);
  return der(kind === 'URI:' ? 0x86 : 0x82, value);
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('55 04 03'), der(0x0c, Buffer.from(commonName)))));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(digits.slice(2)));
}
