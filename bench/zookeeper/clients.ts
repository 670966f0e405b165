/** What the bench asks of a client: the same of each. */
export interface BenchClient {
  create(path: string, data: Buffer): Promise<unknown>;
  get(path: string): Promise<unknown>;
  /** Resolves when the watch is armed; `fired` is called with its event. */
  watch(path: string, fired: () => void): Promise<unknown>;
  set(path: string, data: Buffer): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  /** Calls `listener` when the client says that its connection is gone, or its session. */
  onLost(listener: () => void): void;
  close(): Promise<unknown> | void;
}

/** Opens a session with a timeout of that many milliseconds, in the way that the client's own manual shows. */
type Connect = (servers: string, sessionTimeoutMs: number) => Promise<BenchClient>;

export const OURS = '@flashmesh/zookeeper';
export const NATIVE = 'zookeeper';

export const clients: Readonly<Record<string, Connect>> = {
  [OURS]: async (servers, sessionTimeoutMs) => {
    const { ZooKeeper } = await import('../../libs/zookeeper/src/index.ts');
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs });
    return {
      create: (path, data) => zk.create(path, data),
      get: (path) => zk.get(path),
      watch: (path, fired) => zk.get(path, { watch: fired }),
      set: (path, data) => zk.set(path, data),
      remove: (path) => zk.delete(path),
      onLost: (listener) => void zk.onState(({ name }) => name !== 'connected' && listener()),
      close: () => zk.close(),
    };
  },

  'node-zookeeper-client': async (servers, sessionTimeoutMs) => {
    const { default: zookeeper } = await import('node-zookeeper-client');
    const zk = zookeeper.createClient(servers, { sessionTimeout: sessionTimeoutMs });
    const connected = new Promise<void>((resolve) => zk.once('connected', resolve));
    zk.connect();
    await connected;
    const call = (run: (done: (error: unknown, value?: unknown) => void) => void) =>
      new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));
    return {
      create: (path, data) => call((done) => zk.create(path, data, done)),
      get: (path) => call((done) => zk.getData(path, done)),
      watch: (path, fired) => call((done) => zk.getData(path, () => fired(), done)),
      set: (path, data) => call((done) => zk.setData(path, data, -1, done)),
      remove: (path) => call((done) => zk.remove(path, -1, done)),
      onLost: (listener) => {
        for (const event of ['disconnected', 'expired']) zk.on(event, listener);
      },
      close: () => zk.close(),
    };
  },

  [NATIVE]: async (servers, sessionTimeoutMs) => {
    const { default: ZooKeeper } = await import('zookeeper');
    const zk = new ZooKeeper({
      connect: servers,
      timeout: sessionTimeoutMs,
      debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
      host_order_deterministic: false,
      data_as_buffer: true,
    });
    await new Promise((resolve, reject) =>
      zk.connect({}, (error: unknown, client: unknown) => (error ? reject(error) : resolve(client))),
    );
    return {
      create: (path, data) => zk.create(path, data, 0),
      get: (path) => zk.get(path, false),
      watch: (path, fired) => zk.w_get(path, () => fired()),
      set: (path, data) => zk.set(path, data, -1),
      remove: (path) => zk.delete_(path, -1),
      onLost: (listener) => {
        for (const event of ['connecting', 'close']) zk.on(event, listener);
      },
      close: () => zk.close(),
    };
  },
};

/** The client of that name, connected. */
export function connect(name: string, servers: string, sessionTimeoutMs: number): Promise<BenchClient> {
  const open = clients[name];
  if (!open) throw new RangeError(`there is no client ${name}; there are ${Object.keys(clients).join(', ')}`);
  return open(servers, sessionTimeoutMs);
}
