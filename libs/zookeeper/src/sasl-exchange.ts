import { type Credentials, messageOf } from '@flashmesh/core';
import type { Call } from './call.ts';
import type { Connection } from './connection.ts';
import { saslCall } from './control-calls.ts';
import { DigestMd5 } from './digest-md5.ts';
import { isZooKeeperError, ZooKeeperError } from './errors.ts';

/** What all clients and servers of ZooKeeper call themselves in DIGEST-MD5, whatever the host. */
const SASL_URI = 'zookeeper/zk-sasl-md5';

/**
 * Authenticates by SASL on a connection on which nothing else was sent yet, with the password as it is now.
 *
 * @throws ZooKeeperError `ZK_AUTH_FAILED` when the server does not take the credentials, or does not know the password itself;
 *   `ZK_CONNECTION_LOSS` when it went away meanwhile.
 */
export async function authenticateBySasl(connection: Connection, credentials: Credentials): Promise<void> {
  const digest = new DigestMd5(credentials, SASL_URI);
  const exchange = (token: string): Promise<string> => {
    const call = saslCall(token);
    connection.send(call as Call);
    return call.promise;
  };
  try {
    digest.verify(await exchange(digest.respond(await exchange(''))));
  } catch (error) {
    if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) throw error;
    throw new ZooKeeperError('ZK_AUTH_FAILED', `SASL: ${messageOf(error)}`, { cause: error });
  }
}
