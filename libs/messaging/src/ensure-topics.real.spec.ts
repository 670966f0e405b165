import { randomUUID } from 'node:crypto';
import { sleep } from '@flashmesh/core';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaConnection } from './spec-support.ts';

const SOON_MS = 500;

describe('ensureTopics without creating', () => {
  let connection: KafkaConnection;
  const wanted = () => ({ name: `spec.${randomUUID()}`, partitions: 2, config: {} });

  beforeEach(() => {
    connection = kafkaConnection();
  });
  afterEach(() => connection.close());

  it('waits until somebody else has created them', async () => {
    const topic = wanted();
    let there = false;
    const waiting = connection.ensureTopics([topic], { create: false }).then(() => (there = true));
    await sleep(SOON_MS);
    expect(there).toBe(false);
    await connection.ensureTopics([topic]);
    await waiting;
  });

  it('names what is missing when the time is up, and has not created it', async () => {
    const [one, other] = [wanted(), wanted()];
    await connection.ensureTopics([one]);
    const waiting = connection.ensureTopics([one, other], { create: false, timeoutMs: SOON_MS });
    await expect(waiting).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      message: `not created yet: ${other.name}`,
    });
    // Neither by the wait, nor by its asking.
    const again = connection.ensureTopics([other], { create: false, timeoutMs: 1 });
    await expect(again).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  it('does not wait for another number of partitions', async () => {
    const topic = wanted();
    await connection.ensureTopics([topic]);
    const waiting = connection.ensureTopics([{ ...topic, partitions: 3 }], { create: false });
    await expect(waiting).rejects.toMatchObject({ code: 'TOPIC_PARTITIONS' });
  });
});
