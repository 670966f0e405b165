/**
 * Names of span and metric attributes, after OpenTelemetry's semantic conventions (1.37); the `flashmesh.` ones are ours.
 * Values are low in cardinality wherever an attribute is also put on a metric.
 */
export const attr = {
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',

  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatusCode: 'http.response.status_code',
  urlPath: 'url.path',

  rpcSystem: 'rpc.system',
  rpcService: 'rpc.service',
  rpcMethod: 'rpc.method',
  rpcGrpcStatusCode: 'rpc.grpc.status_code',
  /** The id that the caller has proved, e.g. `spiffe://cluster.local/ns/shop/sa/flashmesh-order`. */
  rpcCaller: 'flashmesh.rpc.caller',

  messagingSystem: 'messaging.system',
  messagingDestination: 'messaging.destination.name',
  messagingPartition: 'messaging.destination.partition.id',
  messagingConsumerGroup: 'messaging.consumer.group.name',
  messagingOperation: 'messaging.operation.type',
  messagingMessageId: 'messaging.message.id',
  messagingBatchCount: 'messaging.batch.message_count',
  messagingKafkaOffset: 'messaging.kafka.offset',
  messagingKafkaKey: 'messaging.kafka.message.key',

  dbSystem: 'db.system.name',
  dbOperation: 'db.operation.name',
  dbNamespace: 'db.namespace',
  dbStoredProcedure: 'db.stored_procedure.name',

  zookeeperPath: 'flashmesh.zookeeper.path',
  instance: 'flashmesh.instance',
  meshTarget: 'flashmesh.rpc.target',
  meshAttempt: 'flashmesh.rpc.attempt',
  meshAttempts: 'flashmesh.rpc.attempts',
  orderId: 'flashmesh.order.id',
  saleId: 'flashmesh.sale.id',
  sku: 'flashmesh.sku',
  cacheName: 'flashmesh.cache.name',
  cacheTier: 'flashmesh.cache.tier',
  cacheOutcome: 'flashmesh.cache.outcome',
} as const;
