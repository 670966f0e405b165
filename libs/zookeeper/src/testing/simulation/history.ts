import { createHash } from 'node:crypto';
import type { Clock } from '@flashmesh/core';

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What happened in a run, line by line; two runs of a seed have the same. GUIDs, which no seed decides, are numbered as they appear. */
export class History {
  private readonly clock: Clock;
  private readonly lines: string[] = [];
  private readonly guids = new Map<string, string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  readonly add = (text: string): void => {
    const named = text.replaceAll(GUID, (guid) => {
      const name = this.guids.get(guid) ?? `guid${this.guids.size}`;
      this.guids.set(guid, name);
      return name;
    });
    this.lines.push(`${this.clock.monotonic().toFixed(3).padStart(10)} ${named}`);
  };

  get length(): number {
    return this.lines.length;
  }

  /** The last lines. */
  tail(count: number): string {
    return this.lines.slice(-count).join('\n');
  }

  /** Of all lines. */
  hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex');
  }
}
