/** What the bench asks of a client: the same for each. */
export interface BenchClient {
  create(path: string, data: Buffer): Promise<unknown>;
  get(path: string): Promise<unknown>;
  /** Resolves when the watch is armed; `fired` is called with its event. */
  watch(path: string, fired: () => void): Promise<unknown>;
  set(path: string, data: Buffer): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  close(): Promise<unknown> | void;
}

export const makers: Readonly<Record<string, (servers: string) => Promise<BenchClient>>> = {
  '@flashmesh/zookeeper': async (servers) => {
    const { ZooKeeper } = await import('../../libs/zookeeper/src/index.ts');
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 30_000 });
    return {
      create: (path, data) => zk.create(path, data),
      get: (path) => zk.get(path),
      watch: (path, fired) => zk.get(path, { watch: fired }),
      set: (path, data) => zk.set(path, data),
      remove: (path) => zk.delete(path),
      close: () => zk.close(),
    };
  },

  'node-zookeeper-client': async (servers) => {
    const { default: zookeeper } = await import('node-zookeeper-client');
    const zk = zookeeper.createClient(servers, { sessionTimeout: 30_000 });
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
      close: () => zk.close(),
    };
  },

  zookeeper: async (servers) => {
    const { default: ZooKeeper } = await import('zookeeper');
    const zk = new ZooKeeper({
      connect: servers,
      timeout: 30_000,
      debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
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
      close: () => zk.close(),
    };
  },
};
