import { sleep } from '@flashmesh/core';
import type { Batch, Consumer, Kafka } from 'kafkajs';
import type { ConsumerListener, ConsumerOptions, DriverConsumer, FetchedBatch } from './driver.ts';
import { textHeaders } from './record-headers.ts';

/** Batches that are handed over at once; handing over is quick, so this need not follow the number of partitions exactly. */
const CONCURRENCY = 64;
/** How long an idle fetch waits at the broker: also how late a resumed partition or a seek takes effect. */
const MAX_WAIT_MS = 200;

/**
 * Opens a kafkajs consumer that commits nothing by itself and does not restart by itself, and waits until it has joined.
 * Batches must be taken over quickly ({@link ConsumerListener.onBatch}): kafkajs fetches again only when all batches of the
 * last fetch are done, and sends heartbeats only between.
 */
export async function openKafkajsConsumer(
  kafka: Kafka,
  options: ConsumerOptions,
  listener: ConsumerListener,
): Promise<DriverConsumer> {
  const consumer = kafka.consumer({
    groupId: options.group,
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: Math.floor(options.sessionTimeoutMs / 4),
    // Members rejoin between two fetches, never after long work.
    rebalanceTimeout: options.sessionTimeoutMs * 2,
    maxWaitTimeInMs: MAX_WAIT_MS,
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: () => Promise.resolve(false) },
  });
  const member = new KafkajsConsumer(consumer);
  const joined = Promise.withResolvers<void>();
  const { events } = consumer;
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    listener.onActivity();
    listener.onAssigned(member, new Map(Object.entries(payload.memberAssignment)));
    joined.resolve();
  });
  consumer.on(events.REBALANCING, () => listener.onRebalancing());
  consumer.on(events.FETCH, () => listener.onActivity());
  consumer.on(events.HEARTBEAT, () => listener.onActivity());
  consumer.on(events.CRASH, ({ payload }) => {
    joined.reject(payload.error);
    if (!member.closing) listener.onFailure(payload.error);
  });
  try {
    await consumer.connect();
    for (const { name, fromBeginning } of options.topics) {
      await consumer.subscribe({ topics: [name], fromBeginning });
    }
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      partitionsConsumedConcurrently: CONCURRENCY,
      eachBatch: async ({ batch }) => {
        await listener.onBatch(fetchedBatch(batch));
        // kafkajs fetches again when all batches of a fetch are done: what arrives meanwhile comes in one piece. An idle consumer
        // waits at the broker, so a lone record is not held up.
        await sleep(options.paceMs);
      },
    });
    await joined.promise;
  } catch (error) {
    // When it fails before run(), nobody waits for the join.
    joined.promise.catch(() => undefined);
    await member.close();
    throw error;
  }
  return member;
}

class KafkajsConsumer implements DriverConsumer {
  closing = false;
  private readonly consumer: Consumer;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
  }

  seek(topic: string, partition: number, offset: number): void {
    if (!this.closing) this.consumer.seek({ topic, partition, offset: String(offset) });
  }

  pause(topic: string, partition: number): void {
    if (!this.closing) this.consumer.pause([{ topic, partitions: [partition] }]);
  }

  resume(topic: string, partition: number): void {
    if (!this.closing) this.consumer.resume([{ topic, partitions: [partition] }]);
  }

  async commit(positions: readonly { topic: string; partition: number; offset: number }[]): Promise<void> {
    await this.consumer.commitOffsets(
      positions.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.consumer.disconnect();
  }
}

function fetchedBatch(batch: Batch): FetchedBatch {
  // kafkajs does not declare it, but this is what tells a stale batch from the one that was asked for.
  const { fetchedOffset } = batch as Batch & { fetchedOffset: string };
  return {
    topic: batch.topic,
    partition: batch.partition,
    fetchedOffset: Number(fetchedOffset),
    nextOffset: Number(batch.lastOffset()) + 1,
    records: batch.messages.map(({ offset, key, value, headers, timestamp }) => ({
      offset: Number(offset),
      key,
      value,
      headers: textHeaders(headers),
      timestamp: Number(timestamp),
    })),
  };
}
