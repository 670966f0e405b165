import { randomUUID } from 'node:crypto';
import { payment, topics } from '@flashmesh/contracts';
import { sleep, systemClock } from '@flashmesh/core';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import type { LiveSettings } from '@flashmesh/service';
import { createLogger } from '@flashmesh/telemetry';
import { Redis } from 'ioredis';
import { Charging } from './charging.ts';
import type { PaymentSettings } from './env.ts';
import { LedgerLog } from './ledger-log.ts';
import { PaymentProvider, type ProviderAnswer } from './provider/payment-provider.ts';
import { SimulatedProvider } from './provider/simulated-provider.ts';
import { ChargeView } from './store/charge-view.ts';

const { CHARGED, DECLINED, VOIDED } = payment.ChargeOutcome;
/** As in the shop's own stack, which these topics may already be part of. */
const PARTITIONS = Number(process.env['KAFKA_PARTITIONS'] ?? 8);
const settings = {
  current: { providerLatencyMs: 1, providerDeclineShare: 0, providerTimeoutShare: 0, providerErrorShare: 0 },
} as LiveSettings<PaymentSettings>;
const logger = createLogger({ service: 'payment', instance: 'spec', level: 'silent' });

/** A provider whose answers wait until the test lets them go. */
class HeldProvider extends PaymentProvider {
  readonly cancelled: string[] = [];
  private readonly asked = Promise.withResolvers<void>();
  private readonly gate = Promise.withResolvers<void>();
  /** Resolves when the provider was asked for the first time. */
  readonly wasAsked = this.asked.promise;

  async charge(): Promise<ProviderAnswer> {
    this.asked.resolve();
    await this.gate.promise;
    return { outcome: 'accepted', reports: 1 };
  }
  cancel(orderId: string): Promise<void> {
    this.cancelled.push(orderId);
    return Promise.resolve();
  }
  letGo(): void {
    this.gate.resolve();
  }
}

describe('charging, on a real Kafka and a real Redis', () => {
  const keyPrefix = `${randomUUID()}:`;
  const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { keyPrefix });
  const connection = new KafkaConnection({
    brokers: (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','),
    clientId: 'payment-spec',
    logger,
  });
  const producer = new EventProducer(connection, { source: '/payment/spec' });
  const views: ChargeView[] = [];

  /** One replica of the service. */
  async function replica(
    provider: PaymentProvider = new SimulatedProvider(settings, systemClock),
  ): Promise<Charging> {
    const ledger = new LedgerLog(connection, producer);
    const view = new ChargeView(redis, ledger, systemClock, logger);
    views.push(view);
    await view.onModuleInit();
    return new Charging(view, ledger, provider);
  }

  /** What the ledger says of an order: each entry's id, kind and amount. */
  async function entriesOf(orderId: string): Promise<string[]> {
    const found: string[] = [];
    await readLog(connection, topics.ledger, {}, (events) => {
      for (const { id, data } of events) {
        if (data.orderId === orderId) {
          found.push(
            `${id.slice(orderId.length)} ${data.kind.replace('LEDGER_ENTRY_KIND_', '')} ${data.amount}`,
          );
        }
      }
    });
    return found;
  }

  const request = (paymentMethod = 'tok_visa') => ({
    orderId: `ord_${randomUUID()}`,
    buyerId: 'buyer-1',
    amount: 500,
    currency: 'EUR',
    paymentMethod,
  });
  /** Waits until the view has been rebuilt and nothing can be missing from it. */
  async function settled(): Promise<void> {
    await redis.hset('{payments}:meta', 'settled', '1');
  }
  async function wipe(): Promise<void> {
    await redis.del('{payments}:meta', '{payments}:charges');
  }
  /** Asks again while the view is being rebuilt, as the saga does. */
  async function again<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        if ((error as { kind?: string }).kind !== 'unavailable' || tries > 100) throw error;
        await sleep(100);
      }
    }
  }

  let charging: Charging;
  beforeAll(async () => {
    const { name, config } = topics.ledger;
    await connection.ensureTopics([{ name, partitions: PARTITIONS, config: { ...config } }]);
    charging = await replica();
    await settled();
  }, 30_000);
  afterAll(async () => {
    for (const view of views) view.onApplicationShutdown();
    await producer.close();
    await connection.close();
    await wipe();
    redis.disconnect();
  });

  it('charges once, however often and from however many replicas it is asked', async () => {
    const other = await replica();
    const asked = request();
    const outcomes = await Promise.all(
      [charging, other, charging, other].map((replica) => replica.charge(asked)),
    );
    expect(new Set(outcomes)).toEqual(new Set([CHARGED]));
    expect(await charging.charge(asked)).toBe(CHARGED);
    expect(new Set(await entriesOf(asked.orderId))).toEqual(new Set(['/outcome CHARGE 500']));
  });

  it('answers a decline, again and again', async () => {
    const asked = request('tok_decline');
    expect(await charging.charge(asked)).toBe(DECLINED);
    expect(await charging.charge(asked)).toBe(DECLINED);
    expect(await entriesOf(asked.orderId)).toEqual(['/outcome DECLINE 0']);
  });

  it('lets a provider that reports twice leave one charge', async () => {
    const asked = request('tok_twice');
    expect(await charging.charge(asked)).toBe(CHARGED);
    expect(await entriesOf(asked.orderId)).toEqual(['/outcome CHARGE 500', '/outcome CHARGE 500']);
  });

  it('refuses another amount for the same order', async () => {
    const asked = request();
    await charging.charge(asked);
    await expect(charging.charge({ ...asked, amount: 501 })).rejects.toMatchObject({
      kind: 'failed_precondition',
      code: 'AMOUNT_MISMATCH',
    });
  });

  it('refunds what was charged, once', async () => {
    const asked = request();
    await charging.charge(asked);
    expect(await charging.void({ orderId: asked.orderId, reason: 'EXPIRED' })).toBe(true);
    expect(await charging.void({ orderId: asked.orderId, reason: 'EXPIRED' })).toBe(true);
    expect(await charging.charge(asked)).toBe(VOIDED);
    const entries = await entriesOf(asked.orderId);
    expect([...new Set(entries)]).toEqual(['/outcome CHARGE 500', '/refund REFUND 500']);
    expect(entries.filter((entry) => entry.startsWith('/refund'))).toHaveLength(1);
  });

  it('never charges what was voided', async () => {
    const asked = request();
    expect(await charging.void({ orderId: asked.orderId, reason: 'EXPIRED' })).toBe(false);
    expect(await charging.charge(asked)).toBe(VOIDED);
    expect(await entriesOf(asked.orderId)).toEqual(['/outcome VOID 0']);
  });

  it('gives back what the provider took while the order was being voided', async () => {
    const provider = new HeldProvider();
    const held = await replica(provider);
    const asked = request();
    const outcome = held.charge(asked);
    await provider.wasAsked;
    expect(await charging.void({ orderId: asked.orderId, reason: 'EXPIRED' })).toBe(false);
    provider.letGo();
    expect(await outcome).toBe(VOIDED);
    expect(provider.cancelled).toEqual([asked.orderId]);
    expect(await entriesOf(asked.orderId)).toEqual(['/outcome VOID 0']);
  });

  it('knows every charge again after Redis was emptied', async () => {
    const [charged, declined, refunded] = [request(), request('tok_decline'), request()];
    await charging.charge(charged);
    await charging.charge(declined);
    await charging.charge(refunded);
    await charging.void({ orderId: refunded.orderId, reason: 'EXPIRED' });
    await wipe();
    await expect(charging.charge(charged)).rejects.toMatchObject({ code: 'REBUILDING', kind: 'unavailable' });
    expect(await again(() => charging.charge(charged))).toBe(CHARGED);
    expect(await charging.charge(declined)).toBe(DECLINED);
    expect(await charging.charge(refunded)).toBe(VOIDED);
    expect(await entriesOf(charged.orderId)).toEqual(['/outcome CHARGE 500']);
    expect(await charging.void({ orderId: charged.orderId, reason: 'EXPIRED' })).toBe(true);
  });

  it('knows every charge again after the view was renewed, whatever somebody wrote into it', async () => {
    const [charged, declined] = [request(), request('tok_decline')];
    await charging.charge(charged);
    await charging.charge(declined);
    await redis.hset('{payments}:charges', charged.orderId, 'DECLINED|1|0||');
    await redis.hset('{payments}:charges', declined.orderId, 'nonsense');
    expect(await charging.charge(charged)).toBe(DECLINED);
    const asked = request();
    const during = again(() => charging.charge(asked));
    await views[0]?.renew(new AbortController().signal);
    expect(await charging.charge(charged)).toBe(CHARGED);
    expect(await charging.charge(declined)).toBe(DECLINED);
    expect(await during).toBe(CHARGED);
    expect(new Set(await entriesOf(asked.orderId))).toEqual(new Set(['/outcome CHARGE 500']));
  });

  it('does not lose a charge that was under way when Redis was emptied', async () => {
    const provider = new HeldProvider();
    const held = await replica(provider);
    const asked = request();
    const outcome = held.charge(asked);
    await provider.wasAsked;
    await wipe();
    await again(() => charging.charge(request()));
    provider.letGo();
    await expect(outcome).rejects.toMatchObject({ kind: 'unavailable', code: 'VIEW_LOST' });
    expect(await entriesOf(asked.orderId)).toEqual([]);
    expect(await again(() => held.charge(asked))).toBe(CHARGED);
    expect(await entriesOf(asked.orderId)).toEqual(['/outcome CHARGE 500']);
  });

  it('does not promise that no money is kept while an entry may be missing', async () => {
    await wipe();
    await again(() => charging.charge(request()));
    await expect(charging.void({ orderId: request().orderId, reason: 'EXPIRED' })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'UNSETTLED',
    });
  });
});
