import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { status as Status } from '@grpc/grpc-js';
import type { BuiltInService } from './built-in-service.ts';
import { ANYONE, defineRules } from './guard/rules.ts';
import { allBytes, firstString, readFields } from './wire.ts';

/** Fields of google.protobuf.FileDescriptorProto, and of what is in it. */
const FILE = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6 } as const;
const MESSAGE = { name: 1, nested: 3, enum: 4 } as const;
const SERVICE = { name: 1, method: 2 } as const;
/** Fields of grpc.reflection.v1.ServerReflectionRequest, and of the response. */
const REQUEST = { fileByName: 3, fileOfSymbol: 4, listServices: 7 } as const;
const RESPONSE = { host: 1, request: 2, files: 4, services: 6, error: 7 } as const;

interface SchemaFile {
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
}

const raw = {
  encode: (message: unknown) => ({ finish: () => message as Uint8Array }),
  decode: (message: Uint8Array) => message,
  create: (message = new Uint8Array()) => message,
};

/**
 * `grpc.reflection`, v1 and v1alpha: what grpcurl, Postman and their like ask for the schema. Under TLS every caller with an
 * identity may ask.
 *
 * @param fileDescriptors FileDescriptorProtos in base64, as the generated contracts have them.
 * @param services full names of the services that are served; those without a schema are left out.
 */
export function reflection(
  fileDescriptors: readonly string[],
  services: readonly string[],
): BuiltInService[] {
  const schemas = new Schemas(fileDescriptors);
  const listed = services.filter((service) => schemas.ofSymbol(service) !== undefined);
  return ['v1', 'v1alpha'].map((version) => {
    const definition = {
      name: 'ServerReflection',
      fullName: `grpc.reflection.${version}.ServerReflection`,
      methods: {
        info: {
          name: 'ServerReflectionInfo',
          requestType: raw,
          requestStream: true,
          responseType: raw,
          responseStream: true,
        },
      },
    } as const;
    return {
      definition,
      handlers: {
        ServerReflectionInfo: async (requests) =>
          answers(requests as AsyncIterable<Uint8Array>, schemas, listed),
      },
      rules: defineRules(definition, { info: { callers: [ANYONE] } }),
    };
  });
}

async function* answers(
  requests: AsyncIterable<Uint8Array>,
  schemas: Schemas,
  services: readonly string[],
): AsyncGenerator<Uint8Array> {
  for await (const request of requests) yield answer(request, schemas, services);
}

function answer(request: Uint8Array, schemas: Schemas, services: readonly string[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(RESPONSE.host, WireType.LengthDelimited).string(firstString(request, 1));
  writer.tag(RESPONSE.request, WireType.LengthDelimited).bytes(request);
  const asked = fieldAsked(request);
  if (asked === REQUEST.listServices) {
    const list = writer.tag(RESPONSE.services, WireType.LengthDelimited).fork();
    for (const service of services) {
      list.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(service).join();
    }
    list.join();
    return writer.finish();
  }
  const files = filesAsked(request, asked, schemas);
  if (files) {
    const list = writer.tag(RESPONSE.files, WireType.LengthDelimited).fork();
    for (const file of files) list.tag(1, WireType.LengthDelimited).bytes(file);
    list.join();
  } else {
    const error = writer.tag(RESPONSE.error, WireType.LengthDelimited).fork();
    error.tag(1, WireType.Varint).int32(Status.NOT_FOUND);
    error.tag(2, WireType.LengthDelimited).string('there is no such schema').join();
  }
  return writer.finish();
}

/** `undefined` also for extensions: proto3 has none. */
function filesAsked(request: Uint8Array, asked: number, schemas: Schemas): Uint8Array[] | undefined {
  const name = firstString(request, asked);
  if (asked === REQUEST.fileByName) return schemas.withImports(name);
  const file = asked === REQUEST.fileOfSymbol ? schemas.ofSymbol(name) : undefined;
  return file === undefined ? undefined : schemas.withImports(file);
}

/** Which field of the oneof is set. */
function fieldAsked(request: Uint8Array): number {
  let asked = 0;
  readFields(request, (_reader, field) => {
    if (field > 1) asked = field;
    return false;
  });
  return asked;
}

/** Schemas by file and by symbol. */
class Schemas {
  private readonly files = new Map<string, SchemaFile>();
  private readonly symbols = new Map<string, string>();

  constructor(fileDescriptors: readonly string[]) {
    for (const text of fileDescriptors) this.add(Buffer.from(text, 'base64'));
  }

  /** The name of the file that a service, method, message or enum is in. */
  ofSymbol(symbol: string): string | undefined {
    return this.symbols.get(symbol);
  }

  /** The file, and all that it imports, each once; `undefined` when there is no such file. */
  withImports(name: string): Uint8Array[] | undefined {
    if (!this.files.has(name)) return undefined;
    const names = new Set([name]);
    // A set is walked to its end, which moves while the imports of imports are added.
    for (const next of names) {
      for (const imported of this.files.get(next)?.dependencies ?? []) names.add(imported);
    }
    return [...names].flatMap((next) => this.files.get(next)?.bytes ?? []);
  }

  private add(bytes: Uint8Array): void {
    const name = firstString(bytes, FILE.name);
    const scope = firstString(bytes, FILE.package);
    const dependencies = allBytes(bytes, FILE.dependency).map((text) => Buffer.from(text).toString());
    this.files.set(name, { bytes, dependencies });
    for (const message of allBytes(bytes, FILE.message)) this.addMessage(message, scope, name);
    for (const type of allBytes(bytes, FILE.enum)) this.symbols.set(`${scope}.${firstString(type, 1)}`, name);
    for (const service of allBytes(bytes, FILE.service)) {
      const full = `${scope}.${firstString(service, SERVICE.name)}`;
      this.symbols.set(full, name);
      for (const method of allBytes(service, SERVICE.method)) {
        this.symbols.set(`${full}.${firstString(method, 1)}`, name);
      }
    }
  }

  private addMessage(message: Uint8Array, scope: string, file: string): void {
    const full = `${scope}.${firstString(message, MESSAGE.name)}`;
    this.symbols.set(full, file);
    for (const nested of allBytes(message, MESSAGE.nested)) this.addMessage(nested, full, file);
    for (const type of allBytes(message, MESSAGE.enum))
      this.symbols.set(`${full}.${firstString(type, 1)}`, file);
  }
}
