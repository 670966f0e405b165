import { readFileSync } from 'node:fs';
import { messageOf } from './errors.ts';

/** A value that is asked for whenever a connection is opened, so that a renewed certificate or password takes effect. */
export type Renewable = () => string;

/** How to know that a server is the one it claims to be. Its name is always checked, and TLS is 1.2 or newer. */
export interface TlsTrust {
  /** PEM certificates of the authorities to trust. @default those that come with Node */
  readonly ca?: Renewable;
  /** PEM certificate, with those of its issuers, that this client shows the server (mutual TLS). @default none */
  readonly cert?: Renewable;
  /** PEM key of {@link TlsTrust.cert}. */
  readonly key?: Renewable;
}

/** How to make oneself known to a server. Never logged. */
export interface Credentials {
  readonly username: string;
  readonly password: Renewable;
}

/**
 * A password from a file, such as a mounted secret, without the newline that editors leave at its end.
 *
 * @throws Error naming the file when it cannot be read now, or is empty. See {@link renewable} for later.
 */
export function passwordFile(path: string): Renewable {
  return renewable(path, (text) => {
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw new Error(`${path} is empty`);
    return password;
  });
}

/**
 * Certificates of authorities to trust, from a PEM file.
 *
 * @throws Error naming the file when it cannot be read now, or holds no certificate. See {@link renewable} for later.
 */
export function certificateFile(path: string): Renewable {
  return renewable(path, (text) => {
    // OpenSSL takes a file without any for an empty list, and then trusts nobody without saying why.
    if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${path} holds no PEM certificate`);
    return text;
  });
}

/**
 * The key of a certificate that this side shows, from a PEM file; unencrypted, since who may read the file may use the key.
 *
 * Certificate and key are two files, and a connection that is opened while only one of them is new fails, to be tried again.
 *
 * @throws Error naming the file when it cannot be read now, or holds no key. See {@link renewable} for later.
 */
export function privateKeyFile(path: string): Renewable {
  return renewable(path, (text) => {
    if (!/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(text))
      throw new Error(`${path} holds no PEM private key`);
    return text;
  });
}

/**
 * Reads the file now and each time it is asked. Later a file that is missing, empty or half written leaves the last good content
 * in use: what opens a connection again shall not fail because a mount is being replaced.
 */
function renewable(path: string, check: (text: string) => string): Renewable {
  const read = () => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      throw new Error(`cannot read ${path}: ${messageOf(cause)}`, { cause });
    }
    return check(text);
  };
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // What was good before is the best there is; a wrong one shows when the server refuses it.
    }
    return last;
  };
}
