import { FlashmeshError } from '@flashmesh/core';

/**
 * Why a write was refused:
 * - `FENCED`: somebody claimed the partition later;
 * - `EPOCH`: the state was wiped, or replaced by a rebuild;
 * - `GAP`: the state is not where the writer thinks it is, so the write would skip or repeat records.
 */
export type PositionLostReason = 'FENCED' | 'EPOCH' | 'GAP';

/**
 * A write to the state of a partition was refused, and nothing was changed. The consumer claims the partition again and
 * goes on from the position that the state itself has.
 */
export class PositionLost extends FlashmeshError {
  readonly reason: PositionLostReason;

  constructor(reason: PositionLostReason, message: string, cause?: unknown) {
    super('aborted', reason, message, { cause });
    this.reason = reason;
  }
}
