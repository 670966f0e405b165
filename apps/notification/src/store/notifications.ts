import { type order, topics } from '@flashmesh/contracts';
import {
  contextOf,
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
import { context, type Logger } from '@flashmesh/telemetry';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { messageFor } from '../domain/message.ts';

/** Remembers the orders (all arguments) as told and returns those that were not yet. */
const markTold = defineScript(
  'notification.markTold',
  `
  local fresh = {}
  for i = 1, #A do
    if redis.call('HSETNX', S.told, A[i], '1') == 1 then fresh[#fresh + 1] = A[i] end
  end
  return fresh
  `,
);

/**
 * Tells buyers how their orders ended: a log line stands for the mail. Who was told is remembered in Redis with the position in
 * `orders.events`, so each buyer is told once. After Redis was emptied, what the consumer group had committed to Kafka
 * counts as told; the commit trails a little, so a few buyers may be told twice then, and none is forgotten.
 */
@Injectable()
export class Notifications implements OnModuleInit {
  private readonly projection: RedisProjection;
  private readonly kafka: KafkaConnection;
  private readonly server: KafkaServer;
  private readonly logger: Logger;

  constructor(
    redis: Redis,
    kafka: KafkaConnection,
    producer: EventProducer,
    server: KafkaServer,
    @InjectLogger() logger: Logger,
  ) {
    this.kafka = kafka;
    this.server = server;
    this.logger = logger;
    this.projection = new RedisProjection({
      name: 'notification',
      redis,
      producer,
      logger,
      stateKeys: ['told'],
      toEvent: (entry) => {
        throw new TypeError(`notification publishes nothing, but its outbox holds ${entry}`);
      },
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

  /** Tells whom a batch of one partition's events concerns, each once. */
  async tell(events: readonly IncomingEvent<order.OrderEvent>[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    const fresh = await this.projection.apply(
      markTold,
      last.partition,
      { upTo: last.offset },
      endedOrders(events),
    );
    const untold = new Set(fresh as string[]);
    for (const event of events) {
      const message = messageFor(event.data);
      // A second record of the same end in this batch finds its order already taken out.
      if (!message || !untold.delete(message.orderId)) continue;
      context.with(contextOf(event), () => this.logger.info(message, 'buyer notified'));
    }
  }

  private async rebuild(partition: number, run: ProjectionRun): Promise<number> {
    const told = await this.kafka.committedOffset('notification', topics.orderEvents.name, partition);
    const ends = await readLog(this.kafka, topics.orderEvents, { partition }, async (events) => {
      const before = events.filter(({ offset }) => offset < told);
      if (before.length > 0) await run.apply(markTold, {}, endedOrders(before));
    });
    return Math.min(told, ends.get(partition) ?? 0);
  }
}

function endedOrders(events: readonly IncomingEvent<order.OrderEvent>[]): string[] {
  return events.flatMap((event) => messageFor(event.data)?.orderId ?? []);
}
