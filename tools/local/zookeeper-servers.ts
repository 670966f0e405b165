import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessSpec } from './managed-process.ts';
import { properties } from './properties-file.ts';
import { zooKeeperReady } from './readiness.ts';
import { StackError } from './stack-error.ts';

/** How many ZooKeeper servers there can be: one alone, or the smallest ensemble that survives the loss of one. */
export const zooKeeperCounts = [1, 3] as const;
export type ZooKeeperCount = (typeof zooKeeperCounts)[number];

/** Where one server listens, all on 127.0.0.1. */
export interface ZooKeeperPorts {
  readonly client: number;
  /** For followers, when it leads. */
  readonly quorum: number;
  readonly election: number;
}

/** What servers allow beside what is usual. */
export interface ZooKeeperTuning {
  /** Four letter words that are answered beside `srvr`. @default none */
  readonly fourLetterWords?: readonly string[];
  /** How often empty container nodes are looked for, milliseconds. @default 60_000, ZooKeeper's own */
  readonly containerCheckMs?: number;
}

/** Three together need hardly more than one alone. */
const heapOf = (count: number) => ['-Xms16m', count === 1 ? '-Xmx128m' : '-Xmx80m'];

/**
 * How to start the ZooKeeper servers, `zookeeper` alone or `zookeeper-1` to `zookeeper-3`, with their data below `data`; writes
 * their configuration. They are ready when there is a quorum.
 *
 * @param java the program and what comes before a main class, for a heap.
 * @throws StackError when `data` holds what another number of servers has left.
 */
export async function zooKeeperSpecs(
  java: { command: string; args: (heap: readonly string[], ...rest: string[]) => string[] },
  servers: readonly ZooKeeperPorts[],
  folders: { data: string; logs: string },
  tuning: ZooKeeperTuning = {},
): Promise<ProcessSpec[]> {
  const names = namesOf(servers.length);
  refuseOtherData(folders.data, names);
  const system =
    tuning.containerCheckMs === undefined
      ? []
      : [`-Dznode.container.checkIntervalMs=${tuning.containerCheckMs}`];
  return Promise.all(
    servers.map(async ({ client }, index) => {
      const name = names[index] as string;
      const folder = join(folders.data, name);
      const config = join(folders.data, `${name}.cfg`);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'myid'), `${index + 1}\n`);
      await writeFile(config, configOf(folder, client, servers, tuning));
      return {
        name,
        command: java.command,
        args: java.args(
          [...heapOf(servers.length), ...system],
          'org.apache.zookeeper.server.quorum.QuorumPeerMain',
          config,
        ),
        logFile: join(folders.logs, `${name}.log`),
        ready: () => zooKeeperReady(client),
      };
    }),
  );
}

/** The process names, in the order of the servers' ids. */
function namesOf(count: number): string[] {
  return count === 1 ? ['zookeeper'] : Array.from({ length: count }, (_, i) => `zookeeper-${i + 1}`);
}

/** Transaction ids begin anew with an empty ensemble: fencing tokens that Kafka's data remember would be from another world. */
function refuseOtherData(data: string, names: readonly string[]): void {
  const other = zooKeeperCounts
    .flatMap(namesOf)
    .find((name) => !names.includes(name) && existsSync(join(data, name)));
  if (other === undefined) return;
  throw new StackError(
    `The data of an earlier run are of ${other === 'zookeeper' ? 'one ZooKeeper server' : 'several ZooKeeper servers'}.`,
    `Give the same --zookeeper as then, or throw the data away with --fresh.`,
  );
}

function configOf(
  folder: string,
  clientPort: number,
  servers: readonly ZooKeeperPorts[],
  { fourLetterWords = [] }: ZooKeeperTuning,
): string {
  return properties({
    tickTime: 1000,
    dataDir: folder,
    clientPort,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
    maxClientCnxns: 0,
    extendedTypesEnabled: true,
    ...(fourLetterWords.length === 0
      ? {}
      : { '4lw.commands.whitelist': ['srvr', ...fourLetterWords].join(',') }),
    ...(servers.length === 1 ? {} : ensembleOf(servers)),
  });
}

function ensembleOf(servers: readonly ZooKeeperPorts[]): Record<string, string | number> {
  const members = servers.map(({ quorum, election }, i): [string, string] => [
    `server.${i + 1}`,
    `127.0.0.1:${quorum}:${election}`,
  ]);
  // In ticks: generous at the start, when three virtual machines warm up at once; a silent follower is dropped soon.
  return { initLimit: 20, syncLimit: 5, ...Object.fromEntries(members) };
}
