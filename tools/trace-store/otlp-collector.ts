import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';

const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Every export response with nothing to complain of is the empty message. */
const ACCEPTED = Buffer.alloc(0);
const asIs = (bytes: Buffer) => bytes;

/** A running collector. */
export interface Collector {
  readonly port: number;
  close(): void;
}

/**
 * Takes OTLP over gRPC without decoding it. Metrics and logs are accepted and dropped, so that nobody's exporter complains.
 *
 * @param onTraces gets the bytes of each ExportTraceServiceRequest
 * @throws Error when the port is taken
 */
export async function startCollector(
  host: string,
  port: number,
  onTraces: (request: Buffer) => void,
): Promise<Collector> {
  const server = new Server({ 'grpc.max_receive_message_length': MAX_REQUEST_BYTES });
  const signals = { trace: onTraces, metrics: () => {}, logs: () => {} };
  for (const [signal, take] of Object.entries(signals)) {
    const service = `${signal[0]?.toUpperCase()}${signal.slice(1)}Service`;
    const definition = {
      path: `/opentelemetry.proto.collector.${signal}.v1.${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    server.addService(
      { export: definition },
      {
        export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          take(call.request);
          answer(null, ACCEPTED);
        },
      },
    );
  }
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
      error ? reject(error) : resolve(actual),
    );
  });
  return { port: bound, close: () => server.forceShutdown() };
}
