import { type order, topics } from '@flashmesh/contracts';
import {
  defineScript,
  EventProducer,
  type IncomingEvent,
  KafkaConnection,
  KafkaServer,
  type ProjectionRun,
  readLog,
  RedisProjection,
} from '@flashmesh/messaging';
import { InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type OutboxEntry, toOutbox, toOutboxEvent } from './outbox.ts';

/** For each pair (order id, outbox entry): remembers the shipment and announces it, unless it is known already. */
const schedule = defineScript(
  'fulfillment.schedule',
  `
  local scheduled = 0
  for i = 1, #A, 2 do
    if redis.call('HSETNX', S.shipments, A[i], '1') == 1 then
      emit(A[i + 1])
      scheduled = scheduled + 1
    end
  end
  return scheduled
  `,
);

/** The shipments: one for each confirmed order, remembered in Redis together with the position in `orders.events`. */
@Injectable()
export class Shipments implements OnModuleInit {
  private readonly projection: RedisProjection;
  private readonly kafka: KafkaConnection;
  private readonly server: KafkaServer;

  constructor(
    redis: Redis,
    kafka: KafkaConnection,
    producer: EventProducer,
    server: KafkaServer,
    @InjectLogger() logger: Logger,
  ) {
    this.kafka = kafka;
    this.server = server;
    this.projection = new RedisProjection({
      name: 'fulfillment',
      redis,
      producer,
      logger,
      stateKeys: ['shipments'],
      toEvent: toOutboxEvent,
      rebuild: (partition, run) => this.rebuild(partition, run),
    });
  }

  onModuleInit(): void {
    this.server.ownPartitions(topics.orderEvents, this.projection);
  }

  /** Has the state rebuilt from the log; resolves when it is. @throws as `RedisProjection.renew`. */
  async renew(signal: AbortSignal): Promise<void> {
    await this.projection.renew(await this.kafka.partitionsOf(topics.orderEvents.name), signal);
  }

  /** Schedules what a batch of one partition's events calls for; the position moves in the same step. */
  async schedule(events: readonly IncomingEvent<order.OrderEvent>[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    await this.projection.apply(schedule, last.partition, { upTo: last.offset }, scheduleArgs(events));
  }

  private async rebuild(partition: number, run: ProjectionRun): Promise<number> {
    const announced = new Set<string>();
    await readLog(this.kafka, topics.shipments, { partition }, (events) => {
      for (const { id } of events) announced.add(id);
    });
    const ends = await readLog(this.kafka, topics.orderEvents, { partition }, async (events) => {
      await run.apply(schedule, {}, scheduleArgs(events));
    });
    await run.filterOutbox((entry) => !announced.has((JSON.parse(entry) as OutboxEntry).id));
    return ends.get(partition) ?? 0;
  }
}

function scheduleArgs(events: readonly IncomingEvent<order.OrderEvent>[]): string[] {
  return events.flatMap((event) => {
    const entry = toOutbox(event);
    return entry ? [entry.data.orderId, JSON.stringify(entry)] : [];
  });
}
