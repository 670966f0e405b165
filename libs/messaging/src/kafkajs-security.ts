import type { PeerSecurity } from '@flashmesh/core';
import type { KafkaConfig } from 'kafkajs';

/**
 * What kafkajs needs to reach a secured Kafka. It copies `ssl` and looks up the password whenever it opens a connection (and
 * when a broker asks to authenticate again), so both are properties that are read at that moment.
 */
export function kafkajsSecurity({ tls, auth }: PeerSecurity): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  return {
    // kafkajs adds the broker's host, which its certificate must be made out to.
    ssl: tls && {
      minVersion: 'TLSv1.2',
      get ca() {
        return tls.ca?.();
      },
    },
    sasl: auth && {
      mechanism: 'scram-sha-512',
      username: auth.username,
      get password() {
        return auth.password();
      },
    },
  };
}
