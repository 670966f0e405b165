import { callWithin, runWithCall } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';
import { logFields } from './log-fields.ts';

describe('logFields', () => {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'order',
    instance: 'order-1',
    fields: logFields,
    destination: { write: (line) => void lines.push(line) },
  });
  const last = () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  const id = 'spiffe://cluster.local/ns/shop/sa/flashmesh-gateway';

  it('names the caller in every line that is written while its call is served', async () => {
    const call = { ...callWithin(1000), caller: { id, service: 'gateway' } };
    await runWithCall(call, async () => {
      await Promise.resolve();
      logger.info('an order was taken');
    });
    expect(last()).toMatchObject({ msg: 'an order was taken', caller: id });
    runWithCall(call, () => logger.warn({ caller: 'another' }, 'a line with its own'));
    expect(last()['caller']).toBe('another');
  });

  it('says nothing of a caller in plain text, or where there is none', () => {
    runWithCall(callWithin(1000), () => logger.info('a request of a browser'));
    expect(last()).not.toHaveProperty('caller');
    logger.info('a timer');
    expect(last()).not.toHaveProperty('caller');
  });
});
