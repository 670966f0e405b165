export { EventContext, KafkaServer, type KafkaServerOptions } from './kafka-server.ts';
export { OnEvent, type OnEventOptions } from './on-event.ts';
export { type EventAttributes, type IncomingEvent } from './envelope.ts';
export {
  EventProducer,
  type EventProducerOptions,
  type EventToPublish,
  type OutboxEvent,
  type RawRecord,
} from './event-producer.ts';
export {
  type EnsureTopicsOptions,
  KafkaConnection,
  type KafkaConnectionOptions,
  type TopicSpec,
} from './kafka-connection.ts';
export { type PartitionControl, type PartitionOwner } from './partition-owner.ts';
export { PositionLost, type PositionLostReason } from './position-lost.ts';
export { readLog, type ReadLogOptions } from './read-log.ts';
export { type ProjectionRun } from './projection-run.ts';
export { RedisProjection, type RedisProjectionOptions } from './redis-projection.ts';
export { type RetryPolicy } from './retry-policy.ts';
export { defineScript, type Script, type ScriptArgument } from './script.ts';
export { contextOf } from './tracing.ts';
export { isTransient } from './transient.ts';
