import type { Kafka, ProducerBatch, RecordMetadata } from 'kafkajs';
import type { OutgoingRecord } from './driver.ts';
import { KafkajsProducer } from './kafkajs-producer.ts';

describe('KafkajsProducer', () => {
  const record = (topic: string, partition: number, id: string): OutgoingRecord => ({
    topic,
    partition,
    key: id,
    value: Buffer.from(id),
    headers: {},
  });

  /** A producer of kafkajs that appends what `takes` says, and reports success without the rest. */
  function producing(takes: (topic: string, partition: number, attempt: number) => boolean) {
    const log = new Map<string, string[]>();
    let attempt = 0;
    const sendBatch = async ({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> => {
      attempt++;
      const answers = new Map<string, RecordMetadata>();
      for (const { topic, messages } of topicMessages) {
        for (const { partition = 0, key } of messages) {
          if (!takes(topic, partition, attempt)) continue;
          const place = `${topic}/${partition}`;
          log.set(place, [...(log.get(place) ?? []), String(key)]);
          answers.set(place, { topicName: topic, partition, errorCode: 0 });
        }
      }
      return [...answers.values()];
    };
    const kafka = { producer: () => ({ connect: async () => undefined, sendBatch }) } as unknown as Kafka;
    return { producer: new KafkajsProducer(kafka), log, attempts: () => attempt };
  }

  it('sends once what everybody acknowledges', async () => {
    const { producer, log, attempts } = producing(() => true);
    await producer.send([record('a', 0, '1'), record('a', 1, '2'), record('b', 0, '3')]);
    expect(Object.fromEntries(log)).toEqual({ 'a/0': ['1'], 'a/1': ['2'], 'b/0': ['3'] });
    expect(attempts()).toBe(1);
  });

  it('sends again, in order, what no broker acknowledged although kafkajs reports success', async () => {
    const { producer, log, attempts } = producing(
      (_topic, partition, attempt) => partition !== 1 || attempt > 2,
    );
    await producer.send([record('a', 1, '1'), record('a', 0, '2'), record('a', 1, '3')]);
    expect(Object.fromEntries(log)).toEqual({ 'a/0': ['2'], 'a/1': ['1', '3'] });
    expect(attempts()).toBe(3);
  });
});
