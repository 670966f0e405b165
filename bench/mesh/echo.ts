/** What both sides of the bench speak: 100 bytes there and back, without a codec, which is nobody's merit. */
const bytesType = {
  create: (base?: unknown) => base ?? {},
  encode: (message: unknown) => ({ finish: () => message as Uint8Array }),
  decode: (bytes: Uint8Array): Uint8Array => bytes,
};

export const Echo = {
  name: 'Echo',
  fullName: 'flashmesh.bench.v1.Echo',
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

export const PATH = '/flashmesh.bench.v1.Echo/Call';
export const PAYLOAD = Buffer.alloc(100, 'x');
