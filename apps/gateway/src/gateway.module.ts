import { topics } from '@flashmesh/contracts';
import type { Clock } from '@flashmesh/core';
import { EventProducer, KafkaConnection } from '@flashmesh/messaging';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Redis } from 'ioredis';
import { AdaptiveLimit } from './admission/adaptive-limit.ts';
import { Patience } from './admission/patience.ts';
import { WaitingRoom } from './admission/waiting-room.ts';
import { AdminToken } from './auth/admin.guard.ts';
import { BuyerTokens } from './auth/buyer-tokens.ts';
import type { GatewayEnv } from './env.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { EventMarks } from './ingest/event-marks.ts';
import { IngestController } from './ingest/ingest.controller.ts';
import { Ingest } from './ingest/ingest.ts';
import { OrderChanges } from './live/order-changes.ts';
import { OrderEventsController } from './live/order-events.controller.ts';
import { OrderStreams } from './live/order-stream.ts';
import { AdminController } from './rest/admin.controller.ts';
import { CatalogController } from './rest/catalog.controller.ts';
import { HealthController } from './rest/health.controller.ts';
import { OrdersController } from './rest/orders.controller.ts';
import { SessionsController } from './rest/sessions.controller.ts';

/** However slow everything is: so few that what is behind can answer them, so many that one slow order does not hold up the rest. */
const MIN_IN_FLIGHT = 4;

/** What the platform provides under names, for the factories below. */
@Injectable()
class Platform {
  readonly env: GatewayEnv;
  readonly logger: Logger;
  readonly clock: Clock;

  constructor(@InjectEnv() env: GatewayEnv, @InjectLogger() logger: Logger, @InjectClock() clock: Clock) {
    this.env = env;
    this.logger = logger;
    this.clock = clock;
  }
}

/** The gateway: REST and server-sent events for buyers and admins, gRPC for systems that push events. */
@Module({
  controllers: [
    OrdersController,
    SessionsController,
    CatalogController,
    AdminController,
    HealthController,
    OrderEventsController,
    IngestController,
  ],
  providers: [
    Platform,
    OrderChanges,
    { provide: APP_FILTER, useClass: ProblemFilter },
    {
      provide: BuyerTokens,
      inject: [Platform],
      useFactory: ({ env, clock }: Platform) =>
        new BuyerTokens({ secret: env.TOKEN_SECRET, ttlSeconds: env.TOKEN_TTL_SECONDS, clock }),
    },
    {
      provide: AdminToken,
      inject: [Platform],
      useFactory: ({ env }: Platform) => new AdminToken(env.ADMIN_TOKEN),
    },
    {
      provide: WaitingRoom,
      inject: [Platform],
      useFactory: ({ env, clock }: Platform) =>
        new WaitingRoom({
          limit: new AdaptiveLimit({
            min: Math.min(MIN_IN_FLIGHT, env.GATEWAY_MAX_IN_FLIGHT),
            max: env.GATEWAY_MAX_IN_FLIGHT,
            targetMs: env.GATEWAY_TARGET_MS,
            clock,
          }),
          maxWaiting: env.GATEWAY_MAX_WAITING,
          maxWaitMs: env.GATEWAY_MAX_WAIT_MS,
          clock,
        }),
    },
    {
      provide: Patience,
      inject: [Platform],
      useFactory: ({ env, clock }: Platform) => new Patience({ budgetMs: env.GATEWAY_PATIENCE_MS, clock }),
    },
    {
      provide: OrderStreams,
      inject: [Platform, OrderChanges],
      useFactory: ({ env, clock, logger }: Platform, changes: OrderChanges) =>
        new OrderStreams({ changes, clock, logger, limit: env.GATEWAY_MAX_STREAMS }),
    },
    {
      provide: Ingest,
      inject: [Platform, Redis, KafkaConnection, EventProducer],
      useFactory: (
        { clock, logger }: Platform,
        redis: Redis,
        kafka: KafkaConnection,
        producer: EventProducer,
      ) =>
        new Ingest({
          topic: topics.ingest,
          marks: new EventMarks(redis, 'ingest'),
          kafka,
          producer,
          logger,
          clock,
        }),
    },
  ],
})
export class GatewayModule {}
