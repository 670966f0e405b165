import { isIP } from 'node:net';
import { messageOf } from '@flashmesh/core';
import { Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import type { Logger } from './logger.ts';

/** How long the collector may take for one batch, in milliseconds. */
const EXPORT_TIMEOUT_MS = 5000;
const MAX_RECONNECT_MS = 10_000;

/** @internal The result that the SDK's batch processor and metric reader expect: 0 is success, 1 is failure. */
type ReportResult = (result: { code: 0 | 1; error?: Error }) => void;

/** @internal What encodes one signal: `ProtobufTraceSerializer`, `ProtobufMetricsSerializer`. */
interface Encoder<T> {
  serializeRequest(items: T): Uint8Array | undefined;
}

/**
 * One connection to an OTLP/gRPC collector that traces and metrics share.
 *
 * OpenTelemetry's own gRPC exporters load grpc-js with a run-time `require`; inside a bundle that is a second copy of it,
 * whose metadata the bundled client refuses ("Incorrect arguments passed"), or none where no node_modules exist. This one
 * imports it like everybody else, and adds what they lack: while the collector does not answer, batches are dropped before
 * they are encoded, and the log gets one line when that begins and one when it ends.
 */
export class OtlpConnection {
  private readonly client: Client;
  private readonly endpoint: string;
  private readonly logger: Logger;
  private reachable = true;

  /** @throws TypeError when the endpoint is not an http or https URL */
  constructor(endpoint: string, logger: Logger) {
    const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new TypeError(`otlpEndpoint must be an http or https URL, got ${endpoint}`);
    }
    this.endpoint = url.origin;
    this.logger = logger;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    const scheme = isIP(host) === 0 ? 'dns:' : isIP(host) === 6 ? 'ipv6:' : 'ipv4:';
    this.client = new Client(
      `${scheme}${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
      url.protocol === 'https:' ? credentials.createSsl() : credentials.createInsecure(),
      {
        // The collector is always inside the mesh's own network.
        'grpc.enable_http_proxy': 0,
        'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS,
        'grpc.enable_channelz': 0,
      },
    );
  }

  /** An exporter of one signal over this connection. It reports failures to the SDK and never throws. */
  exporter<T>(path: string, encoder: Encoder<T>): SignalExporter<T> {
    return {
      export: (items, report) => this.send(path, encoder, items, report),
      shutdown: async () => {},
      forceFlush: async () => {},
    };
  }

  close(): void {
    this.client.close();
  }

  private send<T>(path: string, encoder: Encoder<T>, items: T, report: ReportResult): void {
    const fail = (error: Error) => {
      this.note(false, error);
      report({ code: 1, error });
    };
    try {
      // Asking also starts a new attempt where the connection idles.
      if (this.client.getChannel().getConnectivityState(true) === connectivityState.TRANSIENT_FAILURE) {
        return fail(new Error('connection refused or lost'));
      }
      const request = encoder.serializeRequest(items);
      if (!request) return report({ code: 1, error: new Error('nothing to encode') });
      this.client.makeUnaryRequest(
        path,
        asBuffer,
        asBuffer,
        request,
        new Metadata(),
        { deadline: Date.now() + EXPORT_TIMEOUT_MS },
        (error) => {
          if (error) return fail(error);
          this.note(true);
          report({ code: 0 });
        },
      );
    } catch (error) {
      fail(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }

  private note(reachable: boolean, error?: Error): void {
    if (reachable === this.reachable) return;
    this.reachable = reachable;
    if (reachable) this.logger.info({ endpoint: this.endpoint }, 'the collector answers again');
    else {
      this.logger.warn(
        { endpoint: this.endpoint, reason: error?.message },
        'the collector does not take traces and metrics: they are dropped until it does',
      );
    }
  }
}

/** @internal Fits both `SpanExporter` and `PushMetricExporter`. */
export interface SignalExporter<T> {
  export(items: T, report: ReportResult): void;
  shutdown(): Promise<void>;
  forceFlush(): Promise<void>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
