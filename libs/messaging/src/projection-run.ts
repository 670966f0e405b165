import type { PartitionScripts } from './partition-scripts.ts';
import { FINISH_REBUILD, REFILL_OUTBOX } from './projection-scripts.ts';
import type { Script, ScriptArgument } from './script.ts';

/** What a rebuild may do; only until it has resolved. */
export interface ProjectionRun {
  readonly partition: number;
  /** Runs an owner's script on the state that is being rebuilt. @throws PositionLost when somebody claimed the partition. */
  apply(script: Script, options: { upTo?: number }, args: readonly ScriptArgument[]): Promise<unknown>;
  /** Drops the outbox entries that `keep` refuses: those whose events are in the log already. */
  filterOutbox(keep: (entry: string) => boolean): Promise<void>;
}

/** Entries per call. */
const OUTBOX_CHUNK = 1000;

/** The rebuild of one partition under one claim: every write checks that the claim still stands. */
export class ClaimedRun implements ProjectionRun {
  readonly partition: number;
  private readonly scripts: PartitionScripts;
  private readonly epoch: string;
  private readonly token: string;

  constructor(scripts: PartitionScripts, partition: number, epoch: string, token: string) {
    this.scripts = scripts;
    this.partition = partition;
    this.epoch = epoch;
    this.token = token;
  }

  async apply(
    script: Script,
    { upTo }: { upTo?: number },
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    const fence = [this.epoch, this.token, '', upTo === undefined ? '' : String(upTo)];
    const { result } = await this.scripts.runChecked(script, 'rebuild', this.partition, [...fence, ...args]);
    return result;
  }

  async filterOutbox(keep: (entry: string) => boolean): Promise<void> {
    const outbox = this.scripts.key(this.partition, 'outbox');
    const kept: string[] = [];
    for (let from = 0; ; from += OUTBOX_CHUNK) {
      const entries = await this.scripts.redis.lrange(outbox, from, from + OUTBOX_CHUNK - 1);
      kept.push(...entries.filter(keep));
      if (entries.length < OUTBOX_CHUNK) break;
    }
    // A crash in between loses entries, but also leaves the status at rebuilding: the next claim starts over.
    for (let from = 0; from === 0 || from < kept.length; from += OUTBOX_CHUNK) {
      const chunk = kept.slice(from, from + OUTBOX_CHUNK);
      await this.scripts.run(REFILL_OUTBOX, this.partition, [
        this.epoch,
        this.token,
        from === 0 ? 1 : 0,
        ...chunk,
      ]);
    }
  }

  /** The state is complete up to and including `offset`. */
  async finish(offset: number): Promise<void> {
    await this.scripts.run(FINISH_REBUILD, this.partition, [this.epoch, this.token, offset]);
  }
}
