/** The part of a record that a checker looks at. */
export interface LogRecord<T> {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  /** When it happened, milliseconds since the epoch. */
  readonly time: number;
  readonly data: T;
}

/** Lets the first record with an id through and counts the later ones: the way in which every reader counts. */
export class FirstById {
  private readonly seen = new Set<string>();
  private later = 0;

  /** Whether this is the first record with the id. */
  isFirst(id: string): boolean {
    if (this.seen.has(id)) {
      this.later++;
      return false;
    }
    this.seen.add(id);
    return true;
  }

  /** Distinct ids. */
  get records(): number {
    return this.seen.size;
  }

  /** Records that were ignored because their id had been seen. */
  get duplicates(): number {
    return this.later;
  }
}
