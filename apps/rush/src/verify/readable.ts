import { type Clock, Limiter, sleep, systemClock } from '@flashmesh/core';
import type { AcceptedOrder } from '../accepted-orders.ts';
import { type RuleReport, Violations } from '../domain/violations.ts';
import type { GatewayClient } from '../run/gateway-client.ts';

type Client = Pick<GatewayClient, 'stateOf'>;

const SAMPLE = 200;
const AT_ONCE = 16;
/** A shop that has just been rushed, or has just lost a process, may say "later" for so long. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 500;

/**
 * The other half of rule 2: buyers can read how their orders ended. Asks the gateway about up to 200 accepted orders, spread
 * evenly, and compares with the log. Who is told to come later (429, 503, 504) or gets no answer asks again for 30 s.
 */
export async function checkReadable(
  client: Client,
  accepted: readonly AcceptedOrder[],
  endOf: (orderId: string) => string | undefined,
  clock: Clock = systemClock,
): Promise<RuleReport> {
  const found = new Violations();
  const step = Math.max(1, Math.ceil(accepted.length / SAMPLE));
  const sample = accepted.filter((_, index) => index % step === 0);
  const limiter = new Limiter(AT_ONCE);
  await Promise.all(
    sample.map((order) =>
      limiter.run(async () => {
        const [state, end] = [await read(client, order, clock), endOf(order.id)];
        if (state !== end) found.add(`${order.id} is ${end ?? 'open'} in the log, its buyer reads: ${state}`);
      }),
    ),
  );
  return found.report('buyers read their orders', { asked: sample.length });
}

async function read(client: Client, { id, token }: AcceptedOrder, clock: Clock): Promise<string> {
  const giveUpAt = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const answer = await client.stateOf(id, token);
    if ('state' in answer) return answer.state;
    if (!answer.later || clock.monotonic() + PAUSE_MS > giveUpAt) return answer.problem;
    await sleep(PAUSE_MS, undefined, clock);
  }
}
