import { inventory } from '@flashmesh/contracts';
import { FlashmeshError, ManualClock, unavailable } from '@flashmesh/core';
import type { MeshClient } from '@flashmesh/rpc';
import { Admission } from './admission.ts';

const { ADMITTED, BUSY, SOLD_OUT, UNKNOWN_SKU } = inventory.Admission;

describe('Admission', () => {
  const clock = new ManualClock();
  let asked = 0;
  let answer: () => Promise<inventory.CheckAdmissionResponse>;
  const client = {
    checkAdmission: () => {
      asked++;
      return answer();
    },
  } as unknown as MeshClient<typeof inventory.InventoryServiceDefinition>;
  let admission: Admission;

  const says = (verdict: inventory.Admission) => {
    answer = () => Promise.resolve({ admission: verdict });
  };
  beforeEach(() => {
    asked = 0;
    admission = new Admission(client, clock);
  });

  it('lets an order pass, and asks once for all that want the same at the same moment', async () => {
    says(ADMITTED);
    await Promise.all([
      admission.admit('phone', 1),
      admission.admit('phone', 1),
      admission.admit('phone', 2),
    ]);
    expect(asked).toBe(2);
    await clock.advance(49);
    await admission.admit('phone', 1);
    expect(asked).toBe(2);
    await clock.advance(1);
    await admission.admit('phone', 1);
    expect(asked).toBe(3);
  });

  it.each([
    [SOLD_OUT, { kind: 'failed_precondition', code: 'SOLD_OUT' }],
    [BUSY, { kind: 'resource_exhausted', code: 'BUSY', retryAfterMs: 1000 }],
    [UNKNOWN_SKU, { kind: 'unavailable', code: 'STOCK_NOT_READY' }],
  ])('%s', async (verdict, error) => {
    says(verdict);
    await expect(admission.admit('phone', 1)).rejects.toMatchObject(error);
  });

  it('passes on that inventory cannot say, with the time to wait, and remembers nothing of it', async () => {
    answer = () => Promise.reject(unavailable('REBUILDING', 'not yet', { retryAfterMs: 700 }));
    const refused = await admission.admit('phone', 1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FlashmeshError);
    expect(refused).toMatchObject({ kind: 'unavailable', code: 'REBUILDING', retryAfterMs: 700 });
    says(ADMITTED);
    await expect(admission.admit('phone', 1)).resolves.toBeUndefined();
  });
});
