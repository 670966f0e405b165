import { topics } from '@flashmesh/contracts';
import type { Clock } from '@flashmesh/core';
import { EventProducer, KafkaConnection } from '@flashmesh/messaging';
import { InjectClock, InjectEnv, InjectLogger, LiveSettings } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Redis } from 'ioredis';
import { livePatience } from './admission/live-patience.ts';
import { liveWaitingRoom } from './admission/live-waiting-room.ts';
import { Patience } from './admission/patience.ts';
import { WaitingRoom } from './admission/waiting-room.ts';
import { AdminToken } from './auth/admin.guard.ts';
import { BuyerTokens } from './auth/buyer-tokens.ts';
import type { GatewayEnv, GatewaySettings } from './env.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { EventMarks } from './ingest/event-marks.ts';
import { IngestController } from './ingest/ingest.controller.ts';
import { Ingest } from './ingest/ingest.ts';
import { OrderChanges } from './live/order-changes.ts';
import { OrderEventsController } from './live/order-events.controller.ts';
import { OrderStreams } from './live/order-stream.ts';
import { PublishedSettings } from './admin/published-settings.ts';
import { AdminController } from './rest/admin.controller.ts';
import { CatalogController } from './rest/catalog.controller.ts';
import { ConfigController } from './rest/config.controller.ts';
import { HealthController } from './rest/health.controller.ts';
import { OperationsController } from './rest/operations.controller.ts';
import { OrdersController } from './rest/orders.controller.ts';
import { SessionsController } from './rest/sessions.controller.ts';

/** What the platform provides under names, for the factories below. */
@Injectable()
class Platform {
  readonly env: GatewayEnv;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly settings: LiveSettings<GatewaySettings>;

  constructor(
    @InjectEnv() env: GatewayEnv,
    @InjectLogger() logger: Logger,
    @InjectClock() clock: Clock,
    settings: LiveSettings<GatewaySettings>,
  ) {
    this.env = env;
    this.logger = logger;
    this.clock = clock;
    this.settings = settings;
  }
}

/** The gateway: REST and server-sent events for buyers and admins, gRPC for systems that push events. */
@Module({
  controllers: [
    OrdersController,
    SessionsController,
    CatalogController,
    AdminController,
    ConfigController,
    OperationsController,
    HealthController,
    OrderEventsController,
    IngestController,
  ],
  providers: [
    Platform,
    OrderChanges,
    PublishedSettings,
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
      useFactory: ({ settings, clock }: Platform) => liveWaitingRoom(settings, clock),
    },
    {
      provide: Patience,
      inject: [Platform, WaitingRoom],
      useFactory: ({ settings, clock }: Platform, room: WaitingRoom) => livePatience(settings, room, clock),
    },
    {
      provide: OrderStreams,
      inject: [Platform, OrderChanges],
      useFactory: ({ settings, clock, logger }: Platform, changes: OrderChanges) =>
        new OrderStreams({
          changes,
          clock,
          logger,
          get limit() {
            return settings.current.maxStreams;
          },
        }),
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
