import type { Kafka, Message, Producer } from 'kafkajs';
import type { DriverProducer, OutgoingRecord } from './driver.ts';

/** Kafka's name for "all in-sync replicas". */
const ACKS_ALL = -1;
/** How long a broker waits for its replicas, in milliseconds. */
const REPLICATION_TIMEOUT_MS = 5000;

/**
 * Appends with acks=all and without kafkajs's idempotent mode, which loses records when sends overlap with retries (its
 * sequence is rolled back before the retry). A re-sent request repeats records; readers count the first with an id.
 */
export class KafkajsProducer implements DriverProducer {
  private readonly producer: Producer;
  private connected: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    this.producer = kafka.producer({
      allowAutoTopicCreation: false,
      // The partition is chosen before: a retry must not choose another.
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    });
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    const messages = new Map<string, Message[]>();
    for (const { topic, partition, key, value, headers } of records) {
      const message: Message = { partition, key, value, headers: { ...headers } };
      const sameTopic = messages.get(topic);
      if (sameTopic) sameTopic.push(message);
      else messages.set(topic, [message]);
    }
    await this.connect();
    await this.producer.sendBatch({
      acks: ACKS_ALL,
      timeout: REPLICATION_TIMEOUT_MS,
      topicMessages: [...messages].map(([topic, list]) => ({ topic, messages: list })),
    });
  }

  async close(): Promise<void> {
    await this.connected?.catch(() => undefined);
    await this.producer.disconnect();
  }

  private connect(): Promise<void> {
    if (this.connected) return this.connected;
    const connected = this.producer.connect();
    this.connected = connected;
    connected.catch(() => {
      this.connected = undefined;
    });
    return connected;
  }
}
