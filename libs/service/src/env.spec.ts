import { z } from 'zod';
import { loadEnv } from './env.ts';

const good = {
  INSTANCE_ID: 'order-1',
  ZOOKEEPER: '127.0.0.1:2181',
  KAFKA_BROKERS: '127.0.0.1:9092, 127.0.0.1:9093',
  REDIS_URL: 'redis://127.0.0.1:6379',
};

describe('loadEnv', () => {
  it('applies defaults, splits lists and freezes', () => {
    const env = loadEnv(z.object({ LIMIT: z.coerce.number().default(3) }), { ...good, LOG_LEVEL: '' });
    expect(env).toMatchObject({ LIMIT: 3, GRPC_PORT: 0, LOG_LEVEL: 'info' });
    expect(env.KAFKA_BROKERS).toEqual(['127.0.0.1:9092', '127.0.0.1:9093']);
    expect(Object.isFrozen(env)).toBe(true);
  });

  it('names every fault at once', () => {
    const read = () =>
      loadEnv(z.object({ SECRET: z.string() }), { ...good, GRPC_PORT: 'x', REDIS_URL: 'nowhere' });
    expect(read).toThrow(/GRPC_PORT: .*REDIS_URL: .*SECRET: /);
  });
});
