import { Limiter } from '@flashmesh/core';
import type { AcceptedOrder } from '../accepted-orders.ts';
import { type RuleReport, Violations } from '../domain/violations.ts';
import type { GatewayClient } from '../run/gateway-client.ts';

const SAMPLE = 200;
const AT_ONCE = 16;

/**
 * The other half of rule 2: buyers can read how their orders ended. Asks the gateway about up to 200 accepted orders, spread
 * evenly, and compares with the log.
 */
export async function checkReadable(
  client: Pick<GatewayClient, 'stateOf'>,
  accepted: readonly AcceptedOrder[],
  endOf: (orderId: string) => string | undefined,
): Promise<RuleReport> {
  const found = new Violations();
  const step = Math.max(1, Math.ceil(accepted.length / SAMPLE));
  const sample = accepted.filter((_, index) => index % step === 0);
  const limiter = new Limiter(AT_ONCE);
  await Promise.all(
    sample.map(({ id, token }) =>
      limiter.run(async () => {
        const [state, end] = [await client.stateOf(id, token), endOf(id)];
        if (state !== end) found.add(`${id} is ${end ?? 'open'} in the log, its buyer reads: ${state}`);
      }),
    ),
  );
  return found.report('buyers read their orders', { asked: sample.length });
}
