import { attr, SpanKind, trace, withSpan } from '@flashmesh/telemetry';

/**
 * Runs a ZooKeeper operation in a client span, but only beneath a recording span: pings, re-reads of views and other background
 * work would fill the traces with roots that belong to no request.
 */
export function traced<T>(operation: string, path: string, run: () => Promise<T>): Promise<T> {
  if (!trace.getActiveSpan()?.isRecording()) return run();
  const attributes = {
    [attr.dbSystem]: 'zookeeper',
    [attr.dbOperation]: operation,
    [attr.zookeeperPath]: path,
  };
  return withSpan(`zookeeper ${operation}`, { kind: SpanKind.CLIENT, attributes }, run);
}
