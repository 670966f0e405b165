import { appInstances } from './apps.ts';
import { PortPicker } from './ports.ts';
import type { ZooKeeperCount, ZooKeeperPorts } from './zookeeper-servers.ts';

/** Ports that somebody insists on; the others are the usual ones when free, else any free ones. */
export type AskedPorts = Partial<
  Record<'gateway' | 'zookeeper' | 'kafka' | 'redis' | 'otlp' | 'traces', number>
>;

/** Every port of a stack, all on 127.0.0.1. */
export interface StackPorts {
  /** One server, or the members of an ensemble. */
  readonly zookeeper: readonly ZooKeeperPorts[];
  readonly kafka: number;
  readonly kafkaController: number;
  readonly redis: number;
  readonly otlp: number;
  readonly http: number;
  readonly gateway: number;
  readonly grpc: Readonly<Record<string, number>>;
  readonly health: Readonly<Record<string, number>>;
}

/** @param asked `zookeeper` is the first server's. @throws StackError when a port that was asked for is in use. */
export async function pickPorts(asked: AskedPorts, zooKeepers: ZooKeeperCount = 1): Promise<StackPorts> {
  const picker = new PortPicker();
  // Those that were asked for come first, or another one might take their place.
  const required: Partial<Record<keyof AskedPorts, number>> = {};
  for (const [name, port] of Object.entries(asked) as [keyof AskedPorts, number | undefined][]) {
    if (port !== undefined) required[name] = await picker.require(port, `--${name}-port`);
  }
  const pick = async (name: keyof AskedPorts, usual: number) => required[name] ?? (await picker.pick(usual));
  const zookeeper: ZooKeeperPorts[] = [];
  for (let i = 0; i < zooKeepers; i++) {
    zookeeper.push({
      client: i === 0 ? await pick('zookeeper', 2181) : await picker.pick(2181 + i),
      // Only a leader listens for followers: the usual port of another stack's follower would look free.
      quorum: await picker.any(),
      election: await picker.any(),
    });
  }
  const ports = {
    zookeeper,
    kafka: await pick('kafka', 9092),
    kafkaController: await picker.pick(9093),
    redis: await pick('redis', 6379),
    otlp: await pick('otlp', 4317),
    http: await pick('traces', 16686),
    gateway: await pick('gateway', 3000),
  };
  const grpc: Record<string, number> = {};
  const health: Record<string, number> = {};
  for (const { name, grpcPort } of appInstances) {
    grpc[name] = await picker.pick(grpcPort);
    health[name] = await picker.pick(grpcPort + 100);
  }
  return { ...ports, grpc, health };
}
