import {
  type Credentials,
  type PeerSecurity,
  readCertificates,
  readCredentials,
  readTlsTrust,
  type Renewable,
} from '@flashmesh/core';

/** How to reach each server that may be secured; see the docstring of the base environment. */
export interface PeersSecurity {
  readonly kafkaSecurity: PeerSecurity;
  readonly zookeeperSecurity: PeerSecurity;
  readonly redisSecurity: PeerSecurity;
  readonly sentinelAuth: Credentials | undefined;
  /** PEM certificates of the authorities that a collector's certificate may come from; read once, at the start. */
  readonly collectorCa: Renewable | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads it, and adds what is wrong to `faults`: also how variables of Redis may not go together. */
export function readPeersSecurity(environment: Environment, faults: string[]): PeersSecurity {
  const read = (prefix: string, impliedTls = false): PeerSecurity => ({
    tls: readTlsTrust(prefix, environment, faults, impliedTls),
    auth: readCredentials(prefix, environment, faults),
  });
  faults.push(...faultsOfRedis(environment));
  return {
    kafkaSecurity: read('KAFKA'),
    zookeeperSecurity: read('ZOOKEEPER'),
    redisSecurity: read('REDIS', environment['REDIS_URL']?.startsWith('rediss:')),
    sentinelAuth: readCredentials('REDIS_SENTINEL', environment, faults),
    collectorCa: readCertificates('OTEL_EXPORTER_OTLP_CERTIFICATE', environment, faults),
  };
}

/** A server or sentinels, and what belongs to sentinels only beside them. */
function faultsOfRedis(environment: Environment): string[] {
  const has = (name: string) => environment[name] !== undefined;
  if (has('REDIS_SENTINELS')) {
    return [
      ...(has('REDIS_URL') ? ['REDIS_URL: is not for use with REDIS_SENTINELS'] : []),
      ...(has('REDIS_MASTER_NAME') ? [] : ['REDIS_MASTER_NAME: is needed with REDIS_SENTINELS']),
    ];
  }
  const forSentinels = ['REDIS_MASTER_NAME', 'REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD_FILE'];
  return [
    ...(has('REDIS_URL') ? [] : ['REDIS_URL: is needed, or REDIS_SENTINELS']),
    ...forSentinels.filter(has).map((name) => `${name}: is for use with REDIS_SENTINELS`),
  ];
}
