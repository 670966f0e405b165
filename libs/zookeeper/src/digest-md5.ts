import { createHash, randomBytes } from 'node:crypto';
import type { Credentials } from '@flashmesh/core';

const NONCE_COUNT = '00000001';

/**
 * The client's side of SASL DIGEST-MD5 (RFC 2831), for one authentication. MD5 keeps no password safe from somebody who listens: use
 * it over TLS.
 */
export class DigestMd5 {
  private readonly credentials: Credentials;
  private readonly digestUri: string;
  private readonly cnonce: string;
  private expected: string | undefined;

  /** @param digestUri service and host, e.g. `zookeeper/zk-sasl-md5`. */
  constructor(credentials: Credentials, digestUri: string, cnonce = randomBytes(16).toString('base64')) {
    this.credentials = credentials;
    this.digestUri = digestUri;
    this.cnonce = cnonce;
  }

  /** Answers the server's challenge. @throws Error when it is none that can be answered. */
  respond(challenge: string): string {
    const fields = parse(challenge);
    const { nonce, realm = '', algorithm = 'md5-sess', qop = 'auth' } = fields;
    if (nonce === undefined || algorithm !== 'md5-sess' || !qop.split(',').includes('auth')) {
      throw new Error('a challenge that is not DIGEST-MD5 with qop auth');
    }
    const { username, password } = this.credentials;
    const colon = Buffer.from(':');
    const secret = md5(Buffer.concat([encoded(username), colon, encoded(realm), colon, encoded(password())]));
    const session = hex(Buffer.concat([secret, Buffer.from(`:${nonce}:${this.cnonce}`)]));
    const sign = (method: string) =>
      hex(`${session}:${nonce}:${NONCE_COUNT}:${this.cnonce}:auth:${hex(`${method}:${this.digestUri}`)}`);
    this.expected = sign('');
    return [
      'charset=utf-8',
      `username=${quoted(username)}`,
      `realm=${quoted(realm)}`,
      `nonce=${quoted(nonce)}`,
      `nc=${NONCE_COUNT}`,
      `cnonce=${quoted(this.cnonce)}`,
      `digest-uri=${quoted(this.digestUri)}`,
      'maxbuf=65536',
      `response=${sign('AUTHENTICATE')}`,
      'qop=auth',
    ].join(',');
  }

  /** Checks that the server knows the password, too. @throws Error when it does not. */
  verify(answer: string): void {
    if (parse(answer)['rspauth'] !== this.expected) throw new Error('the server does not know the password');
  }
}

/** Latin-1 where that can carry the text, although the response says `charset=utf-8` (RFC 2831, section 2.1.2.1). */
function encoded(text: string): Buffer {
  // oxlint-disable-next-line no-control-regex
  return Buffer.from(text, /^[\0-\xff]*$/.test(text) ? 'latin1' : 'utf8');
}

function md5(text: Buffer | string): Buffer {
  return createHash('md5').update(text).digest();
}

function hex(text: Buffer | string): string {
  return md5(text).toString('hex');
}

function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

/** `key=value` and `key="quoted"`, separated by commas. */
function parse(text: string): Partial<Record<string, string>> {
  const fields: Partial<Record<string, string>> = {};
  for (const [, key, quotedValue, value] of text.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))/g)) {
    fields[key as string] = quotedValue?.replaceAll(/\\(.)/g, '$1') ?? value;
  }
  return fields;
}
