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
    let rest = records;
    while (rest.length > 0) {
      const acknowledged = await this.append(rest);
      // kafkajs says that all is well when the leader of a partition moved, between two tries, to a broker that had answered the first
      // try for other partitions: what belongs to that partition is then sent to nobody. Seen when a broker was restarted: 14 records
      // that were reported as appended were on no broker.
      rest = rest.filter((record) => !acknowledged.has(placeOf(record)));
    }
  }

  /** One request to each leader. Answers the partitions that said they have it. */
  private async append(records: readonly OutgoingRecord[]): Promise<ReadonlySet<string>> {
    const messages = new Map<string, Message[]>();
    for (const { topic, partition, key, value, headers } of records) {
      const message: Message = { partition, key, value, headers: { ...headers } };
      const sameTopic = messages.get(topic);
      if (sameTopic) sameTopic.push(message);
      else messages.set(topic, [message]);
    }
    await this.connect();
    const answers = await this.producer.sendBatch({
      acks: ACKS_ALL,
      timeout: REPLICATION_TIMEOUT_MS,
      topicMessages: [...messages].map(([topic, list]) => ({ topic, messages: list })),
    });
    return new Set(answers.map(({ topicName, partition }) => placeOf({ topic: topicName, partition })));
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

function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
