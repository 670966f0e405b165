/**
 * A service that needs no generated code, so that a replica can run straight from its source: generated enums are more than Node
 * strips. Messages are JSON; the mesh does not look into them.
 */
export interface EchoRequest {
  readonly text: string;
}

export interface EchoResponse {
  readonly text: string;
  /** The process that answered. */
  readonly pid: number;
}

function jsonType<T extends object>(empty: T) {
  return {
    create: (base: Partial<T> = {}): T => ({ ...empty, ...base }),
    encode: (message: unknown) => ({ finish: () => new TextEncoder().encode(JSON.stringify(message)) }),
    decode: (bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T,
  };
}

const requestType = jsonType<EchoRequest>({ text: '' });
const responseType = jsonType<EchoResponse>({ text: '', pid: 0 });
const unary = { requestType, requestStream: false, responseType, responseStream: false };

export const Echo = {
  name: 'Echo',
  fullName: 'flashmesh.spec.v1.Echo',
  methods: {
    /** May be made twice. */
    read: { ...unary, name: 'Read', options: { idempotencyLevel: 'NO_SIDE_EFFECTS' as const } },
    /** May not. */
    write: { ...unary, name: 'Write', options: {} },
  },
};
