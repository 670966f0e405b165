import { deadLetterTopic } from '@flashmesh/contracts';
import { FlashmeshError, messageOf } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { FetchedRecord } from './driver.ts';
import type { EventProducer } from './event-producer.ts';
import type { KafkaConnection } from './kafka-connection.ts';

const RETENTION_MS = 14 * 24 * 60 * 60 * 1000;
const MAX_ERROR_LENGTH = 1000;

/** Where a consumer group puts what it cannot handle, so that the rest of the partition goes on. */
export class DeadLetters {
  private readonly connection: KafkaConnection;
  private readonly producer: EventProducer;
  private readonly group: string;
  private readonly logger: Logger;
  private readonly created = new Set<string>();

  constructor(connection: KafkaConnection, producer: EventProducer, group: string, logger: Logger) {
    this.connection = connection;
    this.producer = producer;
    this.group = group;
    this.logger = logger;
  }

  /** Appends the record as it was, with why and where from in its headers. Resolves when that is durable. */
  async put(topic: string, partition: number, record: FetchedRecord, error: unknown): Promise<void> {
    const target = deadLetterTopic(topic, this.group);
    // Most groups never need theirs, so it is created with the first letter.
    if (!this.created.has(target)) {
      const config = { 'cleanup.policy': 'delete', 'retention.ms': String(RETENTION_MS) };
      await this.connection.ensureTopics([{ name: target, partitions: 1, config }]);
      this.created.add(target);
    }
    await this.producer.publishRaw({
      topic: target,
      key: record.key,
      value: record.value,
      headers: {
        ...record.headers,
        dlq_error: describe(error),
        dlq_topic: topic,
        dlq_partition: String(partition),
        dlq_offset: String(record.offset),
      },
    });
    this.logger.error(
      { err: error, topic, partition, offset: record.offset, id: record.headers['ce_id'], target },
      'an event was put aside as a dead letter',
    );
  }
}

function describe(error: unknown): string {
  const code = error instanceof FlashmeshError ? error.code : error instanceof Error ? error.name : 'Error';
  return `${code}: ${messageOf(error)}`.slice(0, MAX_ERROR_LENGTH);
}
