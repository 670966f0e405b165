import { FlashmeshError, Limiter, messageOf, sleep, unavailable } from '@flashmesh/core';
import type { Cluster, Consumer, IHeaders, Kafka } from 'kafkajs';
import { PartitionAssigners } from 'kafkajs';
import type { FetchedRecord } from './driver.ts';
import { textHeaders } from './record-headers.ts';

/** A part of a partition: from `from` up to, not including, `end`. */
export interface LogRange {
  readonly partition: number;
  readonly from: number;
  readonly end: number;
}

/** What kafkajs makes of a fetch; it does not declare this. */
interface FetchResponse {
  responses: { partitions: { partition: number; messages: FetchedMessage[] }[] }[];
}
interface FetchedMessage {
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: IHeaders;
  timestamp: string;
  isControlRecord?: boolean;
}

const READ_COMMITTED = 1;
const MAX_WAIT_MS = 100;
const MAX_BYTES_PER_PARTITION = 1024 * 1024;
const MAX_BYTES = 8 * 1024 * 1024;
/** Fetches in a row that may fail or bring nothing before the reader gives up: about 5 s. */
const MAX_FRUITLESS = 25;
const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 200;

/**
 * Reads parts of the log without a consumer group: nothing is joined, committed or left behind, and there is no wait for a
 * rebalance. kafkajs has no such reader, but it hands its typed `Cluster` to partition assigners, which is all it takes.
 */
export class LogReader {
  private readonly consumer: Consumer;
  private readonly cluster: Cluster;
  private readonly brokers = new Map<string, Limiter>();
  private connected: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    const found: Cluster[] = [];
    this.consumer = kafka.consumer({
      groupId: 'log-reader',
      allowAutoTopicCreation: false,
      partitionAssigners: [
        (config) => {
          found.push(config.cluster);
          return PartitionAssigners.roundRobin(config);
        },
      ],
    });
    const [cluster] = found;
    if (!cluster) throw new TypeError('kafkajs no longer creates its assigners with the consumer');
    this.cluster = cluster;
  }

  /** Everything that the topic's partitions (or the one named) hold at this moment. */
  async ranges(topic: string, partition?: number): Promise<LogRange[]> {
    return await this.attempt(`reading the offsets of ${topic}`, async () => {
      await this.connect();
      await this.cluster.addTargetTopic(topic);
      const partitions = this.cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => ({ partition: partitionId }))
        .filter((each) => partition === undefined || each.partition === partition);
      const [low, high] = await Promise.all(
        [true, false].map((fromBeginning) =>
          this.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]),
        ),
      );
      const ends = new Map(high?.[0]?.partitions.map((each) => [each.partition, Number(each.offset)]));
      const starts = low?.[0]?.partitions ?? [];
      return starts.map((start) => ({
        partition: start.partition,
        from: Number(start.offset),
        end: ends.get(start.partition) ?? 0,
      }));
    });
  }

  /** Hands over all records of the ranges, in order within each partition, waiting for `onRecords` each time. */
  async read(
    topic: string,
    ranges: readonly LogRange[],
    onRecords: (partition: number, records: FetchedRecord[]) => Promise<void> | void,
  ): Promise<void> {
    const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    const positions = new Map(ranges.filter(({ from, end }) => from < end).map((r) => [r.partition, r.from]));
    let fruitless = 0;
    while (positions.size > 0) {
      const fetched = await this.attempt(`reading ${topic}`, () => this.fetch(topic, positions));
      let progress = false;
      for (const { partition, messages } of fetched) {
        const from = positions.get(partition);
        const end = ends.get(partition);
        const last = messages.at(-1);
        if (from === undefined || end === undefined || !last) continue;
        progress = true;
        const next = Number(last.offset) + 1;
        const records = messages
          .filter((message) => !message.isControlRecord)
          .map(fetchedRecord)
          .filter(({ offset }) => offset >= from && offset < end);
        if (next >= end) positions.delete(partition);
        else positions.set(partition, next);
        if (records.length > 0) await onRecords(partition, records);
      }
      fruitless = progress ? 0 : fruitless + 1;
      if (fruitless > MAX_FRUITLESS) {
        throw unavailable('LOG_UNAVAILABLE', `reading ${topic} makes no progress`);
      }
    }
  }

  async close(): Promise<void> {
    await this.connected?.catch(() => undefined);
    await this.consumer.disconnect();
  }

  private async fetch(
    topic: string,
    positions: ReadonlyMap<number, number>,
  ): Promise<{ partition: number; messages: FetchedMessage[] }[]> {
    const leaders = this.cluster.findLeaderForPartitions(topic, [...positions.keys()]);
    const answers = await Promise.all(
      Object.entries(leaders).map(async ([nodeId, partitions]) => {
        const broker = await this.cluster.findBroker({ nodeId });
        const request = {
          isolationLevel: READ_COMMITTED,
          maxWaitTime: MAX_WAIT_MS,
          maxBytes: MAX_BYTES,
          topics: [
            {
              topic,
              partitions: partitions.map((partition) => ({
                partition,
                fetchOffset: String(positions.get(partition)),
                maxBytes: MAX_BYTES_PER_PARTITION,
              })),
            },
          ],
        };
        const answer = await this.oneAtATime(nodeId, () => broker.fetch(request));
        return (answer as FetchResponse).responses.flatMap((each) => each.partitions);
      }),
    );
    return answers.flat();
  }

  /**
   * kafkajs opens the connection for fetches with the first fetch; of two that begin together, each opens one, and one of
   * them is never closed. A broker answers one request of a connection after the other in any case.
   */
  private oneAtATime<T>(nodeId: string, fetch: () => Promise<T>): Promise<T> {
    let limiter = this.brokers.get(nodeId);
    if (!limiter) {
      limiter = new Limiter(1);
      this.brokers.set(nodeId, limiter);
    }
    return limiter.run(fetch);
  }

  /** Tries again with fresh metadata: a leader may have moved, a connection may have broken. */
  private async attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
    for (let failures = 0; ;) {
      try {
        return await run();
      } catch (cause) {
        if (cause instanceof FlashmeshError) throw cause;
        if (++failures > MAX_FRUITLESS) {
          throw unavailable('LOG_UNAVAILABLE', `${what} failed: ${messageOf(cause)}`, { cause });
        }
        await sleep(Math.min(RETRY_MIN_MS * 2 ** failures, RETRY_MAX_MS));
        await this.cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }

  private connect(): Promise<void> {
    if (this.connected) return this.connected;
    const connected = this.consumer.connect();
    this.connected = connected;
    connected.catch(() => {
      this.connected = undefined;
    });
    return connected;
  }
}

function fetchedRecord(message: FetchedMessage): FetchedRecord {
  return {
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    headers: textHeaders(message.headers),
    timestamp: Number(message.timestamp),
  };
}
