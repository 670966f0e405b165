import { systemClock } from '@flashmesh/core';
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { outcomeOf } from './balancer-outcome.ts';

const OWN = 'Deadline exceeded after 0.5s';

/** What an attempt that took `elapsedMs` to end so says of its endpoint. */
function outcome(
  { code, details = '', told = false }: { code: Status; details?: string; told?: boolean },
  { elapsedMs = 1000, abandoned = false, usualMs }: Partial<Given> = {},
) {
  const metadata = new Metadata();
  if (told) metadata.set('content-type', 'application/grpc');
  const status: StatusObject = { code, details, metadata };
  return outcomeOf(status, { abandoned, usualMs }, systemClock.monotonic() - elapsedMs);
}

interface Given {
  readonly elapsedMs: number;
  readonly abandoned: boolean;
  readonly usualMs: number | undefined;
}

describe('a deadline that passed', () => {
  const own = { code: Status.DEADLINE_EXCEEDED, details: OWN };

  it('is the endpoint’s fault when it had longer than calls take', () => {
    expect(outcome(own)).toBe('timeout');
    expect(outcome(own, { elapsedMs: 500, usualMs: 20 })).toBe('timeout');
    expect(outcomeOf({ ...own, metadata: new Metadata() }, undefined, systemClock.monotonic() - 1000)).toBe(
      'timeout',
    );
  });

  it('says nothing when the caller was in a hurry', () => {
    expect(outcome(own, { elapsedMs: 1 })).toBe('neutral');
    expect(outcome(own, { elapsedMs: 30, usualMs: 20 })).toBe('neutral');
    expect(outcome(own, { elapsedMs: 500, usualMs: 600 })).toBe('neutral');
    expect(outcome({ ...own, told: true }, { elapsedMs: 1 })).toBe('neutral');
  });

  it('was judged before when the attempt was given up for it', () => {
    expect(outcome(own, { abandoned: true })).toBe('neutral');
  });

  it('is no silence when the server told of it, in whatever words', () => {
    for (const details of ['Deadline exceeded', 'the deadline of the call passed', OWN]) {
      expect(outcome({ code: Status.DEADLINE_EXCEEDED, details, told: true })).toBe('failure');
    }
  });
});
