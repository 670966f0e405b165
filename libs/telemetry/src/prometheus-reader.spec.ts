import { pino } from 'pino';
import { counter, gauge, histogram } from './metrics.ts';
import { startTelemetry } from './start-telemetry.ts';

describe('Telemetry.metrics', () => {
  it('gives all instruments in the text format of Prometheus, without any collector', async () => {
    const orders = counter('test.orders', { unit: '{order}', description: 'Orders taken.' });
    const level = gauge('test.lag', { unit: 'ms' }, () => [{ value: 7, attributes: { topic: 'a' } }]);
    const size = histogram('test.size', { advice: { explicitBucketBoundaries: [1, 10] } });
    const telemetry = startTelemetry({
      serviceName: 'test',
      serviceVersion: '1',
      instanceId: 'test-1',
      logger: pino({ level: 'silent' }),
    });
    orders.add(2, { outcome: 'ok' });
    size.record(5);
    await telemetry.metrics();
    orders.add(1, { outcome: 'ok' });
    const text = await telemetry.metrics();
    level.stop();
    await telemetry.shutdown();

    expect(text).toMatch(/^target_info\{.*service_name="test".*service_instance_id="test-1".*\} 1$/m);
    expect(text).toMatch(/^# HELP test_orders_total Orders taken\.$/m);
    expect(text).toMatch(/^# TYPE test_orders_total counter$/m);
    expect(text).toMatch(/^test_orders_total\{.*outcome="ok".*\} 3$/m);
    expect(text).toMatch(/^test_lag\{.*topic="a".*\} 7$/m);
    expect(text).toMatch(/^test_size_bucket\{.*le="10".*\} 1$/m);
  });
});
