/** What both sides of the bench speak: 100 bytes there and back, without a codec, which is nobody's merit. */
const bytesType = {
  create: (base?: unknown) => base ?? {},
  encode: (message: unknown) => ({ finish: () => message as Uint8Array }),
  decode: (bytes: Uint8Array): Uint8Array => bytes,
};

export const PACKAGE = 'flashmesh.bench.v1';
export const PATH = `/${PACKAGE}.Echo/Call`;
export const PAYLOAD = Buffer.alloc(100, 'x');

/** The service as the mesh wants it. */
export const Echo = {
  name: 'Echo',
  fullName: `${PACKAGE}.Echo`,
  methods: {
    call: {
      name: 'Call',
      requestType: bytesType,
      requestStream: false,
      responseType: bytesType,
      responseStream: false,
      // Retries, their budget and their timers are part of what is measured.
      options: { idempotencyLevel: 'NO_SIDE_EFFECTS' as const },
    },
  },
};

export const same = (bytes: Buffer): Buffer => bytes;

/** The same as grpc-js wants it. */
export const grpcEcho = {
  call: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as const;
