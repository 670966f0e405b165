/**
 * How many events a second one producer appends with acks=all, by how many publishes are under way at a time, beside what
 * sending them one by one gives: figures of one run, to be read as ratios. Needs Kafka at KAFKA_BROKERS:
 * `node tools/local/bootstrap.mjs infra` in one terminal, `npm run bench` in another.
 */
import { randomUUID } from 'node:crypto';
import type { Topic } from '@flashmesh/contracts';
import { Limiter } from '@flashmesh/core';
import { EventProducer, KafkaConnection } from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';

const COUNT = 100_000;
const IN_FLIGHT = [1, 100, 1000, 5000];
const VALUE = Buffer.alloc(200, 'x');

const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',');
const logger = createLogger({ service: 'bench', instance: 'bench', level: 'warn' });
const connection = new KafkaConnection({ brokers, clientId: 'bench', logger });
const topic: Topic<Buffer> = {
  name: `bench-${randomUUID().slice(0, 8)}`,
  type: 'bench',
  codec: { encode: (value) => ({ finish: () => value }) as never, decode: (bytes) => Buffer.from(bytes) },
  config: {},
};
await connection.ensureTopics([{ name: topic.name, partitions: 8, config: topic.config }]);
const producer = new EventProducer(connection, { source: '/bench' });

async function run(inFlight: number, count: number): Promise<number> {
  const limiter = new Limiter(inFlight);
  const start = performance.now();
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      limiter.run(() => producer.publish(topic, { key: `k${n}`, id: `${n}`, data: VALUE })),
    ),
  );
  return count / ((performance.now() - start) / 1000);
}

await run(1000, 20_000);
for (const inFlight of IN_FLIGHT) {
  const perSecond = await run(inFlight, inFlight === 1 ? 500 : COUNT);
  process.stdout.write(`${String(inFlight).padStart(5)} in flight: ${Math.round(perSecond)} events/s\n`);
}
await producer.close();
await connection.close();
