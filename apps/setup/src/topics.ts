import { topics } from '@flashmesh/contracts';
import { numberFlag, parseFlags, readPeerSecurity, required } from '@flashmesh/core';
import { KafkaConnection } from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';

const text = { type: 'string' } as const;

/** `setup topics`. */
export async function topicsCommand(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args, {
    brokers: text,
    partitions: text,
    replication: text,
  });
  const brokers = required('brokers', flags.brokers).split(',');
  const count = (name: string, value: string | undefined, max: number) =>
    numberFlag(name, required(name, value), { min: 1, max, whole: true });
  const partitions = count('partitions', flags.partitions, 1000);
  const replicationFactor = count('replication', flags.replication, 9);
  const logger = createLogger({ service: 'setup', instance: 'topics', level: 'info' });
  const kafka = new KafkaConnection({
    brokers,
    clientId: 'setup-topics',
    security: readPeerSecurity('KAFKA'),
    logger,
  });
  try {
    const wanted = Object.values(topics).map(({ name, config }) => ({
      name,
      partitions,
      replicationFactor,
      config,
    }));
    await kafka.ensureTopics(wanted);
    process.stdout.write(`${wanted.length} topics with ${partitions} partitions each\n`);
  } finally {
    await kafka.close();
  }
}
