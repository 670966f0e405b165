import type { Topic } from '@flashmesh/contracts';
import {
  type Clock,
  FlashmeshError,
  invalidArgument,
  messageOf,
  partitionOf,
  requirePositiveInteger,
  sleep,
  systemClock,
  type Timer,
  unavailable,
  withDefaults,
} from '@flashmesh/core';
import type { DriverProducer, OutgoingRecord } from './driver.ts';
import { encodeHeaders } from './envelope.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { startSend } from './tracing.ts';

/** How an {@link EventProducer} behaves. */
export interface EventProducerOptions {
  /** Goes into `ce_source`, e.g. `/inventory/inventory-1`. */
  readonly source: string;
  /** Records that wait or are on their way, at most; beyond, a publish is refused. @default 20000 */
  readonly maxBufferedRecords?: number;
  /** Bytes of one round, at most; below the broker's limit of a batch (1 MiB), for all may go to one partition. @default 819200 */
  readonly maxRoundBytes?: number;
  /**
   * Least time between two rounds, in milliseconds: under load, a round carries more and costs each record less. A publish that
   * finds no round under way does not wait. @default 5
   */
  readonly paceMs?: number;
  /** How long a publish waits for its acknowledgement, in milliseconds. @default 8000 */
  readonly deliveryTimeoutMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** An event to be published. */
export interface EventToPublish<T> {
  /** Events with the same key stay in order. */
  readonly key: string;
  /** Unique id; of records with the same id the first counts. */
  readonly id: string;
  readonly data: T;
  /** When it happened, milliseconds since the epoch. @default now */
  readonly time?: number;
  /** @default that of the `send` span, or of the active context */
  readonly traceparent?: string;
}

/** An event with the topic it goes to. */
export interface OutboxEvent extends EventToPublish<unknown> {
  readonly topic: Topic<unknown>;
}

/** A record to be appended as it is. */
export interface RawRecord {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Records that go into one round together, in order. */
interface Group {
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
  readonly expiresAt: number;
  readonly settle: (error?: Error) => void;
}

/** What Kafka adds to a record, roughly. */
const RECORD_OVERHEAD_BYTES = 24;
const EXPIRY_CHECK_MS = 250;

/**
 * Appends events with acks=all. What is published while a round is on its way to the brokers goes out together in the next
 * one, so throughput grows with concurrency and a lone publish waits for nothing.
 *
 * One round is on its way at a time: records of one partition appear in the order of their publishes. A round that fails is
 * tried again by the driver, so records may be repeated; readers count the first with an id.
 */
export class EventProducer {
  private readonly connection: Pick<KafkaConnection, 'partitionsOf' | 'openProducer'>;
  private readonly options: Required<EventProducerOptions>;
  private readonly partitions = new Map<string, number>();
  private readonly waiting: Group[] = [];
  private onTheirWay: readonly Group[] = [];
  private driver: DriverProducer | undefined;
  private running: Promise<void> | undefined;
  private expiry: Timer | undefined;
  private count = 0;
  private closed = false;

  constructor(
    connection: Pick<KafkaConnection, 'partitionsOf' | 'openProducer'>,
    options: EventProducerOptions,
  ) {
    this.connection = connection;
    this.options = withDefaults<EventProducerOptions>(
      {
        source: options.source,
        maxBufferedRecords: 20_000,
        maxRoundBytes: 800 * 1024,
        paceMs: 5,
        deliveryTimeoutMs: 8000,
        clock: systemClock,
      },
      options,
    );
    requirePositiveInteger('maxBufferedRecords', this.options.maxBufferedRecords);
    requirePositiveInteger('maxRoundBytes', this.options.maxRoundBytes);
    requirePositiveInteger('deliveryTimeoutMs', this.options.deliveryTimeoutMs);
  }

  /** Records that are not acknowledged yet. */
  get buffered(): number {
    return this.count;
  }

  /**
   * Resolves when all in-sync replicas have the event.
   *
   * @throws FlashmeshError `unavailable` (`LOG_UNAVAILABLE`): nothing is known, the event may be in the log or get there yet;
   *   `resource_exhausted` (`PRODUCER_BUFFER_FULL`) or `invalid_argument`: it is not in the log.
   */
  async publish<T>(topic: Topic<T>, event: EventToPublish<T>): Promise<void> {
    const partitions = this.partitions.get(topic.name) ?? (await this.learnPartitions(topic.name));
    const partition = partitionOf(event.key, partitions);
    const span = startSend({ topic: topic.name, partition, id: event.id });
    try {
      await this.enqueue([this.encode(topic, partition, event, event.traceparent ?? span.traceparent)]);
      span.end();
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  /**
   * As {@link publish}, for events whose order matters together: none of them appears in the log before an earlier one of
   * its partition, also when it has to be tried again. When it fails, try all of them again, in the same order.
   */
  async publishInOrder(events: readonly OutboxEvent[]): Promise<void> {
    const records: OutgoingRecord[] = [];
    for (const event of events) {
      const { name } = event.topic;
      const partitions = this.partitions.get(name) ?? (await this.learnPartitions(name));
      records.push(this.encode(event.topic, partitionOf(event.key, partitions), event, event.traceparent));
    }
    for (const group of this.splitByBytes(records)) await this.enqueue(group);
  }

  /** Appends a record as it is, on the partition of its key (0 without one). Errors as {@link publish}. */
  async publishRaw(record: RawRecord): Promise<void> {
    const partitions = this.partitions.get(record.topic) ?? (await this.learnPartitions(record.topic));
    const partition = record.key ? partitionOf(record.key.toString(), partitions) : 0;
    await this.enqueue([{ ...record, partition }]);
  }

  /** Waits until everything is acknowledged or has failed, then disconnects. Further publishes are refused. */
  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    this.expiry?.cancel();
    await this.driver?.close();
  }

  private encode(
    topic: Topic<unknown>,
    partition: number,
    event: EventToPublish<unknown>,
    traceparent: string | undefined,
  ): OutgoingRecord {
    if (!event.id) throw invalidArgument('id', 'must not be empty');
    const bytes = topic.codec.encode(event.data).finish();
    return {
      topic: topic.name,
      partition,
      key: event.key,
      value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      headers: encodeHeaders({
        id: event.id,
        type: topic.type,
        source: this.options.source,
        time: event.time ?? this.options.clock.now(),
        traceparent,
      }),
    };
  }

  private enqueue(records: readonly OutgoingRecord[]): Promise<void> {
    const { maxBufferedRecords, maxRoundBytes, deliveryTimeoutMs, clock } = this.options;
    if (this.closed) throw unavailable('LOG_UNAVAILABLE', 'the producer is closed');
    if (this.count + records.length > maxBufferedRecords) {
      throw new FlashmeshError(
        'resource_exhausted',
        'PRODUCER_BUFFER_FULL',
        'too many events wait to be written',
        { retryAfterMs: 1000 },
      );
    }
    const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0);
    if (bytes > maxRoundBytes) throw invalidArgument('data', `must not exceed ${maxRoundBytes} bytes`);
    return new Promise((resolve, reject) => {
      this.count += records.length;
      let settled = false;
      const settle = (error?: Error) => {
        if (settled) return;
        settled = true;
        this.count -= records.length;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.waiting.push({ records, bytes, expiresAt: clock.monotonic() + deliveryTimeoutMs, settle });
      this.running ??= this.run();
      this.watchExpiry();
    });
  }

  private async run(): Promise<void> {
    // One turn of the event loop: everything that is published in it goes out together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const startedAt = this.options.clock.monotonic();
      const groups = this.takeRound();
      this.onTheirWay = groups;
      const failure = await this.send(groups.flatMap(({ records }) => records));
      this.onTheirWay = [];
      for (const group of groups) group.settle(failure);
      if (this.waiting.length > 0) await this.pace(startedAt);
    }
    this.running = undefined;
  }

  /** Waits out the rest of a round's least time, unless a full round waits or somebody waits for the end. */
  private async pace(startedAt: number): Promise<void> {
    const { clock, paceMs, maxRoundBytes } = this.options;
    const restMs = startedAt + paceMs - clock.monotonic();
    // Under full load a round takes longer than its least time, and the long line is not counted.
    if (restMs <= 0 || this.closed) return;
    const waitingBytes = this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    if (waitingBytes < maxRoundBytes) await sleep(restMs, undefined, clock);
  }

  private async send(records: readonly OutgoingRecord[]): Promise<FlashmeshError | undefined> {
    try {
      this.driver ??= this.connection.openProducer();
      await this.driver.send(records);
      return undefined;
    } catch (cause) {
      return unavailable('LOG_UNAVAILABLE', `the log did not acknowledge: ${messageOf(cause)}`, { cause });
    }
  }

  private takeRound(): Group[] {
    let bytes = 0;
    let length = 0;
    for (const group of this.waiting) {
      bytes += group.bytes;
      if (length > 0 && bytes > this.options.maxRoundBytes) break;
      length++;
    }
    return this.waiting.splice(0, length);
  }

  private splitByBytes(records: readonly OutgoingRecord[]): OutgoingRecord[][] {
    const groups: OutgoingRecord[][] = [];
    let bytes = Infinity;
    for (const record of records) {
      const size = sizeOf(record);
      if (bytes + size > this.options.maxRoundBytes) {
        groups.push([]);
        bytes = 0;
      }
      groups.at(-1)?.push(record);
      bytes += size;
    }
    return groups;
  }

  /** Refuses what has waited too long. What is on its way is only given up: its round still ends before the next begins. */
  private watchExpiry(): void {
    const { clock } = this.options;
    this.expiry ??= clock.after(EXPIRY_CHECK_MS, () => {
      this.expiry = undefined;
      const now = clock.monotonic();
      const late = unavailable('LOG_UNAVAILABLE', 'the log did not acknowledge in time');
      for (const group of this.onTheirWay) if (group.expiresAt <= now) group.settle(late);
      while (this.waiting[0] && this.waiting[0].expiresAt <= now) this.waiting.shift()?.settle(late);
      if (this.count > 0) this.watchExpiry();
    });
  }

  private async learnPartitions(topic: string): Promise<number> {
    const partitions = await this.connection.partitionsOf(topic);
    this.partitions.set(topic, partitions);
    return partitions;
  }
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) bytes += name.length + (headers[name]?.length ?? 0) + 2;
  return bytes;
}
