/** A record on its way to the log, its partition already chosen. */
export interface OutgoingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record as it was read. */
export interface FetchedRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** When the log took it, milliseconds since the epoch. */
  readonly timestamp: number;
}

/** What one fetch brought of one partition. */
export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for; the first record may be later where the log was compacted. */
  readonly fetchedOffset: number;
  /** Where the next fetch begins. */
  readonly nextOffset: number;
  readonly records: readonly FetchedRecord[];
}

/** Appends records. */
export interface DriverProducer {
  /**
   * Appends all records, acknowledged by all in-sync replicas, in their order within each partition. When it fails, any of
   * them may have been appended, also twice.
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** What a driver needs to know to open a member of a consumer group. */
export interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly { readonly name: string; readonly fromBeginning: boolean }[];
  readonly sessionTimeoutMs: number;
  /** Least time between two fetches that bring something, in milliseconds. */
  readonly paceMs: number;
}

/** What a member of a consumer group tells its user. */
export interface ConsumerListener {
  /**
   * The member joined a generation of the group with these partitions. Called before anything is fetched in it, so that
   * a pause or seek within the call takes effect first.
   */
  onAssigned(consumer: DriverConsumer, assignment: ReadonlyMap<string, readonly number[]>): void;
  /** The group is about to give out its partitions afresh: the last moment to commit. */
  onRebalancing(): void;
  /** While it is pending nothing else is fetched, so it must return soon: heartbeats go on between fetches. */
  onBatch(batch: FetchedBatch): Promise<void>;
  /** A sign of life: a fetch or a heartbeat. */
  onActivity(): void;
  /** The member stopped by itself and does not come back. */
  onFailure(error: Error): void;
}

/** A member of a consumer group. */
export interface DriverConsumer {
  /** Fetches of the partition go on from `offset`; what was fetched and not yet handed over is dropped. */
  seek(topic: string, partition: number, offset: number): void;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** Stores the next offsets to read; only for partitions that the member owns now. */
  commit(positions: readonly { topic: string; partition: number; offset: number }[]): Promise<void>;
  close(): Promise<void>;
}
