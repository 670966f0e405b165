import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream, ServiceDefinition } from '@grpc/grpc-js';
import { FlashmeshError } from '@flashmesh/core';
import { statusFromError } from './status.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** The only field of the request (a string) and of the response (an enum). */
const FIELD = 1;

/** An object and not the name alone: grpc-js takes the empty name for a missing request. */
interface Request {
  readonly service: string;
}

type Watcher = ServerWritableStream<Request, number>;

/**
 * The standard health service, `grpc.health.v1.Health`: what probes, load balancers and `grpc_health_probe` ask. Its two
 * messages have one field each, so they are written here by hand. The server as a whole is the service ''.
 *
 * @internal
 */
export class HealthService {
  private readonly services: ReadonlySet<string>;
  private readonly watchers = new Set<Watcher>();
  private serving = false;

  constructor(services: readonly string[]) {
    this.services = new Set(['', ...services]);
  }

  readonly definition = {
    check: method('Check', false),
    watch: method('Watch', true),
  } satisfies ServiceDefinition;

  readonly implementation = {
    check: (call: ServerUnaryCall<Request, number>, respond: sendUnaryData<number>) => {
      const status = this.statusOf(call.request.service);
      if (status !== SERVICE_UNKNOWN) return respond(null, status);
      return respond(statusFromError(new FlashmeshError('not_found', 'UNKNOWN_SERVICE', 'not served here')));
    },
    watch: (call: Watcher) => {
      this.watchers.add(call);
      call.on('cancelled', () => this.watchers.delete(call));
      call.write(this.statusOf(call.request.service));
    },
  };

  setServing(serving: boolean): void {
    if (this.serving === serving) return;
    this.serving = serving;
    for (const watcher of this.watchers) {
      if (this.services.has(watcher.request.service)) watcher.write(this.statusOf(watcher.request.service));
    }
  }

  /** Ends every watch: one that stays open would hold up a graceful stop for ever. */
  end(): void {
    for (const watcher of this.watchers) watcher.end();
    this.watchers.clear();
  }

  private statusOf(service: string): number {
    if (!this.services.has(service)) return SERVICE_UNKNOWN;
    return this.serving ? SERVING : NOT_SERVING;
  }
}

function method(name: string, responseStream: boolean) {
  return {
    path: `/grpc.health.v1.Health/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: ({ service }: Request) =>
      finish(new BinaryWriter().tag(FIELD, WireType.LengthDelimited).string(service)),
    requestDeserialize: (bytes: Buffer): Request => ({
      service: field(bytes, '', (reader) => reader.string()),
    }),
    responseSerialize: (status: number) =>
      finish(new BinaryWriter().tag(FIELD, WireType.Varint).int32(status)),
    responseDeserialize: (bytes: Buffer) => field(bytes, 0, (reader) => reader.int32()),
  };
}

function finish(writer: BinaryWriter): Buffer {
  return Buffer.from(writer.finish());
}

/** The one field that we know of a message, or its default; what newer versions may add is skipped. */
function field<T>(bytes: Buffer, absent: T, read: (reader: BinaryReader) => T): T {
  const reader = new BinaryReader(bytes);
  let value = absent;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === FIELD) value = read(reader);
    else reader.skip(type);
  }
  return value;
}
