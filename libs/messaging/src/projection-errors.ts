import { FlashmeshError, messageOf, unavailable } from '@flashmesh/core';
import { PositionLost, type PositionLostReason } from './position-lost.ts';
import { isTransient } from './transient.ts';

const REASONS: readonly PositionLostReason[] = ['FENCED', 'EPOCH', 'GAP'];

/**
 * What an error of a script means: a refusal of its checks, a Redis that is away (nothing is known about the effect), or a
 * fault of the script itself.
 */
export function projectionError(script: string, error: unknown): FlashmeshError {
  if (error instanceof FlashmeshError) return error;
  const message = messageOf(error);
  const space = message.indexOf(' ');
  const code = message.slice(0, space);
  const reason = REASONS.find((each) => each === code);
  if (reason) return new PositionLost(reason, message.slice(space + 1), error);
  if (code === 'REBUILDING') return unavailable('REBUILDING', message.slice(space + 1), { cause: error });
  if (isTransient(error)) {
    return unavailable('REDIS_UNAVAILABLE', 'the state cannot be reached', { cause: error });
  }
  return new FlashmeshError('internal', 'SCRIPT_FAILED', `script ${script} failed: ${message}`, {
    cause: error,
  });
}
