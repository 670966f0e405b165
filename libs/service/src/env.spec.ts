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

  it('is insecure by default, and says what is wrong with security together with everything else', () => {
    const env = loadEnv(z.object({}), good);
    expect(env).toMatchObject({ kafkaSecurity: {}, zookeeperSecurity: {}, redisSecurity: {} });
    expect(env).toMatchObject({ KAFKA_CREATE_TOPICS: true, START_TIMEOUT_MS: 30_000 });
    const read = () =>
      loadEnv(z.object({}), {
        ...good,
        GRPC_PORT: 'x',
        KAFKA_CREATE_TOPICS: 'no',
        KAFKA_TLS: 'yes',
        ZOOKEEPER_USERNAME: 'ann',
        REDIS_CA_FILE: '/ca',
        OTEL_EXPORTER_OTLP_CERTIFICATE: '/no/such/file',
      });
    expect(read).toThrow(
      /GRPC_PORT: .*KAFKA_CREATE_TOPICS: .*KAFKA_TLS: .*ZOOKEEPER_PASSWORD_FILE: .*REDIS_CA_FILE: .*OTLP_CERTIFICATE: cannot read/,
    );
  });

  it('takes a Redis or sentinels, never both and never none', () => {
    const { REDIS_URL, ...rest } = good;
    const read = (more: Record<string, string>) => () => loadEnv(z.object({}), { ...rest, ...more });
    const sentinels = { REDIS_SENTINELS: 'a:26379, b:26379', REDIS_MASTER_NAME: 'shop' };
    expect(read(sentinels)()).toMatchObject({ REDIS_SENTINELS: ['a:26379', 'b:26379'] });
    expect(read({})).toThrow('REDIS_URL: is needed, or REDIS_SENTINELS');
    expect(read({ ...sentinels, REDIS_URL })).toThrow('REDIS_URL: is not for use with REDIS_SENTINELS');
    expect(read({ REDIS_SENTINELS: 'a' })).toThrow('REDIS_MASTER_NAME: is needed with REDIS_SENTINELS');
    expect(read({ REDIS_URL, REDIS_MASTER_NAME: 'shop' })).toThrow(
      'REDIS_MASTER_NAME: is for use with REDIS_SENTINELS',
    );
  });
});
