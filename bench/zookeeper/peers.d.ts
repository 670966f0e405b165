/** The part of `node-zookeeper-client`, which has no types, that the bench uses. */
declare module 'node-zookeeper-client' {
  type Done = (error: unknown, value?: unknown) => void;

  interface Client {
    connect(): void;
    close(): void;
    once(event: 'connected', listener: () => void): void;
    on(event: string, listener: () => void): void;
    create(path: string, data: Buffer, done: Done): void;
    getData(path: string, done: Done): void;
    getData(path: string, watcher: () => void, done: Done): void;
    setData(path: string, data: Buffer, version: number, done: Done): void;
    remove(path: string, version: number, done: Done): void;
  }

  const zookeeper: { createClient(servers: string, options: { sessionTimeout: number }): Client };
  export default zookeeper;
}
