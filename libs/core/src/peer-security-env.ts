import { FlashmeshError, messageOf } from './errors.ts';
import {
  certificateFile,
  type Credentials,
  passwordFile,
  type Renewable,
  type TlsTrust,
} from './peer-security.ts';

/** How to reach a server that others than its owner may try to reach. Both absent: plain TCP, and nobody is asked who they are. */
export interface PeerSecurity {
  readonly tls?: TlsTrust;
  readonly auth?: Credentials;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads what every secured server needs: `<prefix>_TLS` (`true` or `false`), `<prefix>_CA_FILE`, `<prefix>_USERNAME` and
 * `<prefix>_PASSWORD_FILE`. An empty variable counts as unset.
 *
 * @throws FlashmeshError `ENVIRONMENT_INVALID` that lists every fault.
 */
export function readPeerSecurity(prefix: string, environment: Environment = process.env): PeerSecurity {
  const faults: string[] = [];
  const security = {
    tls: readTlsTrust(prefix, environment, faults),
    auth: readCredentials(prefix, environment, faults),
  };
  if (faults.length > 0) throw environmentInvalid(faults);
  return security;
}

/**
 * `<prefix>_TLS` and `<prefix>_CA_FILE`; `undefined` where TLS is off. Adds what is wrong to `faults`.
 *
 * @param implied TLS is on without `<prefix>_TLS`, since something else asks for it, e.g. a URL.
 */
export function readTlsTrust(
  prefix: string,
  environment: Environment,
  faults: string[],
  implied = false,
): TlsTrust | undefined {
  const flag = environment[`${prefix}_TLS`] || String(implied);
  if (flag !== 'true' && flag !== 'false') faults.push(`${prefix}_TLS: must be true or false`);
  else if (implied && flag === 'false') faults.push(`${prefix}_TLS: must not be false here`);
  const variable = `${prefix}_CA_FILE`;
  if (flag === 'true') return { ca: readCertificates(variable, environment, faults) };
  if (environment[variable]) faults.push(`${variable}: is of use with ${prefix}_TLS=true only`);
  return undefined;
}

/** The PEM certificates in the file that the variable names; `undefined` without. Adds what is wrong to `faults`. */
export function readCertificates(
  variable: string,
  environment: Environment,
  faults: string[],
): Renewable | undefined {
  const path = environment[variable];
  return path ? readFile(variable, () => certificateFile(path), faults) : undefined;
}

/** `<prefix>_USERNAME` and `<prefix>_PASSWORD_FILE`; `undefined` without. Adds what is wrong to `faults`. */
export function readCredentials(
  prefix: string,
  environment: Environment,
  faults: string[],
): Credentials | undefined {
  const [user, file] = [`${prefix}_USERNAME`, `${prefix}_PASSWORD_FILE`];
  const username = environment[user];
  const path = environment[file];
  if (!username && !path) return undefined;
  if (!username || !path) {
    faults.push(`${username ? file : user}: is needed with ${username ? user : file}`);
    return undefined;
  }
  const password = readFile(file, () => passwordFile(path), faults);
  return password && { username, password };
}

/** The error of an environment with these faults. */
export function environmentInvalid(faults: readonly string[]): FlashmeshError {
  return new FlashmeshError(
    'invalid_argument',
    'ENVIRONMENT_INVALID',
    `the environment is not valid: ${faults.join('; ')}`,
  );
}

function readFile<T>(variable: string, read: () => T, faults: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    faults.push(`${variable}: ${messageOf(error)}`);
    return undefined;
  }
}
