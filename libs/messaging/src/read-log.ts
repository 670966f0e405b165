import type { Topic } from '@flashmesh/contracts';
import type { FetchedRecord } from './driver.ts';
import { decodeEvent, type IncomingEvent } from './envelope.ts';
import type { KafkaConnection } from './kafka-connection.ts';

/** Which part of a topic to read. */
export interface ReadLogOptions {
  /** @default all partitions */
  readonly partition?: number;
  /** Gets what is no event; skipped by default, as consumers put it aside as a dead letter. */
  readonly onUndecodable?: (partition: number, record: FetchedRecord, error: unknown) => void;
}

/**
 * Reads a topic from its beginning to its end as of the call, in order within each partition; waits for `onBatch` each time.
 * Joins no group, stores no position and leaves nothing behind.
 *
 * @returns the offset that follows what was read, by partition: where a consumer goes on
 * @throws FlashmeshError `unavailable` (`LOG_UNAVAILABLE`), or what `onBatch` throws.
 */
export async function readLog<T>(
  connection: Pick<KafkaConnection, 'reader'>,
  topic: Topic<T>,
  options: ReadLogOptions,
  onBatch: (events: IncomingEvent<T>[]) => Promise<void> | void,
): Promise<ReadonlyMap<number, number>> {
  const ranges = await connection.reader.ranges(topic.name, options.partition);
  await connection.reader.read(topic.name, ranges, async (partition, records) => {
    const events: IncomingEvent<T>[] = [];
    for (const record of records) {
      try {
        events.push(decodeEvent(topic, partition, record));
      } catch (error) {
        options.onUndecodable?.(partition, record, error);
      }
    }
    if (events.length > 0) await onBatch(events);
  });
  return new Map(ranges.map(({ partition, end }) => [partition, end]));
}
