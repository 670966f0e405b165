import type { FetchedBatch, FetchedRecord } from './driver.ts';

/** Records of a partition that were fetched and wait to be handled, in order. */
export class LaneQueue {
  private readonly batches: { records: readonly FetchedRecord[]; taken: number; nextOffset: number }[] = [];
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(batch: FetchedBatch, from = 0): void {
    const records = batch.records.filter(({ offset }) => offset >= from);
    this.batches.push({ records, taken: 0, nextOffset: batch.nextOffset });
    this.count += records.length;
  }

  clear(): void {
    this.batches.length = 0;
    this.count = 0;
  }

  /** Up to `max` records, and the offset that follows them; undefined when there is nothing. */
  take(max: number): { records: FetchedRecord[]; nextOffset: number } | undefined {
    const records: FetchedRecord[] = [];
    let nextOffset: number | undefined;
    for (let head = this.batches[0]; head && records.length < max; head = this.batches[0]) {
      const part = head.records.slice(head.taken, head.taken + max - records.length);
      records.push(...part);
      head.taken += part.length;
      this.count -= part.length;
      if (head.taken < head.records.length) {
        nextOffset = (part.at(-1)?.offset ?? -1) + 1;
      } else {
        // What follows the last record of a fetch may have been compacted away: its end counts, not its last record's.
        nextOffset = head.nextOffset;
        this.batches.shift();
      }
    }
    return nextOffset === undefined ? undefined : { records, nextOffset };
  }
}
