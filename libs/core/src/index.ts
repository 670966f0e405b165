export { abortError, sleep, throwIfAborted, within } from './abort.ts';
export type { Clock, Timer } from './clock.ts';
export { ManualClock, systemClock } from './clock.ts';
export type { Resolver, ServiceInstance } from './endpoints.ts';
export type { ErrorKind, ErrorOptions } from './errors.ts';
export {
  assertNever,
  ERROR_KINDS,
  FlashmeshError,
  invalidArgument,
  messageOf,
  unavailable,
} from './errors.ts';
export { type Fence, passFence, tokenDigits, type WriteToken } from './fence.ts';
export { numberFlag, parseFlags, required, urlFlag } from './flags.ts';
export { errorOfIssues, type Issue } from './issues.ts';
export { Limiter } from './limiter.ts';
export { murmur2, partitionOf } from './murmur2.ts';
export {
  certificateFile,
  type Credentials,
  passwordFile,
  privateKeyFile,
  type Renewable,
  type TlsTrust,
} from './peer-security.ts';
export {
  environmentInvalid,
  type PeerSecurity,
  readCertificates,
  readCredentials,
  readPeerSecurity,
  readTlsTrust,
} from './peer-security-env.ts';
export { requireInRange, requireKnownOptions, requirePositiveInteger, withDefaults } from './options.ts';
export { SingleFlight } from './single-flight.ts';
