/** What an owner may ask of the consumer of its partition. */
export interface PartitionControl {
  /** Calls {@link PartitionOwner.assigned} again, after the running handler, and goes on from what it answers. */
  restart(): void;
}

/** Whoever keeps the position of a topic's partitions beside the state that the records lead to. */
export interface PartitionOwner {
  /**
   * Claims the partition, rebuilding its state when needed, and answers the next offset to consume. No record of the
   * partition is handed to a handler before. When it throws, it is called again after a pause.
   */
  assigned(partition: number, control: PartitionControl): Promise<number>;
  /** The partition now belongs to somebody else, or to nobody. */
  revoked(partition: number): void;
}
